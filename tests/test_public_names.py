"""The public interface: its names, which load torch only when one needs it."""

import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

import pytest

import speechvq
from tests.helpers.paths import ROOT

PUBLIC = {
    "Codec",
    "Codes",
    "Prior",
    "PriorCoder",
    "RateDistortion",
    "Reconstruction",
    "SpeechVQError",
    "Voice",
    "__version__",
    "generate",
    "load",
    "load_prior",
    "read_codes",
    "score",
    "write_codes",
}
WITHOUT_TORCH = ["Codes", "SpeechVQError", "Voice", "read_codes", "write_codes", "__version__"]


def modules_after(script):
    """The modules that a fresh interpreter has imported after a script."""
    done = subprocess.run(
        [sys.executable, "-c", f"{script}\nimport sys; print(*sys.modules)"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return set(done.stdout.splitlines()[-1].split())


def test_the_public_names():
    assert set(speechvq.__all__) == PUBLIC
    assert dir(speechvq) == sorted(PUBLIC)
    for name in PUBLIC:
        assert getattr(speechvq, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = speechvq.nonsense


def test_each_public_name_is_the_one_its_module_defines():
    from speechvq.codec.codec import Codec
    from speechvq.codec.file import load
    from speechvq.prior.score import score

    assert speechvq.Codec is Codec
    assert speechvq.load is load
    assert speechvq.score is score


def test_names_load_torch_only_when_they_need_it():
    assert not modules_after("import speechvq") & {"torch", "numpy", "typer"}
    uses = "; ".join(f"speechvq.{name}" for name in WITHOUT_TORCH)
    assert "torch" not in modules_after(f"import speechvq; {uses}")
    assert "torch" in modules_after("import speechvq; speechvq.load")


def test_the_version_is_one_and_the_same():
    assert [part.isdigit() for part in speechvq.__version__.split(".")] == [True] * 3
    try:
        installed = version("speechvq")
    except PackageNotFoundError:  # a checkout that nobody installed
        installed = speechvq.__version__
    assert installed == speechvq.__version__
