"""Where a result is to go: what is refused before any work, and how a refusal is said."""

import errno
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path

from speechvq.errors import OutputError
from speechvq.limits import instance

REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the file is larger than the file system or `ulimit -f` allows",
    errno.EROFS: "the file system is read-only",
    errno.EIO: "the disk fails",
    errno.EISDIR: "a folder has this name; give a file name",
    errno.ENOENT: "what was written has been removed meanwhile",
}
"""What the errors of the system mean for a result; others speak for themselves."""

DESCRIPTORS = re.compile(r"/dev/fd|/proc/\d+(/task/\d+)?/fd")
"""Folders of the files that a process has open; /dev/stdout leads there."""

LINKS = 40
"""Links that lead from one to the next, at most; systems follow no more."""


def failure(path: Path, error: OSError) -> OutputError:
    """One sentence on what the system refused."""
    message = error.strerror or str(error)
    reason = REASONS.get(error.errno or 0)
    return OutputError(f"cannot write {path}: {f'{message} ({reason})' if reason else message}")


def name_in_use(path: Path) -> OutputError:
    """One sentence on a name that is in use."""
    return OutputError(f"{path} exists already; use --force to overwrite it")


def check_writable(
    path: Path, *, force: bool, sources: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """Raises OutputError for a path that could not be written, before any work is done.

    sources: the files that the result is made from; none of them is ever replaced by it, under
      whichever name
    """
    instance(force, bool, OutputError, "force is True or False")
    check_sources(path, sources)
    target = file_behind(path)
    folder, exists = target.parent, os.path.lexists(target)
    if exists and not force:
        raise name_in_use(path)
    if not folder.is_dir():
        raise OutputError(f"the folder {folder} does not exist; make it first")
    if not os.access(folder, os.W_OK) or (exists and not os.access(target, os.W_OK)):
        read_only = hasattr(os, "statvfs") and os.statvfs(folder).f_flag & os.ST_RDONLY
        why = REASONS[errno.EROFS] if read_only else "permission denied"
        raise OutputError(f"{path} cannot be written: {why}")


def check_sources(path: Path, sources: Iterable[str | os.PathLike[str]]) -> None:
    """Raises OutputError when a result would replace one of the files that it is made from.

    Two paths are the same file when the system says so: links of both kinds, other spellings and
    descriptors such as /dev/fd/3 included.
    """
    try:
        own = path.stat()
    except (OSError, ValueError):
        return  # what does not exist replaces nothing
    for source in sources:
        try:
            is_same = os.path.samestat(own, os.stat(source))  # noqa: PTH116 - not only paths
        except (OSError, ValueError):
            continue  # whoever reads it says so
        if is_same:
            raise OutputError(
                f"{path} is the same file as {source}, which it would be made from; give another "
                "name"
            )


def file_behind(path: Path) -> Path:
    """The file behind any links, which need not exist.

    Raises OutputError for what can be no file: to take the place of a device would destroy it.
    """
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        mode = stat.S_IFREG  # new, or at the end of a link that dangles
    except NotADirectoryError as error:
        raise OutputError(f"the folder {path.parent} does not exist; make it first") from error
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error
    except ValueError as error:
        raise OutputError(f"{str(path)!r} cannot be the name of a file: {error}") from error
    if stat.S_ISDIR(mode):
        raise OutputError(f"{path} is a folder; give a file name")
    if not stat.S_ISREG(mode):
        raise OutputError(f"{path} is a device or a pipe; give a file name")
    if _leads_to_descriptor(path):
        raise OutputError(f"{path} is an open file, such as standard output; give a file name")
    return Path(os.path.realpath(path))


def _leads_to_descriptor(path: Path) -> bool:
    """Whether a path is that of an open file: to replace what that is would lose its content."""
    for _ in range(LINKS):
        if DESCRIPTORS.fullmatch(os.path.realpath(path.parent)):
            return True
        if not path.is_symlink():
            break
        path = path.parent / path.readlink()
    return False
