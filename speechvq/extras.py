"""The optional packages, and what is said where one is missing or broken."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from speechvq.errors import MissingExtra

EXTRAS: Final = {
    "train": ("librosa", "sklearn", "lightning_fabric", "tensorboard", "tomli_w", "scipy"),
    "eval": (
        *("pesq", "pystoi", "resemblyzer", "pkg_resources", "pocketsphinx", "jiwer"),
        *("distillmos", "speechmos", "onnxruntime", "torchaudio", "faster_whisper"),
    ),
    "plots": ("matplotlib", "PIL"),
    "bench": ("transformers", "snac"),
}
"""The modules of each extra of pyproject.toml, and what they bring. Each is listed once."""


@contextmanager
def needed(purpose: str, extra: str | None = None) -> Iterator[None]:
    """Import what `purpose` needs in this context.

    extra: where the package is; by default that which has the module
    Raises MissingExtra for packages that are not installed, or cannot be imported.
    """
    try:
        yield
    except ImportError as error:
        raise missing(error, purpose, extra) from error


def missing(error: ImportError, purpose: str, extra: str | None = None) -> MissingExtra:
    """What to say of a module that could not be imported."""
    name = (error.name or "").partition(".")[0]
    if extra is None:
        extra = next(
            (name_of_extra for name_of_extra, names in EXTRAS.items() if name in names), None
        )
    package = "speechvq" if extra is None else f"'speechvq[{extra}]'"
    if isinstance(error, ModuleNotFoundError) and name:
        return MissingExtra(f"{purpose} needs {name}: pip install {package}")
    return MissingExtra(
        f"{purpose} needs {name or 'a package'}, which is there but does not load ({error}): "
        f"pip install --force-reinstall {package}"
    )
