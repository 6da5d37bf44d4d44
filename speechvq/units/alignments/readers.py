"""Alignment files: TIMIT, TextGrid, CTM, Buckeye, HTK and plain "start end label"."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import AlignmentError
from speechvq.units.alignments.alignment import Alignment, Interval, checked
from speechvq.units.alignments.textgrid import read_textgrid, text_of

TIMIT_RATE = 16_000
"""The sample rate in which TIMIT counts times."""

HTK_UNITS = 10_000_000
"""HTK's time units per second: 100 ns each."""

WHOLE = re.compile(r"\s*[-+]?\d+\s*", re.ASCII)

SUFFIXES = ".phn, .wrd, .TextGrid, .ctm, .phones, .words, .lab, .txt, .tsv"


def read_alignment(path: str | Path, tier: str | None = None) -> Alignment:
    """Read an alignment file of any type in `SUFFIXES`, in upper or lower case.

    tier: of a TextGrid, see `read_textgrid`

    A file that ends in neither .phn, .wrd nor .ctm is recognized by its content: a TextGrid by its
    first line, Buckeye's by the `#` that ends the header; all others are lines of "start end
    label". Raises AlignmentError with the file and the place in it.
    """
    path = Path(path)
    match path.suffix.lower():
        case ".phn" | ".wrd":
            return read_timit(path)
        case ".ctm":
            return _only(read_ctm(path), path)
        case ".textgrid":
            return read_textgrid(path, tier)
        case ".phones" | ".words" | ".lab" | ".txt" | ".tsv":
            text = text_of(path)
            if "ooTextFile" in text.partition("\n")[0]:
                return read_textgrid(path, tier)
            return (
                read_buckeye(path)
                if re.search(r"^[ \t]*#\s*$", text, re.MULTILINE)
                else read_lab(path)
            )
        case other:
            raise AlignmentError(
                f"{path}: no alignments are known that end in {other!r}; give one of {SUFFIXES}"
            )


def read_timit(path: str | Path) -> Alignment:
    """Read TIMIT's .phn or .wrd: lines of "first last label", in samples at 16 kHz.

    Raises AlignmentError.
    """
    path = Path(path)
    intervals: list[Interval] = []
    for where, (first, last, label) in _rows(path, "first sample, last sample, label"):
        if not (WHOLE.fullmatch(first) and WHOLE.fullmatch(last)):
            raise AlignmentError(
                f"{where}: {first} and {last} are not numbers of samples; if seconds are meant, "
                "name it .lab"
            )
        intervals.append(Interval(int(first) / TIMIT_RATE, int(last) / TIMIT_RATE, label))
    return checked(intervals, "words" if path.suffix.lower() == ".wrd" else "phones", path)


def read_ctm(path: str | Path) -> dict[str, Alignment]:
    """Read NIST's CTM: lines of "utterance channel start duration label [confidence]", in seconds.

    Returns the alignment of each utterance by its name. `;;` starts a comment. Raises
    AlignmentError, also for an utterance with more than one channel.
    """
    path = Path(path)
    utterances: dict[str, list[Interval]] = {}
    channels: dict[str, str] = {}
    for where, (name, channel, start, duration, label) in _rows(
        path, "utterance, channel, start, duration, label", ";;"
    ):
        if channels.setdefault(name, channel) != channel:
            raise AlignmentError(f"{where}: {name} has more than one channel; give a file for each")
        first = _number(start, where)
        utterances.setdefault(name, []).append(
            Interval(first, first + _number(duration, where), label)
        )
    if not utterances:
        raise AlignmentError(
            f"{path}: there are no intervals; leave the file out or align it again"
        )
    return {
        name: checked(intervals, "phones", f"{path}, utterance {name}")
        for name, intervals in utterances.items()
    }


