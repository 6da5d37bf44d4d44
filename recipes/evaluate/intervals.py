"""Means and rates with 95 % intervals: the percentile bootstrap over recordings.

What is drawn again and again are the recordings that a measurement began with, the sources: all
that was made of one, its conversions to several voices for example, is drawn together. The draws
are the same in every run.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

DRAWS = 2000


@dataclass(frozen=True)
class Interval:
    """A value, and between which values 95 % of the draws lie."""

    value: float
    low: float
    high: float

    def text(self, digits: int = 2) -> str:
        """The value and its interval, for a cell of a table."""
        if not np.isfinite(self.value):
            return "-"
        low, high = f"{self.low:.{digits}f}", f"{self.high:.{digits}f}"
        return f"{self.value:.{digits}f} ({low} to {high})"


def ratio(parts: Sequence[float], totals: Sequence[float]) -> Interval:
    """The sum of the parts over the sum of the totals, both of each source."""
    table = np.array([parts, totals], np.float64).T
    random = np.random.default_rng(0)
    draws = np.array(
        [table[random.integers(0, len(table), len(table))].sum(0) for _ in range(DRAWS)]
    ).reshape(DRAWS, 2)
    low, high = _bounds(_divided(draws))
    return Interval(float(_divided(table.sum(0)[None])[0]), low, high)


def mean(values: Sequence[Sequence[float | None]]) -> Interval:
    """The mean of all values; of each source some. Values that are None or NaN are left out."""
    kept = [[value for value in row if value is not None and np.isfinite(value)] for row in values]
    return ratio([sum(row) for row in kept], [len(row) for row in kept])


def word_error_rate(errors: Sequence[tuple[int, int]]) -> Interval:
    """Word errors over words in percent, given both of each source."""
    return ratio([100 * wrong for wrong, _ in errors], [total for _, total in errors])


def _divided(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """First over second column; NaN where that is 0."""
    total = np.where(table[:, 1] > 0, table[:, 1], np.nan)
    return table[:, 0] / total


def _bounds(values: NDArray[np.float64]) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    if not len(finite):
        return float("nan"), float("nan")
    low, high = np.percentile(finite, (2.5, 97.5))
    return float(low), float(high)
