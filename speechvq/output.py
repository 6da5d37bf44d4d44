"""Results on disk: whole or not at all, and nothing overwritten unasked."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from speechvq.errors import OutputError


def check_writable(path: Path, *, force: bool) -> None:
    """Refuse early, before any work, what could not be written later. Raises OutputError."""
    try:
        target = _target(path)
        if path.exists() and not force:
            raise OutputError(f"{path} exists already; use --force to overwrite it")
        if not target.parent.is_dir():
            raise OutputError(f"the folder {target.parent} does not exist; make it first")
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error
    if not os.access(target.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise OutputError(f"{path} cannot be written: permission denied")


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the place of `path` at the end, and vanishes if anything goes wrong.

    Raises OutputError for what the system refuses (a full disk, say).
    """
    target = _target(path)
    partial = target.with_name(f".{target.name[:40]}.{os.getpid()}.partial")
    try:
        yield partial
        partial.replace(target)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Create a folder and those above it, unless it exists. Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {path}: {error.strerror or error}") from error


def _target(path: Path) -> Path:
    """The file itself behind any links. Raises OutputError for what is no file: taking a device's place would destroy it."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give a file name")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is a device or a pipe; give a file name")
    return Path(os.path.realpath(path))
