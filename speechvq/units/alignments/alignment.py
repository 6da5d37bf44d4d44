"""What was said when: labelled intervals of a recording, the one form that readers give and measures take."""

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import AlignmentError

TOLERANCE = 1e-3
"""How far intervals may overlap, in seconds, and count as rounded: less than any phone, more than any printed digit."""

SIL = "SIL"
"""The label of all that is no phone, after `labelled`."""

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
"""Labels of silence, pause and noise in TIMIT, Kaldi, MFA, Sphinx, Festival and Buckeye, in small letters."""


class Interval(NamedTuple):
    """A stretch of a recording, from `start` to `end` in seconds, and its label: a tuple, as measures and items take them."""

    start: float
    end: float
    label: str


@dataclass(frozen=True)
class Alignment:
    """The intervals of one tier in order of time, as `checked` leaves them: none empty, none overlapping; gaps may be."""

    intervals: tuple[Interval, ...]
    tier: str = "phones"

    @property
    def end(self) -> float:
        """Where the last interval ends, in seconds."""
        return self.intervals[-1].end


def checked(intervals: Iterable[Interval], tier: str, source: str | Path) -> Alignment:
    """An alignment of intervals in the order of a file, `source` in messages.

    Intervals without length are left out; where two overlap by at most `TOLERANCE`, the second
    begins where the first ends. Raises AlignmentError with the file and the interval for a time
    that is no number or below zero, for an interval that ends before it begins or overlaps the one
    before it, and when there is none.
    """
    kept: list[Interval] = []
    for number, interval in enumerate(intervals, 1):
        where = (
            f"{source}, tier {tier!r}, interval {number} ({interval.label!r}, {interval.start:.6g} to "
            f"{interval.end:.6g} s)"
        )
        if not (math.isfinite(interval.start) and math.isfinite(interval.end)):
            raise AlignmentError(f"{where} has a time that is no number; mend it there")
        if interval.start < -TOLERANCE:
            raise AlignmentError(f"{where} begins before the recording; mend it there")
        if interval.end < interval.start:
            raise AlignmentError(f"{where} ends before it begins; mend it there")
        reached = kept[-1].end if kept else 0.0
        if interval.start < reached - TOLERANCE:
            raise AlignmentError(
                f"{where} overlaps {kept[-1].label!r} before it, which ends at {reached:.6g} s; "
                "mend it there"
            )
        if interval.end > max(interval.start, reached):
            kept.append(interval._replace(start=max(interval.start, reached)))
    if not kept:
        raise AlignmentError(
            f"{source}, tier {tier!r}: there are no intervals; leave the file out or align it again"
        )
    return Alignment(tuple(kept), tier)


def labelled(
    alignment: Alignment, *, stress: bool = True, fold: Callable[[str], str | None] | None = None
) -> Alignment:
    """The same intervals with clean labels: spaces around them gone, all silences called `SIL` and joined where they touch.

    stress: keep the 0, 1 or 2 behind ARPAbet vowels
    fold: a map to a smaller inventory, taken before silences are told (`timit.to39`, say); None for
    what is to be a gap Raises AlignmentError when nothing is left, and whatever `fold` raises.
    """
    kept: list[Interval] = []
    for interval in alignment.intervals:
        label: str | None = interval.label.strip()
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
    """Whether a label stands for no phone: one of `SILENCES`, or a mark in brackets like <SIL>, {B_TRANS}, [noise]."""
    return label.lower() in SILENCES or bool(re.fullmatch(r"<.*>|\{.*\}|\[.*\]", label, re.DOTALL))


def from_codes(codes: NDArray[np.integer], seconds: float, tier: str) -> Alignment:
    """Codes (n,), n at least 1, of `seconds` each, as a tier: one interval for each run of equal codes, labelled with it.

    Raises ValueError when there are none.
    """
    if codes.ndim != 1 or not len(codes):
        raise ValueError(f"codes have shape {codes.shape}: they must be some, in one row")
    edges = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1, [len(codes)]])
    pairs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    return Alignment(
        tuple(
            Interval(first * seconds, last * seconds, str(codes[first])) for first, last in pairs
        ),
        tier,
    )