def read_buckeye(path: str | Path) -> Alignment:
    """Read Buckeye's .phones or .words, and other ESPS label files.

    After a header that ends with a line `#` come lines of "end color label". Each interval starts
    where the previous one ends, the first at 0. Text after a `;` is ignored. Raises AlignmentError.
    """
    path = Path(path)
    lines = list(_lines(path))
    header = next((number for number, line in lines if line.strip() == "#"), None)
    if header is None:
        raise AlignmentError(
            f"{path} has no line '#', which ends the header of Buckeye's labels; is it something "
            "else?"
        )
    intervals: list[Interval] = []
    for number, line in lines[header:]:
        parts = line.partition(";")[0].split(None, 2)
        if len(parts) < 2:
            raise AlignmentError(
                f"{path}, line {number}: needs end, color, label, not {line.strip()!r}; fix it "
                "there"
            )
        end = _number(parts[0], f"{path}, line {number}")
        intervals.append(
            Interval(
                intervals[-1].end if intervals else 0.0,
                end,
                parts[2].strip() if len(parts) == 3 else "",
            )
        )
    return checked(intervals, "words" if path.suffix.lower() == ".words" else "phones", path)


def read_lab(path: str | Path) -> Alignment:
    """Read lines of "start end label", in units of 100 ns (HTK) or in seconds.

    Times are in 100 ns if all are integers. Between tabs, as Audacity writes them, labels may
    contain spaces or be empty, and lines that start with a backslash are skipped. Between spaces
    the label is one word, and HTK's scores after it are ignored. Raises AlignmentError, also for
    integers that cannot be in 100 ns because the recording would last less than 10 ms.
    """
    path = Path(path)
    rows = list(_rows(path, "start, end, label", "\\"))
    integers = all(WHOLE.fullmatch(time) for _, (start, end, _) in rows for time in (start, end))
    units = HTK_UNITS if integers else 1
    intervals = [
        Interval(_number(start, at) / units, _number(end, at) / units, label)
        for at, (start, end, label) in rows
    ]
    alignment = checked(intervals, "phones", path)
    if integers and alignment.end < 0.01:
        raise AlignmentError(
            f"{path}: its integers are too small for HTK's 100 ns; write seconds with a "
            "decimal point"
        )
    return alignment


def read_km(path: str | Path) -> list[NDArray[np.int64]]:
    """Read a fairseq .km file: for each utterance one line of codes between spaces.

    Raises AlignmentError.
    """
    utterances: list[NDArray[np.int64]] = []
    for number, line in _lines(Path(path), blank=True):
        if not re.fullmatch(r"(\d{1,18}( |$))*", line, re.ASCII):
            raise AlignmentError(
                f"{path}, line {number}: needs integers between spaces, not {line[:40]!r}; "
                "fix it there"
            )
        utterances.append(np.array([int(code) for code in line.split()], np.int64))
    return utterances


def _only(alignments: dict[str, Alignment], path: Path) -> Alignment:
    """The alignment of a file that holds just one. Raises AlignmentError."""
    if len(alignments) > 1:
        raise AlignmentError(
            f"{path} aligns {len(alignments)} utterances, and one was asked for; split it, or "
            "read it with `read_ctm`"
        )
    return next(iter(alignments.values()))


def _lines(path: Path, *, blank: bool = False) -> Iterator[tuple[int, str]]:
    """The lines of a file with their numbers from 1; blank ones only if `blank`.

    Raises AlignmentError.
    """
    text = text_of(path)
    lines = text.removesuffix("\n").split("\n") if text else []
    return (
        (number, line.rstrip("\r")) for number, line in enumerate(lines, 1) if blank or line.strip()
    )


def _rows(path: Path, needs: str, comment: str | None = None) -> Iterator[tuple[str, list[str]]]:
    """The place and the fields of each line, split at tabs if these give enough fields.

    needs: the names of the fields, between commas
    comment: how lines start that are skipped

    Lines with fewer tabs are split at spaces. Raises AlignmentError for a line with too few fields.
    """
    count = needs.count(",") + 1
    for number, line in _lines(path):
        if comment and line.startswith(comment):
            continue
        tabs, spaces = line.split("\t"), line.split()
        fields = tabs if len(tabs) >= count else spaces
        if len(fields) < count:
            raise AlignmentError(
                f"{path}, line {number}: needs {needs}, not {line.strip()!r}; fix it there"
            )
        yield f"{path}, line {number}", fields[:count]


def _number(text: str, where: str) -> float:
    """A time as a number. Raises AlignmentError."""
    try:
        return float(text)
    except ValueError as error:
        raise AlignmentError(f"{where}: {text!r} is not a time; fix it there") from error
