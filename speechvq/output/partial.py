"""The hidden names under which results grow, and what killed runs leave under them.

A name holds a hash of the target's name, so that the next run on that target finds what was left,
and random digits, so that nobody can lay anything there beforehand and no two writers meet. It is
short, whatever the target is called.

A writer holds a lock on its file as long as it lives; the system takes it away when the writer
dies. What can be locked has no writer and is removed. Where a file system has no locks, nothing
is removed.
"""

import atexit
import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, which refuses to remove what is open
    fcntl = None

_names_in_use: dict[str, int] = {}
"""Names in use, and the process that uses them: an exit in between removes them."""


def unused_name(target: Path) -> str:
    """A name for what will take the place of `target`, in the same folder."""
    return str(target.with_name(f"{_prefix(target)}{secrets.token_hex(8)}.partial"))


def create_locked(create: Callable[[str], int], name: str) -> int | None:
    """The descriptor of a new file or folder under this name, locked.

    None when something is called so already, which stays, or when the new one vanished before it
    was locked: another process took it for a leftover.

    create: makes it, exclusively, and opens it
    """
    _names_in_use[name] = os.getpid()
    try:
        descriptor = create(name)
    except OSError as error:
        del _names_in_use[name]
        if isinstance(error, FileExistsError):
            return None
        raise
    if try_lock(descriptor) is not False and os.path.lexists(name):
        return descriptor
    os.close(descriptor)
    remove(name)
    return None


def try_lock(descriptor: int) -> bool | None:
    """Try to lock until it is closed. False: someone else holds the lock; None: there are none."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True


def remove(name: str) -> None:
    """Remove an unfinished file or folder of this process, if it is there."""
    if name not in _names_in_use:
        return
    try:
        os.unlink(name)  # noqa: PTH108
    except FileNotFoundError:
        pass
    except OSError:
        shutil.rmtree(name, ignore_errors=True)
    _names_in_use.pop(name, None)


def discard(folder: Path) -> None:
    """Remove a folder at once: what a killed process leaves of it has a hidden name."""
    name = unused_name(folder)
    _names_in_use[name] = os.getpid()
    try:
        os.rename(folder, name)  # noqa: PTH104
    finally:
        remove(name)


def remove_leftovers(folder: Path, target: Path | None = None) -> None:
    """Remove what killed writers left in a folder, and nothing of those that live.

    target: only what was to become this
    """
    prefix = re.escape(_prefix(target)) if target else r"\.speechvq-[0-9a-f]{16}-"
    pattern = re.compile(prefix + r"[0-9a-f]{16}\.partial")
    with suppress(OSError), os.scandir(folder) as entries:  # who writes there says why not
        for entry in entries:
            if pattern.fullmatch(entry.name):
                with suppress(OSError):
                    _remove_leftover(Path(entry.path))


def _remove_leftover(path: Path) -> None:
    if path.is_symlink() or not (path.is_file() or path.is_dir()):
        return  # nothing of ours
    if fcntl is None:
        path.unlink()
        return
    access = os.O_RDONLY if path.is_dir() else os.O_RDWR  # NFS locks only what can be written
    descriptor = os.open(path, access | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if try_lock(descriptor):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
    finally:
        os.close(descriptor)


def _prefix(target: Path) -> str:
    digest = hashlib.sha256(os.fsencode(target.name)).hexdigest()
    return f".speechvq-{digest[:16]}-"


@atexit.register
def _remove_live() -> None:
    """Remove what an exit left between two statements; forked processes leave it to their parent.

    A signal that ends the process may come where no `finally` sees it.
    """
    for name, process in list(_names_in_use.items()):
        if process == os.getpid():
            remove(name)
