"""Boundaries at the peaks of a curve that says how much changes at each place, and which peaks are enough.

Value i of a curve is of the edge between frames i and i + 1. A peak counts by its prominence: the
lowest value between it and the next higher value, or the end, is taken on both sides; prominence is
how far the peak is above the higher of the two. It is told in standard deviations of the curve, so
that neither its unit nor the loudness of a recording matters.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import UnitsError
from speechvq.units.boundaries.scores import Times

Curve = NDArray[np.float64]


def tops(curve: Curve) -> tuple[NDArray[np.int64], Curve]:
    """Where the peaks of a curve (n,) are, and their prominences in its standard deviations; an end is no peak."""
    padded = np.concatenate([[np.inf], curve, [np.inf]])
    places = np.flatnonzero((padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:]))
    if not len(places):
        return places, np.zeros(0)
    return places, prominences(curve)[places] / curve.std()


def peaks(curve: Curve, rate: float, prominence: float) -> Times:
    """The times of the peaks of a curve that are so prominent, s, at `rate` frames a second."""
    places, values = tops(curve)
    return (places[values >= prominence].astype(np.float64) + 1) / rate


def common_prominence(curves: Sequence[Curve], rate: float, target: float) -> float:
    """The prominence that leaves `target` peaks a second of several curves together; 0 where there are no more than that.

    No boundary of a reference need be known, only how many there are about. Raises UnitsError
    without curves.
    """
    if not any(map(len, curves)) or not target > 0:
        raise UnitsError(f"{len(curves)} curves and {target:g} peaks a second: give some of each")
    values = np.sort(np.concatenate([tops(curve)[1] for curve in curves]))[::-1]
    count = round(target * sum(len(curve) + 1 for curve in curves) / rate)
    return float(values[count - 1]) if 0 < count <= len(values) else 0.0


def prominences(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """`prominence_of` every place of a curve (n,), in a time that grows with n, not with its square: for an hour of speech."""
    return curve - np.maximum(_valleys(curve), _valleys(curve[::-1])[::-1])


def _valleys(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each place, the lowest value from there back to the last that is higher, (n,)."""
    lows, higher = np.empty(len(curve)), list[tuple[float, float]]()
    for place, value in enumerate(curve.tolist()):
        low = value
        while higher and higher[-1][0] <= value:
            low = min(low, higher.pop()[1])
        higher.append((value, low))
        lows[place] = low
    return lows


def prominence_of(curve: NDArray[np.float64], top: int) -> float:
    """How far a peak stands above the higher of the two valleys beside it, that reach to a higher value or to the end."""
    valleys = list[float]()
    for side in (curve[top::-1], curve[top:]):
        higher = np.flatnonzero(side > curve[top])
        valleys.append(float(side[: higher[0] if len(higher) else None].min()))
    return float(curve[top]) - max(valleys)
