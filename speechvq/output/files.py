"""Files that appear completely or not at all."""

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from speechvq.errors import OutputError
from speechvq.limits import instance
from speechvq.output import partial
from speechvq.output.targets import failure, file_behind, name_in_use

NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
"""What file systems without hard links say, such as those of memory cards."""

PRIVATE = 0o600
ACL = "system.posix_acl_access"


@contextmanager
def new_file(path: Path, *, force: bool) -> Iterator[BinaryIO]:
    """A file to write, which becomes `path` at the end, and vanishes if anything goes wrong.

    It grows beside the file behind any links, and only a file that is whole and on the disk takes
    the name. An existing file is replaced only with `force`; the new one then has its permissions
    and, where the system allows, its owner. Of two writers without `force` one fails.

    Raises OutputError, also for what the system refuses in between, such as a full disk.
    """
    instance(force, bool, OutputError, "force is True or False")
    target = file_behind(path)
    partial.remove_leftovers(target.parent, target)
    previous = _facts(target) if force else None
    name = ""
    try:
        descriptor = None
        while descriptor is None:
            name = partial.unused_name(target)
            descriptor = partial.create_locked(_private if previous else _public, name)
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            protect(file.fileno(), target, _facts(target) or previous if force else None)
            # a name must never lead to less than the file, even when the power fails; and what a
            # network or a quota refuses late is told before the earlier file is gone
            os.fsync(file.fileno())
            if partial.fcntl is None:
                file.close()
            take_place(name, path, target, force=force)
    except FileNotFoundError as error:
        if target.parent.is_dir():
            raise failure(path, error) from error
        raise OutputError(f"the folder {target.parent} does not exist; make it first") from error
    except OSError as error:
        raise failure(path, error) from error
    finally:
        partial.remove(name)


def take_place(name: str, path: Path, target: Path, *, force: bool) -> None:
    """Give a whole file its name; without `force` only where the name is free at this moment."""
    file_behind(path)  # which may have become a folder or a device meanwhile
    if force:
        os.replace(name, target)  # noqa: PTH105
        return
    try:
        os.link(name, target)  # unlike renaming it replaces nothing
    except FileExistsError as error:
        raise name_in_use(path) from error
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        try:
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
        except FileExistsError:
            raise name_in_use(path) from error
        os.replace(name, target)  # noqa: PTH105


def _public(name: str) -> int:
    """Create a file as the umask and the folder say."""
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _flags(), 0o666)


def _private(name: str) -> int:
    """Create a file for its owner alone: the one that it replaces may be private."""
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | _flags(), PRIVATE)


def _flags() -> int:
    return getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)


def _facts(target: Path) -> os.stat_result | None:
    """Of an existing file."""
    try:
        return target.stat()
    except FileNotFoundError:
        return None


def protect(descriptor: int, target: Path, previous: os.stat_result | None) -> None:
    """Give a file the owner, permissions and access list of the one that it replaces.

    Where its group cannot be kept, the new group may do no more than everybody.
    """
    if previous is None or not hasattr(os, "fchown"):
        return
    mode = stat.S_IMODE(previous.st_mode) & 0o777
    with suppress(OSError):
        os.fchown(descriptor, previous.st_uid, -1)
    try:
        os.fchown(descriptor, -1, previous.st_gid)
    except OSError:
        mode = mode & ~0o070 | (mode & 0o007) << 3
    os.fchmod(descriptor, mode)
    if hasattr(os, "setxattr"):
        with suppress(OSError):
            os.removexattr(descriptor, ACL)  # one that came from the folder
        with suppress(OSError):
            os.setxattr(descriptor, ACL, os.getxattr(target, ACL))
