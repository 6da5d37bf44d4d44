"""Small files, read whole: the one way in which everything but audio is read.

No path hangs or fills the memory. Folders, devices, terminals and named pipes are refused; a pipe
that this process was given (`/dev/stdin`, or `/dev/fd/63`, which is what `<(...)` gives) is read to
its end, within the limit.
"""

import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

from speechvq.errors import SpeechVQError, shown

PIECE = 1 << 20
"""Bytes that are read at a time from what does not say how long it is."""


def read_bytes(
    path: str | Path,
    error: type[SpeechVQError],
    *,
    limit: int,
    what: str = "file",
    advice: str = "check the path",
    magic: bytes = b"",
) -> bytes:
    """All bytes of a file.

    limit: bytes, at most
    what, advice: for messages: what is read, as in "model file", and what to do where it is missing
    magic: how the file must begin; of one that begins otherwise, only its first `len(magic)`
      bytes are returned
    Raises `error`, in one sentence that names the path.
    """
    try:
        with open_input(path, error, what=what, advice=advice) as file:
            return _content(file, path, error, limit=limit, what=what, magic=magic)
    except OSError as reason:
        raise error(f"cannot read the {what} {path}: {reason.strerror or reason}") from reason


def read_text(
    path: str | Path,
    error: type[SpeechVQError],
    *,
    limit: int,
    what: str = "file",
    advice: str = "check the path",
) -> str:
    """All of a text in UTF-8, with one newline at the end of each line. As `read_bytes`."""
    data = read_bytes(path, error, limit=limit, what=what, advice=advice)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        raise error(
            f"the {what} {path} is not a text in UTF-8 (byte {reason.start} is not); save it as one"
        ) from reason
    return text.replace("\r\n", "\n").replace("\r", "\n")


def open_input(
    path: str | Path,
    error: type[SpeechVQError],
    *,
    what: str = "file",
    advice: str = "check the path",
) -> BinaryIO:
    """Open a file, or a pipe that this process was given, for reading. Raises `error`."""
    target = checked_path(path, error, what)
    try:
        mode, pipe = target.stat().st_mode, _descriptor(target)
        if stat.S_ISREG(mode):
            return target.open("rb")
        if pipe is not None and (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
            return os.fdopen(os.dup(pipe), "rb")  # opening it anew could wait for a writer
    except FileNotFoundError:
        raise error(f"there is no {what} {path}; {advice}") from None
    except OSError as reason:
        raise error(f"cannot read the {what} {path}: {reason.strerror}; {advice}") from reason
    if stat.S_ISDIR(mode):
        raise error(f"{target} is a folder, not a {what}; {advice}")
    kind = "a named pipe" if stat.S_ISFIFO(mode) else "a terminal, a device or a socket"
    raise error(
        f"{path} is {kind}, which could last for ever; give a file, or a pipe that ends, as in "
        "`cat FILE | speechvq ... /dev/stdin`"
    )


def checked_path(path: object, error: type[SpeechVQError], what: str = "file") -> Path:
    """A path that a file can have, there or not. Raises `error`."""
    try:
        name = os.fspath(path)  # type: ignore[arg-type] - refused here
        target = Path(name)
        if b"\0" not in os.fsencode(name):
            return target
    except TypeError:
        raise error(f"the path of a {what} must be a text or a Path, not {shown(path)}") from None
    except ValueError:  # characters that no file name can have
        pass
    raise error(f"no {what} can have the path {shown(str(path))}; give another path")


def _descriptor(path: Path) -> int | None:
    """The number of the open file that a path names, as `/dev/fd/63` does."""
    match = re.fullmatch(
        r"/+dev/(stdin)|/+(?:dev|proc/self)/fd/(\d{1,9})", os.path.normpath(path), re.ASCII
    )
    return None if match is None else int(match[2] or 0)


def _content(
    file: BinaryIO,
    path: str | Path,
    error: type[SpeechVQError],
    *,
    limit: int,
    what: str,
    magic: bytes,
) -> bytes:
    start = file.read(len(magic))
    if start != magic:
        return start
    size = os.fstat(file.fileno()).st_size
    parts, total, piece = [start], len(start), min(max(size, PIECE), limit) + 1
    while size <= limit and total <= limit and (part := file.read(piece)):
        parts.append(part)
        total, piece = total + len(part), PIECE
    if max(size, total) > limit:
        raise error(
            f"{path} is too large: of a {what}, at most {limit} bytes are read; give another file"
        )
    return b"".join(parts)
