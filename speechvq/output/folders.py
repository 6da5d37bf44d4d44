"""Folders as results: made, held by one run at a time, and filled completely or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from speechvq.errors import OutputError
from speechvq.output import partial
from speechvq.output.files import protect, take_place
from speechvq.output.targets import check_writable, failure


def make_folder(path: Path) -> None:
    """Create a folder and those above it, unless it exists. Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise OutputError(f"{path} is a file; give a folder") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise OutputError(f"cannot make the folder {path}: {reason}") from error


@contextmanager
def claimed_folder(folder: Path) -> Iterator[None]:
    """Make a folder and hold it: nobody else who asks gets it until the end or the death of this.

    Raises OutputError. On file systems that cannot lock folders, such as NFS, it is not held.
    """
    make_folder(folder)
    if partial.fcntl is None:
        yield
        return
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise failure(folder, error) from error
    try:
        if partial.try_lock(descriptor) is False:
            raise OutputError(
                f"another run is writing into {folder}; wait for it, or give another folder"
            )
        partial.remove_leftovers(folder)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def new_folder(path: Path, *, force: bool) -> Iterator[Path]:
    """A folder to fill. At the end it becomes `path`, or its files go to those of `path`.

    It vanishes if anything goes wrong. Where `path` is a folder already, its other files stay, and
    existing files are replaced only with `force`. Raises OutputError.
    """
    target = Path(os.path.realpath(path))
    partial.remove_leftovers(target.parent, target)
    name = ""
    create = _private if os.path.lexists(target) else _public
    try:
        descriptor = None
        while descriptor is None:
            name = partial.unused_name(target)
            descriptor = partial.create_locked(create, name)
        try:
            yield Path(name)
            _settle(Path(name), target, force=force)
        finally:
            os.close(descriptor)
    except OutputError as error:  # perhaps of a file in it, which is to be called otherwise
        raise OutputError(str(error).replace(name, str(path))) from error
    except OSError as error:
        raise failure(path, error) from error
    finally:
        partial.remove(name)


def _public(name: str) -> int:
    """Create a folder as the umask and the folder above say."""
    os.mkdir(name)  # noqa: PTH102
    return _opened(name)


def _private(name: str) -> int:
    """Create a folder for its owner alone: the files that are replaced may be private."""
    os.mkdir(name, 0o700)  # noqa: PTH102
    return _opened(name)


def _opened(name: str) -> int:
    return os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def _settle(filled: Path, target: Path, *, force: bool) -> None:
    """Give a filled folder its name, or its files theirs in the folder that is there."""
    files = sorted(path for path in filled.rglob("*") if path.is_file())
    for path in files:
        _finish(path, target / path.relative_to(filled))
    if not os.path.lexists(target):
        filled.rename(target)
        _synchronize(target.parent)
        return
    with claimed_folder(target):
        places = {path: target / path.relative_to(filled) for path in files}
        for place in places.values():
            if place.parent.is_dir():
                check_writable(place, force=force)
        for path, place in places.items():
            make_folder(place.parent)
            take_place(str(path), place, Path(os.path.realpath(place)), force=force)


def _finish(path: Path, place: Path) -> None:
    """Protect a file like the one that it replaces, and wait until it is on the disk."""
    if place.is_file():
        with path.open("rb") as file:
            protect(file.fileno(), place, place.stat())
    _synchronize(path)


def _synchronize(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
