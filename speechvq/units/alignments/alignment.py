"""Phone alignments: labeled intervals of a recording, which readers return and scores take."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import AlignmentError, shown
from speechvq.limits import INTERVALS, SECONDS

TOLERANCE = 1e-3
"""Overlap of two intervals that counts as rounding, in seconds.

It is shorter than any phone and longer than the last digit of any file format. `checked` removes
such overlaps, and a gap up to this long between two intervals counts as none.
"""

CONTROL = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no label holds: control characters other than white space, and halves of characters."""

SIL = "SIL"
"""The label of everything that is not a phone, after `labeled`."""

SILENCES = frozenset(
    {
        "",
        "sil",
        "silence",
        "ssil",
        "sp",
        "spn",
        "nsn",
        "+spn+",
        "+nsn+",
        "h#",
        "#h",
        "pau",
        "epi",
        "#",
        "_",
    }
    | {"noise", "vocnoise", "laugh", "iver", "unknown"}
)
"""Labels of silence and noise of TIMIT, Kaldi, MFA, Sphinx, Festival and Buckeye, lowercase."""


class Interval(NamedTuple):
    """A labeled part of a recording, from `start` to `end` in seconds."""

    start: float
    end: float
    label: str


@dataclass(frozen=True)
class Alignment:
    """The intervals of one tier in time order: none is empty, none overlap, gaps are allowed."""

    intervals: tuple[Interval, ...]
    tier: str = "phones"

    @property
    def end(self) -> float:
        """The end of the last interval in seconds."""
        return self.intervals[-1].end


def checked(intervals: Iterable[Interval], tier: str, source: str | Path) -> Alignment:
    """Check the intervals of a file and return them as an alignment; `source` names the file.

    Intervals without length are left out. Where two overlap by at most `TOLERANCE`, the second
    starts where the first ends. Raises AlignmentError with the file and the interval for a time
    that is not finite, negative or beyond any recording, for an interval that ends before it starts
    or overlaps the previous one, for a label with a control character, and when no interval is
    left.
    """
    kept: list[Interval] = []
    for number, interval in enumerate(intervals, 1):
        if fault := _fault(interval, kept[-1] if kept else None, number):
            raise AlignmentError(
                f"{source}, tier {shown(tier)}, interval {number} ({shown(interval.label)}, "
                f"{interval.start:.6g} to {interval.end:.6g} s) {fault}; fix it there"
            )
        reached = kept[-1].end if kept else 0.0
        if interval.end > max(interval.start, reached):
            kept.append(interval._replace(start=max(interval.start, reached)))
    if not kept:
        raise AlignmentError(
            f"{source}, tier {shown(tier)}: there are no intervals; leave the file out or align it "
            "again"
        )
    return Alignment(tuple(kept), tier)


def _fault(interval: Interval, before: Interval | None, number: int) -> str | None:
    """The fault of an interval that follows `before`, as the end of a sentence, or None."""
    start, end, label = interval
    fault = None
    if not (math.isfinite(start) and math.isfinite(end)):
        fault = "has a time that is not a finite number"
    elif start < -TOLERANCE:
        fault = "starts before the recording"
    elif end < start:
        fault = "ends before it starts"
    elif end > SECONDS:
        fault = f"ends later than any recording: after {SECONDS:.0f} s"
    elif before is not None and start < before.end - TOLERANCE:
        fault = f"overlaps {shown(before.label)} before it, which ends at {before.end:.6g} s"
    elif CONTROL.search(label):
        fault = "has a label with a control character"
    elif number > INTERVALS:
        fault = f"is one of more than {INTERVALS}"
    return fault


def labeled(
    alignment: Alignment, *, stress: bool = True, fold: Callable[[str], str | None] | None = None
) -> Alignment:
    """The same intervals with clean labels: in one line, silences called `SIL` and joined.

    stress: keep the 0, 1 or 2 behind ARPAbet vowels
    fold: maps a label to a smaller inventory before silences are recognized (`timit.to39`, for
        example); it returns None for what becomes a gap

    Raises AlignmentError when no interval is left, and whatever `fold` raises.
    """
    kept: list[Interval] = []
    for interval in alignment.intervals:
        label: str | None = " ".join(interval.label.split())
        label = label if stress else re.sub(r"(?<=[A-Za-z])[012]$", "", label)
        label = fold(label) if fold else label
        if label is None:
            continue
        if not is_silence(label):
            kept.append(interval._replace(label=label))
        elif kept and kept[-1].label == SIL and interval.start - kept[-1].end <= TOLERANCE:
            kept[-1] = kept[-1]._replace(end=interval.end)
        else:
            kept.append(interval._replace(label=SIL))
    if not kept:
        raise AlignmentError(
            f"tier {alignment.tier!r}: no interval is left when its labels are folded"
        )
    return Alignment(tuple(kept), alignment.tier)


def is_silence(label: str) -> bool:
    """Whether a label is not a phone: one of `SILENCES`, or in brackets like <SIL> and [noise]."""
    ends = label[:1] + label[-1:]
    return label.lower() in SILENCES or (len(label) > 1 and ends in {"<>", "{}", "[]"})


def from_codes(codes: NDArray[np.integer], seconds: float, tier: str) -> Alignment:
    """Codes (n,) as a tier: one interval for each run of equal codes, labeled with the code.

    seconds: the duration of one code

    Raises ValueError when there are no codes.
    """
    if codes.ndim != 1 or not len(codes):
        raise ValueError(f"codes have shape {codes.shape}: give a row of at least one")
    edges = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1, [len(codes)]])
    pairs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return Alignment(
        tuple(
            Interval(first * seconds, last * seconds, str(codes[first])) for first, last in pairs
        ),
        tier,
    )
