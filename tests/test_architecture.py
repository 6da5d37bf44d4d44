"""The shape of the code: who imports whom, how long files are, what importing costs."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.paths import ROOT

PACKAGE = ROOT / "speechvq"
FILES = sorted(PACKAGE.rglob("*.py"))

LAYERS = (
    {"__main__"},
    {"cli"},
    {"train"},
    {"prior"},
    {"codec"},
    {"quantize", "losses"},
    {"data", "units"},
    {"audio", "nn"},
    {"codes"},
    {"config", "weights"},
    {"output"},
    {"errors"},
)
"""Top to bottom; an import goes down, or stays within one part. `__init__` may name anything: it imports lazily."""

LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names = [
                f"{node.module}.{alias.name}" if node.module == "speechvq" else str(node.module)
                for alias in node.names
            ]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        found.update(name.split(".")[1] for name in names if name.startswith("speechvq."))
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path):
    part = part_of(path)
    if part == "__init__":
        return
    for other in imports(path) - {part}:
        assert LEVEL[other] > LEVEL[part], f"{path} imports {other}, which is not below {part}"


def test_every_part_has_its_place():
    assert {part_of(path) for path in FILES} - {"__init__"} == set(LEVEL)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_stay_short(path):
    assert len(path.read_text().splitlines()) <= 340


def loaded_by(code: str) -> set[str]:
    script = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "code", ["import speechvq", "import speechvq.codes", "import speechvq.cli"]
)
def test_importing_is_cheap(code):
    assert not loaded_by(code) & {
        "torch",
        "torchaudio",
        "librosa",
        "soundfile",
        "scipy",
        "lightning_fabric",
    }


def test_using_the_codec_needs_nothing_of_training():
    code = (
        "import numpy, speechvq; c = speechvq.load(); c.decode(c.encode(numpy.ones(8000, 'f4') "
        "/ 9), 'bdl')"
    )
    assert not loaded_by(code) & {
        "torchaudio",
        "librosa",
        "lightning_fabric",
        "tensorboard",
        "tomli_w",
    }


def test_nothing_is_unpickled():
    for path in FILES:
        text = path.read_text()
        assert "pickle" not in text.replace("allow_pickle=False", "").replace(
            "without pickle", ""
        ).replace("is pickled", "")
        assert "torch.load(" not in text
        assert "allow_pickle=True" not in text
