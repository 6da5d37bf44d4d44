"""Items of an ABX task: segments of speech with phone, context and speaker; `.item` files.

An `.item` file (ZeroSpeech, Libri-Light) is a text table, columns separated by spaces, times in
seconds:

    #file onset offset #phone prev-phone next-phone speaker
    6295-244435-0009 0.2925 0.4725 IH L NG 6295

The item of a triphone task starts with the previous phone and ends with the next phone; that of a
phone task is the phone alone.
"""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from speechvq.errors import UnitsError, shown
from speechvq.input import read_text
from speechvq.limits import MANIFEST_BYTES
from speechvq.output import check_writable, new_file
from speechvq.units.alignments.alignment import TOLERANCE
from speechvq.units.alignments.text import is_number

Interval = tuple[float, float, str]
Alignments = Mapping[str, tuple[str, Sequence[Interval]]]
"""For each file the speaker, and the intervals (start s, end s, label) in order."""

COLUMNS = ("#file", "onset", "offset", "#phone", "prev-phone", "next-phone", "speaker")
EDGE = "#"
"""Stands for a missing previous or next phone."""


@dataclass(frozen=True)
class Item:
    """A segment of speech.

    file: name of the recording, without spaces
    onset, offset: start and end in seconds
    phone: the phone
    previous, next: the phones around it
    speaker: who speaks
    """

    file: str
    onset: float
    offset: float
    phone: str
    previous: str
    next: str
    speaker: str


def read_items(path: str | Path) -> list[Item]:
    """Read an `.item` file. Columns are found by their names, in any order; others are ignored.

    Raises UnitsError with the file and the line.
    """
    path = Path(path)
    text = read_text(path, UnitsError, limit=MANIFEST_BYTES, what=".item file")
    lines = [
        (number, line.split()) for number, line in enumerate(text.split("\n"), 1) if line.strip()
    ]
    if not lines:
        raise UnitsError(
            f"{path} is empty: an .item file starts with the line '{' '.join(COLUMNS)}'"
        )
    (number, header), *rows = lines
    if lacking := [column for column in COLUMNS if column not in header]:
        raise UnitsError(
            f"{path} line {number} has no column {', '.join(lacking)}: it must read "
            f"'{' '.join(COLUMNS)}'"
        )
    return [_item(fields, header, f"{path} line {number}") for number, fields in rows]


def _item(fields: Sequence[str], header: Sequence[str], where: str) -> Item:
    """The item of a line. Raises UnitsError."""
    if len(fields) != len(header):
        raise UnitsError(
            f"{where} has {len(fields)} fields, not {len(header)}: they are separated by spaces "
            "and hold none"
        )
    file, start, end, *labels = (fields[header.index(column)] for column in COLUMNS)
    if not (is_number(start) and is_number(end)):
        raise UnitsError(
            f"{where}: onset {shown(start)} and offset {shown(end)} must be numbers, in seconds"
        )
    onset, offset = float(start), float(end)
    _check_times(onset, offset, where)
    return Item(file, onset, offset, *labels)


def _check_times(start: float, end: float, where: str) -> None:
    """Raises UnitsError for times that are no segment."""
    if not 0 <= start < end < math.inf:
        raise UnitsError(
            f"{where} goes from {start} to {end} s: it must begin at 0 or later and end after it "
            "begins"
        )


def write_items(path: str | Path, items: Iterable[Item], *, force: bool = False) -> None:
    """Write an `.item` file; `read_items` returns the same items. Overwrites only with `force`.

    Raises UnitsError and OutputError.
    """
    check_writable(Path(path), force=force)
    lines = [" ".join(COLUMNS), *map(_line, items)]
    with new_file(Path(path), force=force) as file:
        file.write(("\n".join(lines) + "\n").encode())


def _line(item: Item) -> str:
    """The line of an item. Raises UnitsError where the format cannot hold it."""
    file, onset, offset, *labels = astuple(item)
    for name in (file, *labels):
        if name.split() != [name]:
            raise UnitsError(
                f"{name!r} of {file!r} at {onset} s cannot stand in an .item file: names must be "
                "free of spaces"
            )
    return " ".join(
        [file, *(np.format_float_positional(time, trim="0") for time in (onset, offset)), *labels]
    )


def triphone_items(
    alignments: Alignments, silence: Collection[str] = (), *, silent_context: bool = False
) -> list[Item]:
    """Every phone between two others, from the start of the previous to the end of the next.

    silence: labels that are no phones (pauses, noise); they are never the phone of an item
    silent_context: whether they may be the previous or next phone; by default they may not, as in
        abkhazia's items

    A phone next to a gap, or at the end of a file, has no context and makes no item. Raises
    UnitsError for intervals that overlap, are out of order or have no length.
    """
    barred = () if silent_context else silence
    return [
        Item(file, before[0], after[1], phone[2], before[2], after[2], speaker)
        for file, speaker, before, phone, after in _neighbors(alignments)
        if before
        and after
        and phone[2] not in silence
        and before[2] not in barred
        and after[2] not in barred
    ]


def phone_items(alignments: Alignments, silence: Collection[str] = ()) -> list[Item]:
    """Every phone from its start to its end, in any context: for tasks in `any` context.

    `#` stands for a missing previous or next phone. See `triphone_items`.
    """
    return [
        Item(
            file,
            phone[0],
            phone[1],
            phone[2],
            before[2] if before else EDGE,
            after[2] if after else EDGE,
            speaker,
        )
        for file, speaker, before, phone, after in _neighbors(alignments)
        if phone[2] not in silence
    ]


def _neighbors(
    alignments: Alignments,
) -> Iterator[tuple[str, str, Interval | None, Interval, Interval | None]]:
    """File, speaker, and each interval between those that touch it. Raises UnitsError."""
    for file, (speaker, intervals) in alignments.items():
        for start, end, label in intervals:
            _check_times(start, end, f"{label!r} in the alignment of {file}")
        for (start, end, label), (later, _, other) in pairwise(intervals):
            if later < end - TOLERANCE:
                raise UnitsError(
                    f"{label!r} ({start} to {end} s) and {other!r} (from {later} s) overlap in "
                    f"the alignment of {file}: give one tier, in the order of time"
                )
        touching = [second[0] - first[1] <= TOLERANCE for first, second in pairwise(intervals)]
        befores = [
            None,
            *(
                interval if near else None
                for interval, near in zip(intervals, touching, strict=False)
            ),
        ]
        afters = [
            *(
                interval if near else None
                for interval, near in zip(intervals[1:], touching, strict=True)
            ),
            None,
        ]
        for before, interval, after in zip(befores, intervals, afters, strict=False):
            yield file, speaker, before, interval, after
