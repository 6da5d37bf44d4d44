"""Every code block of the documentation works: commands, Python and TOML, word for word."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile

from speechvq.config import parse, read_toml
from speechvq.train.codec.config import Experiment
from tests.helpers.paths import CLIPS, ROOT

README = ROOT / "README.md"
PAGES = [
    README,
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "recipes").rglob("README.md")),
]
LOG = ROOT / "docs" / "training-log.md"
"""What was run and how, when the commands were as they were then."""

FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
INDENTED = re.compile(
    r"(?:^    (?:speechvq|python -m|make|pip|apt) .*\n(?:    .*\n)*)", re.MULTILINE
)
INLINE = re.compile(r"`((?:speechvq|python -m recipes\.)[^`]*)`")
BIN = Path(sys.executable).parent
SLOW = ("train", "export", "prior")


@dataclass(frozen=True)
class Block:
    page: Path
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = [(match.start(), match[1], match[2]) for match in FENCE.finditer(text)]
    found += [(match.start(), "sh", match[0]) for match in INDENTED.finditer(text)]
    return [
        Block(page, text.count("\n", 0, start) + 1, kind, block) for start, kind, block in found
    ]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def kind(*kinds: str) -> list[Block]:
    return [block for block in BLOCKS if block.kind in kinds]


def lines_of(block: Block) -> list[str]:
    """The commands of a block, without comments and redirections, variables filled in."""
    joined = block.text.replace("\\\n", " ")
    lines = [re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines()]
    return [re.sub(r"\s>\s*\S+$", "", line).replace("$kbps", "0.9") for line in lines if line]


def commands(block: Block) -> list[str]:
    return [line for line in lines_of(block) if line.startswith(("speechvq ", "python -m recipes"))]


def mentioned(page: Path) -> list[str]:
    """Commands with options in the running text."""
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    lines = [" ".join(line.split()) for line in INLINE.findall(text)]
    return [line for line in lines if " --" in line and "..." not in line]


@pytest.fixture
def workplace(tmp_path):
    """A folder with the files that the pages speak of."""
    wave, rate = soundfile.read(CLIPS / "female.flac")
    for name in (
        "talk.wav",
        "recordings/anna/one.wav",
        "recordings/anna/two.wav",
        "recordings/ben/one.wav",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / name, wave, rate)
    soundfile.write(tmp_path / "music.wav", wave[::-1], rate)
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    return tmp_path


def completed(words, folder):
    process = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert process.returncode == 0, f"{words}\n{process.stderr}"


def test_pages_are_found():
    assert len(PAGES) >= 15
    assert len(BLOCKS) >= 25
    assert {block.kind for block in BLOCKS} <= {"", "sh", "python", "toml"}


def test_commands_are_understood():
    """Also those in the running text; but for the training log, which is history."""
    found = [(str(block), line) for block in BLOCKS for line in commands(block)]
    found += [(str(page), line) for page in PAGES if page != LOG for line in mentioned(page)]
    assert len(found) >= 40
    process = subprocess.run(
        [sys.executable, "-m", "tests.helpers.command_lines"],
        input=json.dumps([line for _, line in found]),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    wrong = [
        f"{where}: {line}: {reason}"
        for (where, line), reason in zip(found, json.loads(process.stdout), strict=True)
        if reason
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("page", [README, ROOT / "docs" / "prior.md"], ids=lambda page: page.stem)
def test_commands_run_in_order(page, workplace):
    lines = [line for block in blocks_of(page) if block.kind == "sh" for line in commands(block)]
    quick = [line for line in lines if line.startswith("speechvq") and line.split()[1] not in SLOW]
    assert len(quick) >= 4
    for line in quick:
        completed([BIN / "speechvq", *shlex.split(line)[1:]], workplace)


@pytest.mark.slow
@pytest.mark.parametrize("block", kind("python"), ids=str)
def test_python_runs(block, workplace):
    completed([sys.executable, "-W", "error::DeprecationWarning", "-c", block.text], workplace)


@pytest.mark.parametrize("block", kind("toml"), ids=str)
def test_configurations_are_accepted(block):
    """A block replaces what the default model's configuration says."""
    experiment = read_toml(ROOT / "recipes" / "default" / "base5.toml")
    for key, values in tomllib.loads(block.text).items():
        table = isinstance(values, dict)
        experiment[key] = experiment.get(key, {}) | values if table else values
    parse(Experiment, experiment)


def test_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = " ".join(page.read_text(encoding="utf-8") for page in PAGES if page != LOG)
    targets = set(re.findall(r"^(?: {4})?make ([\w-]+)", text, re.MULTILINE))
    targets |= set(re.findall(r"`make ([\w-]+)`", text))
    assert {"demo", "test"} <= targets
    for target in targets:
        assert f"\n{target}:" in makefile, target
