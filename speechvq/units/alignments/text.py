"""The text of alignment files: its encoding, lines, fields and numbers."""

import re
from collections.abc import Iterator
from pathlib import Path

from speechvq.errors import AlignmentError, shown
from speechvq.input import read_bytes
from speechvq.limits import ALIGNMENT_BYTES

NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
INTEGER = re.compile(r"[-+]?[0-9]+")


def text_of(path: Path, limit: int = ALIGNMENT_BYTES) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte order mark. Raises AlignmentError.

    limit: the largest size of the file in bytes
    """
    data = read_bytes(path, AlignmentError, limit=limit, what="alignment")
    utf16 = data[:2] in {b"\xff\xfe", b"\xfe\xff"}
    try:
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise AlignmentError(
            f"{path} is neither UTF-8 nor marked UTF-16; save it as UTF-8"
        ) from error


def lines_of(
    path: Path, limit: int = ALIGNMENT_BYTES, *, blank: bool = False
) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers from 1; blank lines only if `blank`.

    Raises AlignmentError.
    """
    text = text_of(path, limit)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    number = start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        number += 1
        line = text[start:end]
        if blank or line.strip():
            yield number, line
        start = end + 1


def rows_of(
    path: Path,
    needs: str,
    comment: str | None = None,
    *,
    limit: int = ALIGNMENT_BYTES,
    rest: bool = False,
) -> Iterator[tuple[str, list[str]]]:
    """The place and the fields of each line, split at tabs if these give enough fields.

    needs: the names of the fields, separated by commas
    comment: the beginning of lines that are skipped
    limit: the largest size of the file in bytes
    rest: whether the last field is the rest of the line, or a single word

    Lines with fewer tabs are split at spaces. Raises AlignmentError for a line with too few fields.
    """
    count = needs.count(",") + 1
    for number, line in lines_of(path, limit):
        if comment and line.startswith(comment):
            continue
        tabs = line.split("\t", count - 1 if rest else count)
        fields = tabs if len(tabs) >= count else line.split(None, count - 1 if rest else count)
        if len(fields) < count:
            raise AlignmentError(
                f"{path}, line {number}: needs {needs}, not {shown(line.strip())}; fix it there"
            )
        yield f"{path}, line {number}", fields[:count]


def is_number(text: str) -> bool:
    """Whether a text is a number, in the digits 0 to 9."""
    return bool(NUMBER.fullmatch(text.strip()))


def number_of(text: str, where: str) -> float:
    """A time as a number. Raises AlignmentError."""
    if not is_number(text):
        raise AlignmentError(f"{where}: {shown(text)} is not a time; fix it there")
    return float(text)


def is_integer(text: str) -> bool:
    """Whether a text is an integer."""
    return bool(INTEGER.fullmatch(text.strip()))
