"""Peaks of a change curve as boundaries, and the prominence from which a peak counts.

Value i of a curve is at the edge between frames i and i + 1. The prominence of a peak: on both
sides the lowest value before the next higher value, or the end, is taken; prominence is the height
of the peak above the higher of the two. It is measured in standard deviations of the curve, so that
neither its unit nor the loudness of a recording matters.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import UnitsError
from speechvq.units.boundaries.scores import Times

Curve = NDArray[np.float64]


def tops(curve: Curve) -> tuple[NDArray[np.int64], Curve]:
    """The places of the peaks of a curve (n,), and their prominences in standard deviations.

    Ends are not peaks.
    """
    padded = np.concatenate([[np.inf], curve, [np.inf]])
    places = np.flatnonzero((padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:]))
    if not len(places):
        return places, np.zeros(0)
    return places, prominences(curve)[places] / curve.std()


def peaks(curve: Curve, rate: float, prominence: float) -> Times:
    """The times of the peaks of a curve of at least a prominence, in seconds.

    rate: frames per second
    """
    places, values = tops(curve)
    return (places[values >= prominence].astype(np.float64) + 1) / rate


def common_prominence(curves: Sequence[Curve], rate: float, target: float) -> float:
    """The prominence that leaves `target` peaks per second in several curves together.

    0 where there are no more than that. No reference boundary is needed, only their approximate
    number. Raises UnitsError without curves.
    """
    if not any(map(len, curves)) or not target > 0:
        raise UnitsError(f"{len(curves)} curves and {target:g} peaks per second: give some of each")
    values = np.sort(np.concatenate([tops(curve)[1] for curve in curves]))[::-1]
    count = round(target * sum(len(curve) + 1 for curve in curves) / rate)
    return float(values[count - 1]) if 0 < count <= len(values) else 0.0


def prominences(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """The prominence of every place of a curve (n,), in linear time, for an hour of speech."""
    return curve - np.maximum(_valleys(curve), _valleys(curve[::-1])[::-1])


def _valleys(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each place the lowest value from there back to the last higher one, (n,)."""
    lows, higher = np.empty(len(curve)), list[tuple[float, float]]()
    for place, value in enumerate(curve.tolist()):
        low = value
        while higher and higher[-1][0] <= value:
            low = min(low, higher.pop()[1])
        higher.append((value, low))
        lows[place] = low
    return lows


def prominence_of(curve: NDArray[np.float64], top: int) -> float:
    """The height of a peak above the higher of the valleys beside it: the definition, for tests."""
    valleys = list[float]()
    for side in (curve[top::-1], curve[top:]):
        higher = np.flatnonzero(side > curve[top])
        valleys.append(float(side[: higher[0] if len(higher) else None].min()))
    return float(curve[top]) - max(valleys)
