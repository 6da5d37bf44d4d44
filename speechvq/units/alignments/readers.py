"""Alignment files: TIMIT, TextGrid, CTM, Buckeye, HTK and plain "start end label"."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import AlignmentError, shown
from speechvq.limits import MANIFEST_BYTES
from speechvq.units.alignments.alignment import Alignment, Interval, checked
from speechvq.units.alignments.text import is_integer, lines_of, number_of, rows_of, text_of
from speechvq.units.alignments.textgrid import read_textgrid

TIMIT_RATE = 16_000
"""The sample rate in which TIMIT counts times."""

HTK_UNITS = 10_000_000
"""HTK's time units per second: 100 ns each."""

CODES = re.compile(r"(?:[0-9]{1,18}(?: |$))*+")

BUCKEYE_HEADER = re.compile(r"^[ \t]*+#[ \t]*+$", re.MULTILINE)
"""The line that ends the header of ESPS label files."""

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
            if re.match("[^\n\r]*?(ooTextFile|ooBinaryFile)", text):
                return read_textgrid(path, tier)
            return read_buckeye(path) if BUCKEYE_HEADER.search(text) else read_lab(path)
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
    for where, (first, last, label) in rows_of(path, "first sample, last sample, label", rest=True):
        if not (is_integer(first) and is_integer(last)):
            raise AlignmentError(
                f"{where}: {shown(first)} and {shown(last)} are not numbers of samples; if seconds "
                "are meant, name it .lab"
            )
        intervals.append(Interval(float(first) / TIMIT_RATE, float(last) / TIMIT_RATE, label))
    return checked(intervals, "words" if path.suffix.lower() == ".wrd" else "phones", path)


def read_ctm(path: str | Path) -> dict[str, Alignment]:
    """Read NIST's CTM: lines of "utterance channel start duration label [confidence]", in seconds.

    Returns the alignment of each utterance by its name. `;;` starts a comment. Raises
    AlignmentError, also for an utterance with more than one channel.
    """
    path = Path(path)
    utterances: dict[str, list[Interval]] = {}
    channels: dict[str, str] = {}
    for where, (name, channel, start, duration, label) in rows_of(
        path, "utterance, channel, start, duration, label", ";;", limit=MANIFEST_BYTES
    ):
        if channels.setdefault(name, channel) != channel:
            raise AlignmentError(
                f"{where}: {shown(name)} has more than one channel; give a file for each"
            )
        first = number_of(start, where)
        utterances.setdefault(name, []).append(
            Interval(first, first + number_of(duration, where), label)
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
    lines = lines_of(path)
    if not any(line.strip() == "#" for _, line in lines):
        raise AlignmentError(
            f"{path} has no line '#', which ends the header of Buckeye's labels; is it something "
            "else?"
        )
    intervals: list[Interval] = []
    for number, line in lines:
        parts = line.partition(";")[0].split(None, 2)
        if len(parts) < 2:
            raise AlignmentError(
                f"{path}, line {number}: needs end, color, label, not {shown(line.strip())}; fix "
                "it there"
            )
        end = number_of(parts[0], f"{path}, line {number}")
        start = intervals[-1].end if intervals else 0.0
        intervals.append(Interval(start, end, parts[2].strip() if len(parts) == 3 else ""))
    return checked(intervals, "words" if path.suffix.lower() == ".words" else "phones", path)


def read_lab(path: str | Path) -> Alignment:
    """Read lines of "start end label", in units of 100 ns (HTK) or in seconds.

    Times are in 100 ns if all are integers. Between tabs, as Audacity writes them, labels may
    contain spaces or be empty, and lines that start with a backslash are skipped. Between spaces
    the label is one word, and HTK's scores after it are ignored. Raises AlignmentError, also for
    integers that cannot be in 100 ns because the recording would last less than 10 ms.
    """
    path = Path(path)
    rows = list(rows_of(path, "start, end, label", "\\"))
    integers = all(is_integer(time) for _, (start, end, _) in rows for time in (start, end))
    units = HTK_UNITS if integers else 1
    intervals = [
        Interval(number_of(start, at) / units, number_of(end, at) / units, label)
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
    for number, line in lines_of(Path(path), MANIFEST_BYTES, blank=True):
        if not CODES.fullmatch(line):
            raise AlignmentError(
                f"{path}, line {number}: needs integers between spaces, not {shown(line)}; "
                "fix it there"
            )
        utterances.append(np.fromstring(line, np.int64, sep=" "))
    return utterances


def _only(alignments: dict[str, Alignment], path: Path) -> Alignment:
    """The alignment of a file that holds just one. Raises AlignmentError."""
    if len(alignments) > 1:
        raise AlignmentError(
            f"{path} aligns {len(alignments)} utterances, and one was asked for; split it, or "
            "read it with `read_ctm`"
        )
    return next(iter(alignments.values()))
