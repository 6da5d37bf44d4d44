"""The files below a folder, through links, each once; and what was left out.

Hidden files are left out: names that begin with a dot, such as `.git`, `.trash` and the `._x.wav`
of macOS, and the folders of `HIDDEN`.
"""

import os
import stat
from collections import deque
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from pathlib import Path
from typing import NamedTuple

from speechvq.errors import SpeechVQError

HIDDEN = frozenset(
    {
        "__macosx",
        "__pycache__",
        "$recycle.bin",
        "#recycle",
        "@eadir",
        "lost+found",
        "system volume information",
    }
)
"""Names of folders of archives, wastebaskets and indexes, in lower case."""

SHOWN = 3
"""Paths named in a remark, at most."""


class LeftOut(NamedTuple):
    """A file or folder that is not used: the reason, by which they are counted, and its detail."""

    path: Path
    reason: str
    detail: str = ""


@dataclass(frozen=True)
class Tree:
    """What is below a folder.

    files: those with a given suffix, in the order of paths
    others: other files
    folders: all that were entered, including the given one
    left_out: folders, and files with a given suffix, that were left out, and why
    """

    files: tuple[Path, ...]
    others: tuple[Path, ...]
    folders: tuple[Path, ...]
    left_out: tuple[LeftOut, ...]


def tree(folder: Path, suffixes: Collection[str], error: type[SpeechVQError], advice: str) -> Tree:
    """All files below a folder; those with one of the suffixes, in any case, are kept apart.

    A link to a folder is followed, and each folder entered once, by its own name where it has one
    here. A file that is there twice, through links of either kind, is taken once. Nothing is passed
    over silently: `left_out` names what is hidden, dangling links, pipes, devices, and what the
    system does not let us read.

    suffixes: in lower case, such as .wav
    advice: what to do where `folder` is no folder
    Raises `error` for a folder that cannot be read.
    """
    search = _Search(suffixes)
    try:
        if not stat.S_ISDIR(folder.stat().st_mode):
            raise error(f"{folder} is not a folder; {advice}")
        next(folder.iterdir(), None)
        search.enter(folder, folder.stat())
    except FileNotFoundError:
        raise error(f"there is no folder {folder}; {advice}") from None
    except (OSError, ValueError) as reason:
        why = getattr(reason, "strerror", None) or reason
        raise error(f"cannot read the folder {folder}: {why}; {advice}") from reason
    search.run()
    files, others, folders = map(sorted, (search.files, search.others, search.entered))
    return Tree(tuple(files), tuple(others), tuple(folders), tuple(sorted(search.left_out)))


def remarks(left_out: Iterable[LeftOut], shown: int = SHOWN) -> list[str]:
    """A sentence per reason: how many were left out, and the first `shown` of them."""
    by_reason: dict[str, list[LeftOut]] = {}
    for item in left_out:
        by_reason.setdefault(item.reason, []).append(item)
    return [
        f"left out {len(items)}, {reason}: {_listed(items, shown)}"
        for reason, items in by_reason.items()
    ]


def passed_over(below: Tree) -> str:
    """What was left out, in brackets, to follow a message that something is missing."""
    return "".join(f" ({remark})" for remark in remarks(below.left_out))


def _listed(items: Sequence[LeftOut], shown: int) -> str:
    first = "; ".join(
        f"{item.path} ({item.detail})" if item.detail else str(item.path) for item in items[:shown]
    )
    return first + (f"; and {len(items) - shown} more" if len(items) > shown else "")


class _Search:
    """A walk through folders: those still to enter, links to follow, and what was visited."""

    def __init__(self, suffixes: Collection[str]) -> None:
        self.suffixes = suffixes
        self.files: list[Path] = []
        self.others: list[Path] = []
        self.left_out: list[LeftOut] = []
        self.entered: list[Path] = []
        self.folders: list[Path] = []
        self.links: deque[Path] = deque()
        self.seen: dict[tuple[int, int], Path] = {}

    def run(self) -> None:
        """Enter all folders, and then follow the links, so that a file's own name comes first."""
        while self.folders or self.links:
            if self.folders:
                self._list(heappop(self.folders))
            else:
                self._take(self.links.popleft())

    def enter(self, path: Path, status: os.stat_result) -> None:
        """Record a file or a folder, unless it was visited before."""
        folder = stat.S_ISDIR(status.st_mode)
        before = self.seen.setdefault((status.st_dev, status.st_ino), path)
        if before is not path:
            what = "folder" if folder else "file"
            self._pass(path, "there twice", f"the same {what} as {before}")
        elif folder:
            heappush(self.folders, path)
        elif stat.S_ISREG(status.st_mode):
            self.files.append(path)
        else:
            self._pass(path, "neither a file nor a folder")

    def _list(self, folder: Path) -> None:
        """Record the content of a folder."""
        try:
            paths = sorted(folder.iterdir())
        except OSError as error:
            self._pass(folder, "cannot be read", error.strerror or "")
            return
        self.entered.append(folder)
        for path in paths:
            if path.is_symlink():
                self.links.append(path)
            else:
                self._take(path)

    def _take(self, path: Path) -> None:
        """Record what a path leads to."""
        matches = path.suffix.lower() in self.suffixes
        try:
            status = path.stat()
        except OSError as error:  # it leads to nothing or to itself, or there is no permission
            if matches or not path.suffix:
                self._pass(path, "cannot be read", error.strerror or "")
            return
        if not matches and not stat.S_ISDIR(status.st_mode):
            self.others.append(path)
        elif path.name.startswith(".") or path.name.lower() in HIDDEN:
            self._pass(path, "hidden")
        else:
            self.enter(path, status)

    def _pass(self, path: Path, reason: str, detail: str = "") -> None:
        self.left_out.append(LeftOut(path, reason, detail))
