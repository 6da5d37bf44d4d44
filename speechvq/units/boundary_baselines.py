"""Boundaries that nothing was learnt for: a fixed grid, the best of grids, and peaks of the change of a mel spectrogram.

What a model finds is worth something where its R-value is above all three. The settings of the peaks were chosen before
anything was scored; `best_mel_peaks` finds the best of a corpus.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from speechvq.errors import UnitsError
from speechvq.units.boundaries import TOLERANCE, Rule, Score, Span, Times, score

SPACINGS = tuple(float(spacing) for spacing in np.arange(20, 205, 5) / 1000)
"""Seconds between the boundaries of the grids that are tried."""

PROMINENCES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
"""How far peaks that are tried stand out, in standard deviations."""


def grid(span: Span, spacing: float) -> Times:
    """Boundaries every `spacing` s after the start of an utterance and before its end. Raises UnitsError."""
    if not spacing > 0:
        raise UnitsError(f"a grid of {spacing:g} s cannot be: give a spacing above 0")
    start, end = span
    steps = np.arange(1, max(1, int(np.ceil((end - start) / spacing)) + 1), dtype=np.float64)
    times: Times = start + spacing * steps
    return times[times < end - 1e-9]


def best_grid(
    references: Sequence[ArrayLike],
    edges: Sequence[Span],
    *,
    spacings: Sequence[float] = SPACINGS,
    rule: Rule = "strict",
    tolerance: float = TOLERANCE,
) -> tuple[float, Score]:
    """The spacing whose grid has the highest R-value, s, and its score: it was chosen knowing the reference.

    references, edges: of each utterance, as for `score`; edges are left out
    Raises UnitsError.
    """
    if not spacings:
        raise UnitsError("there are no spacings to choose from: give one at least")
    scores = [
        score(references, [grid(span, spacing) for span in edges], edges=edges, rule=rule, tolerance=tolerance)
        for spacing in spacings
    ]
    best = max(range(len(scores)), key=lambda index: scores[index].r_value)
    return spacings[best], scores[best]


def mel_change(log_mel: NDArray[np.floating], rate: float, *, reach: float = 0.03) -> NDArray[np.float64]:
    """How much the spectrum changes between the frames before and after each edge between frames, (n - 1,).

    log_mel: (n, bands), natural logarithms, `rate` frames a second
    reach: over how many s before and after an edge frames are averaged, rounded to frames and fewer at the ends
    Value i is the Euclidean distance, over the root of the bands, of the two means around the edge between frames i and i + 1.
    """
    count, frames = len(log_mel), max(1, round(reach * rate))
    sums = np.concatenate([np.zeros((1, log_mel.shape[1])), np.cumsum(log_mel, axis=0, dtype=np.float64)])
    middle = np.arange(1, count)
    first, last = np.maximum(middle - frames, 0), np.minimum(middle + frames, count)
    before = (sums[middle] - sums[first]) / (middle - first)[:, None]
    after = (sums[last] - sums[middle]) / (last - middle)[:, None]
    return np.sqrt(((after - before) ** 2).mean(1))


def mel_peaks(log_mel: NDArray[np.floating], rate: float, *, reach: float = 0.03, prominence: float = 0.3) -> Times:
    """Boundaries at the peaks of `mel_change`, s, of frames that are centred at (i + 0.5) / rate.

    prominence: how far a peak must stand out, in standard deviations of the utterance's change. The lowest value between a peak
        and the next higher value, or the end, is taken on both sides; the peak must be that far above the higher of the two.
    Raises UnitsError when the spectrogram is not (n, bands) of finite numbers.
    """
    if log_mel.ndim != 2 or not np.isfinite(log_mel).all():
        raise UnitsError(f"a spectrogram of shape {log_mel.shape} cannot be used: give finite numbers, (frames, bands)")
    if len(log_mel) < 3:
        return np.zeros(0)
    change = mel_change(log_mel, rate, reach=reach)
    padded = np.concatenate([[np.inf], change, [np.inf]])  # an end is no peak
    tops = np.flatnonzero((padded[1:-1] > padded[:-2]) & (padded[1:-1] >= padded[2:]))
    kept = tops[prominences(change)[tops] >= prominence * change.std()]
    return (kept.astype(np.float64) + 1) / rate


def best_mel_peaks(
    references: Sequence[ArrayLike],
    log_mels: Sequence[NDArray[np.floating]],
    rate: float,
    edges: Sequence[Span],
    *,
    prominences: Sequence[float] = PROMINENCES,
    rule: Rule = "strict",
    tolerance: float = TOLERANCE,
) -> tuple[float, Score]:
    """The prominence whose peaks have the highest R-value, and their score: chosen knowing the reference, as in `best_grid`.

    log_mels: of each utterance, (n, bands), from its time 0 on; the others as for `score`
    Raises UnitsError.
    """
    if not prominences:
        raise UnitsError("there are no prominences to choose from: give one at least")
    scores = [
        score(
            references,
            [mel_peaks(log_mel, rate, prominence=prominence) for log_mel in log_mels],
            edges=edges,
            rule=rule,
            tolerance=tolerance,
        )
        for prominence in prominences
    ]
    best = max(range(len(scores)), key=lambda index: scores[index].r_value)
    return prominences[best], scores[best]


def prominences(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """`prominence_of` every place of a curve (n,), in a time that grows with n, not with its square: for an hour of speech."""
    return curve - np.maximum(_valleys(curve), _valleys(curve[::-1])[::-1])


def _valleys(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each place, the lowest value from there back to the last that is higher, (n,)."""
    found, higher = np.empty(len(curve)), list[tuple[float, float]]()
    for place, value in enumerate(curve.tolist()):
        low = value
        while higher and higher[-1][0] <= value:
            low = min(low, higher.pop()[1])
        higher.append((value, low))
        found[place] = low
    return found


def prominence_of(curve: NDArray[np.float64], top: int) -> float:
    """How far a peak stands above the higher of the two valleys beside it, that reach to a higher value or to the end."""
    valleys = list[float]()
    for side in (curve[top::-1], curve[top:]):
        higher = np.flatnonzero(side > curve[top])
        valleys.append(float(side[: higher[0] if len(higher) else None].min()))
    return float(curve[top]) - max(valleys)
