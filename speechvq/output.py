"""Results on disk: whole or not at all, and nothing overwritten unasked."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from speechvq.errors import OutputError


def check_writable(path: Path, *, force: bool) -> None:
    """Refuse early, before any work, what could not be written later. Raises OutputError."""
    if path.is_dir():
        raise OutputError(f"{path} is a folder; give a file name")
    if path.exists() and not force:
        raise OutputError(f"{path} exists already; use --force to overwrite it")
    if not path.parent.is_dir():
        raise OutputError(f"the folder {path.parent} does not exist; make it first")
    if not os.access(path.parent, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise OutputError(f"{path} cannot be written: permission denied")


@contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to; it takes the place of `path` at the end, and vanishes if anything goes wrong.

    Raises OutputError for what the system refuses (a full disk, say).
    """
    partial = path.with_name(f".{path.stem[:80]}.{os.getpid()}.partial{path.suffix}")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
