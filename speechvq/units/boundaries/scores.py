"""Boundary scores: precision, recall, F1, over-segmentation and R-value against a reference.

A boundary is hit when one of the other side lies within the tolerance, 20 ms by default. Two rules
are in use, and papers do not always say which is theirs:

    strict    each boundary counts once: pairs are made in time order, which for one tolerance makes
              as many as possible (Kamper and van Niekerk 2021)
    lenient   any near boundary counts, also when several share it (Kreuk et al. 2020); this favors
              over-segmentation

Counts are summed over utterances. With P and R precision and recall (Räsänen et al. 2009, "An
improved speech segmentation quality measure: the R-value", here as shares in place of percents):

    OS = R / P - 1
    r1 = sqrt((1 - R)^2 + OS^2)
    r2 = (-OS + R - 1) / sqrt(2)
    R-value = 1 - (|r1| + |r2|) / 2

F1 alone says little: a grid of 50 ms gets 0.7. Report the scores of `baselines` next to it. Times
of both sides in whole frames of 10 ms are hit more often than finer ones, because two frames on
either side are a window of 50 ms.

Where nothing is hit, R / P is taken as hypothesized / reference boundaries, which it always equals
under the strict rule; phone-metrics 0.1.0 takes 0 there and always gives an R-value of 0.293.
Elsewhere the two agree except for the 1e-9 that it adds to divisors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from speechvq.errors import UnitsError

Times = NDArray[np.float64]
Span = tuple[float, float]
Rule = Literal["strict", "lenient"]

TOLERANCE = 0.02
ROUNDING = 1e-9
"""Rounding error of a distance, in seconds."""


def changes(codes: NDArray, rate: float) -> Times:
    """The times in seconds at which codes (f,) change, without the edges of the utterance."""
    return (np.flatnonzero(codes[1:] != codes[:-1]) + 1) / rate


def edges_of(intervals: Sequence[tuple[float, float, object]]) -> Times:
    """Every start and end of intervals (start s, end s, label), once each, in order."""
    return np.unique(np.array([[start, end] for start, end, _ in intervals], np.float64))


def inside(times: ArrayLike, span: Span, margin: float = TOLERANCE) -> Times:
    """The times that are more than `margin` s away from both ends of an utterance, sorted."""
    ordered = np.sort(np.asarray(times, np.float64))
    return ordered[
        (ordered > span[0] + margin + ROUNDING) & (ordered < span[1] - margin - ROUNDING)
    ]


@dataclass(frozen=True)
class Score:
    """Counts of boundaries.

    references, hypotheses: boundaries of the reference, and hypothesized ones
    references_hit, hypotheses_hit: those of each that have one of the other within the tolerance
    """

    references: int
    hypotheses: int
    references_hit: int
    hypotheses_hit: int

    @property
    def precision(self) -> float:
        """The share of hypothesized boundaries that are right; 0 where there are none."""
        return self.hypotheses_hit / self.hypotheses if self.hypotheses else 0.0

    @property
    def recall(self) -> float:
        """The share of reference boundaries that are hit."""
        return self.references_hit / self.references

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    @property
    def over_segmentation(self) -> float:
        """OS: 0 for as many boundaries as the reference has, 1 for twice as many, -1 for none."""
        return (
            self.recall / self.precision - 1
            if self.hypotheses_hit
            else self.hypotheses / self.references - 1
        )

    @property
    def r_value(self) -> float:
        """1 for exactly the reference boundaries; below 0 for very many."""
        missed, over = 1 - self.recall, self.over_segmentation
        return 1 - (hypot(missed, over) + abs(over + missed) / sqrt(2)) / 2


def score(
    references: Sequence[ArrayLike],
    hypotheses: Sequence[ArrayLike],
    *,
    edges: Sequence[Span] | None,
    rule: Rule = "strict",
    tolerance: float = TOLERANCE,
) -> Score:
    """Score hypothesized boundaries of utterances.

    references, hypotheses: of each utterance, times in seconds, in any order; equal times count as
        often as they occur
    edges: start and end of each utterance in seconds: boundaries of either side beyond these or
        within the tolerance of them are left out, because every method has them; None: all
        boundaries count
    rule: see above
    tolerance: in seconds

    Raises UnitsError when there are not equally many utterances, times are not finite, or the
    reference has no boundaries.
    """
    spans = [(-np.inf, np.inf)] * len(references) if edges is None else edges
    if not len(references) == len(hypotheses) == len(spans):
        raise UnitsError(
            f"boundaries of {len(references)} utterances, hypothesized ones of {len(hypotheses)} "
            f"and edges of {len(spans)}: give all for the same utterances"
        )
    counts = np.zeros(4, np.int64)
    for index, (own, others, span) in enumerate(zip(references, hypotheses, spans, strict=True)):
        if not (np.isfinite(own).all() and np.isfinite(others).all()):
            raise UnitsError(
                f"a boundary of utterance {index} is not a finite number of seconds: fix the "
                "alignment"
            )
        real, guess = inside(own, span, tolerance), inside(others, span, tolerance)
        counts += [len(real), len(guess), *_hits(real, guess, rule, tolerance + ROUNDING)]
    if not counts[0]:
        raise UnitsError(
            "the reference has no boundaries: check that its intervals are of these recordings"
        )
    return Score(*counts.tolist())


def _hits(references: Times, hypotheses: Times, rule: Rule, tolerance: float) -> tuple[int, int]:
    """The numbers of references and of hypotheses that are hit; both sorted."""
    match rule:
        case "strict":
            pairs = _pairs(references.tolist(), hypotheses.tolist(), tolerance)
            return pairs, pairs
        case "lenient":
            return _near(references, hypotheses, tolerance), _near(
                hypotheses, references, tolerance
            )


def _pairs(references: list[float], hypotheses: list[float], tolerance: float) -> int:
    """The number of pairs in time order, each time in at most one of them."""
    pairs = i = j = 0
    while i < len(references) and j < len(hypotheses):
        if abs(references[i] - hypotheses[j]) <= tolerance:
            pairs, i, j = pairs + 1, i + 1, j + 1
        elif references[i] < hypotheses[j]:
            i += 1
        else:
            j += 1
    return pairs


def _near(times: Times, others: Times, tolerance: float) -> int:
    """The number of times that have one of the others near; both sorted."""
    first = np.searchsorted(others, times - tolerance, "left")
    return int((first < np.searchsorted(others, times + tolerance, "right")).sum())
