"""The shape of the code: who imports whom, how long files are, what an import costs."""

import ast
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from tests.helpers.paths import PACKAGE, ROOT

LAYERS = (
    {"__main__"},
    {"cli"},
    {"train"},
    {"prior"},
    {"codec", "units", "data"},
    {"quantize", "losses", "audio"},
    {"nn", "codes"},
    {"weights", "arrays", "output", "config", "shipped"},
    {"input", "parsing"},
    {"limits", "extras"},
    {"errors"},
    {"printable"},
)
"""The package from top to bottom: an import goes down, never up and never to a neighbor."""

NEIGHBORS = {("units", "data")}
"""... but for these: what is held out of training is decided in one place, `data.split`."""

RECIPES = {("benchmark", "evaluate"), ("default", "evaluate")}
"""Recipes stand alone, but for these, which measure with the commands of another.

A module of `recipes` itself, in no recipe's folder, is there for all of them.
"""

HOMES = {
    "lightning_fabric": {"train"},
    "tensorboard": {"train"},
    "tomli_w": {"config", "train"},
    "constriction": {"codes"},
    "typer": {"cli"},
    "matplotlib": {"units"},
}
"""The only parts of the package that may import a library."""

PICKLES = {"pickle", "cloudpickle", "dill", "joblib", "marshal", "shelve"}

LINES = 300
"""No file of the package or of a recipe is longer."""

LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}


def name_of(path: Path) -> str:
    """The dotted name of a module; a package is called by its `__init__`."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts)


MODULES = {
    name_of(path): path
    for folder in ("speechvq", "recipes", "tests")
    for path in sorted((ROOT / folder).rglob("*.py"))
}
SHIPPED = [name for name in MODULES if not name.startswith("tests.")]
PACKAGES = [name.removesuffix(".__init__") for name in SHIPPED if name.endswith(".__init__")]


@cache
def imports(module: str) -> frozenset[str]:
    """Dotted names of all that a module imports, also inside functions."""
    names = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} imports relatively"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return frozenset(names)


def resolved(name: str) -> str | None:
    """The module of this project that an imported name belongs to."""
    while name:
        for module in (name, f"{name}.__init__"):
            if module in MODULES:
                return module
        name = name.rpartition(".")[0]
    return None


def own_imports(module: str) -> set[str]:
    return {found for name in imports(module) if (found := resolved(name)) and found != module}


def part(module: str) -> str:
    """`codec` of `speechvq.codec.file`, `evaluate` of `recipes.evaluate.rate`."""
    return module.split(".")[1]


@pytest.mark.parametrize("module", [name for name in SHIPPED if name.startswith("speechvq.")])
def test_imports_of_the_package_go_down(module):
    here = part(module)
    for other in own_imports(module):
        assert other.startswith("speechvq."), f"{module} imports {other}"
        there = part(other)
        if here in (there, "__init__") or there == "__init__" or (here, there) in NEIGHBORS:
            continue
        assert LEVEL[there] > LEVEL[here], f"{module} imports {other}, which is not below {here}"


@pytest.mark.parametrize("module", [name for name in SHIPPED if name.startswith("recipes.")])
def test_recipes_import_the_package_and_themselves(module):
    here = part(module)
    for other in own_imports(module):
        assert not other.startswith("tests."), f"{module} imports {other}"
        there = part(other)
        shared = f"recipes.{there}" in MODULES
        if other.startswith("recipes.") and there != here and not shared:
            assert (here, there) in RECIPES, f"{module} imports {other}"


@pytest.mark.parametrize("package", PACKAGES)
def test_no_package_has_a_circle(package):
    """Neither between the modules of a package nor between the packages within it."""
    prefix = f"{package}."

    def child(module: str) -> str:
        return module.removeprefix(prefix).split(".")[0]

    arrows: dict[str, set[str]] = {}
    for module in SHIPPED:
        if module.startswith(prefix):
            arrows.setdefault(child(module), set()).update(
                child(other) for other in own_imports(module) if other.startswith(prefix)
            )
    for name, others in arrows.items():
        others.discard(name)
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        pytest.fail(f"{package}: {' <- '.join(error.args[1])}")


def test_every_part_has_its_place():
    assert {part(name) for name in SHIPPED if name.startswith("speechvq.")} - {
        "__init__"
    } <= LEVEL.keys()


def test_the_top_level_is_small():
    files = [path.name for path in PACKAGE.iterdir() if path.is_file()]
    assert len(files) <= 15, files


@pytest.mark.parametrize(("library", "parts"), HOMES.items())
def test_a_library_has_its_home(library, parts):
    for module in SHIPPED:
        if module.startswith("speechvq.") and part(module) not in parts:
            for name in imports(module):
                assert library not in name.split("."), f"{module} imports {name}"


def test_files_stay_short():
    """300 lines at most; the aim is 250, so those above are printed."""
    lengths = {
        name: len(MODULES[name].read_text(encoding="utf-8").splitlines()) for name in SHIPPED
    }
    for name in sorted(lengths, key=lengths.__getitem__, reverse=True):
        if lengths[name] > 250:
            print(lengths[name], name)  # noqa: T201 - `pytest -rP` shows it
    assert max(lengths.values()) <= LINES


@pytest.mark.parametrize("module", [name for name in MODULES if name != __name__])
def test_no_module_edits_the_path(module):
    assert "sys.path" not in MODULES[module].read_text(encoding="utf-8")


@pytest.mark.parametrize("module", SHIPPED)
def test_nothing_is_unpickled(module):
    assert not {name.split(".")[0] for name in imports(module)} & PICKLES
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) != "torch.load", f"{module} calls torch.load"
            for word in node.keywords:
                assert word.arg != "allow_pickle" or ast.unparse(word.value) == "False", module


def loaded_by(code: str) -> set[str]:
    """Names of all modules that are loaded once a script has run."""
    script = f"import sys\n{code}\nprint(*sys.modules)"
    process = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(process.stdout.split())


@pytest.mark.parametrize(
    "code", ["import speechvq", "import speechvq.codes", "import speechvq.cli"]
)
def test_importing_is_cheap(code):
    heavy = {"torch", "torchaudio", "librosa", "soundfile", "scipy", "lightning_fabric"}
    assert not loaded_by(code) & heavy


def test_encoding_and_decoding_need_neither_training_nor_prior():
    loaded = loaded_by(
        "import numpy, speechvq; codec = speechvq.load()\n"
        "codec.decode(codec.encode(numpy.ones(8000, 'f4') / 9, 16000), 'bdl')"
    )
    assert "torch" in loaded
    training = {"librosa", "lightning_fabric", "sklearn", "tensorboard", "tomli_w", "torchaudio"}
    assert not loaded & training
    assert "torch._dynamo" not in loaded, "the compiler, which takes longer than a minute of speech"
    parts = ("speechvq.train", "speechvq.losses", "speechvq.prior", "speechvq.units")
    assert not {name for name in loaded if name.startswith(parts)}
