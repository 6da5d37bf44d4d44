"""What the README says works: its commands and its Python, word for word."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BIN = Path(sys.executable).parent


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)


def speechvq_commands() -> list[str]:
    lines = [line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("speechvq ")]


@pytest.fixture
def workplace(tmp_path):
    """A folder with the files that the README speaks of."""
    clip = ROOT / "tests" / "clips" / "female.flac"
    for name in ("talk.wav", "anna/one.wav", "anna/two.wav", "ben/one.wav"):
        target = tmp_path / ("recordings/" + name if "/" in name else name)
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([BIN / "python", "-c", COPY, clip, target], check=True)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    return tmp_path


COPY = (
    "import sys, soundfile; w, r = soundfile.read(sys.argv[1]); soundfile.write(sys.argv[2], w, r)"
)


def test_readme_commands_run_in_order(workplace):
    commands = [
        line
        for line in speechvq_commands()
        if not line.startswith(("speechvq train", "speechvq export"))
    ]
    assert len(commands) >= 6
    for line in commands:
        words = [BIN / "speechvq", *shlex.split(line)[1:]]
        done = subprocess.run(words, cwd=workplace, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{line}\n{done.stderr}"


def test_readme_training_commands_are_understood():
    for line in speechvq_commands():
        name, *words = shlex.split(line)[1:]
        if name in ("train", "export"):
            for word in (word for word in words if word.startswith("--")):
                shown = subprocess.run(
                    [BIN / "speechvq", name, "--help"], capture_output=True, text=True, check=True
                ).stdout
                assert word in shown


def test_readme_python_runs(workplace):
    for block in blocks("python"):
        done = subprocess.run(
            [BIN / "python", "-c", block],
            cwd=workplace,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_readme_links_and_paths_exist():
    for target in re.findall(r"\]\(([^)#]+)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_make_targets_of_the_readme_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make (\w+)", " ".join(blocks("sh"))):
        assert f"\n{target}:" in makefile
