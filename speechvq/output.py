"""Files that appear completely or not at all, and that overwrite nothing unasked."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from speechvq.errors import OutputError


def check_writable(path: Path, *, force: bool) -> None:
    """Raises OutputError for a path that could not be written, before any work is done."""
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
    """A path beside `path` to write to.

    At the end it takes the place of `path`, and it vanishes if anything goes wrong. Raises
    OutputError for what the system refuses, such as writing to a full disk.
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
    """The file behind any links.

    Raises OutputError for what is no file: to take the place of a device would destroy it.
    """
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give a file name")
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is a device or a pipe; give a file name")
    return Path(os.path.realpath(path))
