"""Boundary baselines without learning: a fixed grid, the best grid, and peaks of spectral change.

Boundaries that a model finds are worth something where their R-value is above all three. The
settings of the peaks were chosen before anything was scored; `best_mel_peaks` finds the best ones
for a corpus.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from speechvq.errors import UnitsError
from speechvq.units.boundaries.peaks import peaks
from speechvq.units.boundaries.scores import TOLERANCE, Rule, Score, Span, Times, score

SPACINGS = tuple(float(spacing) for spacing in np.arange(20, 205, 5) / 1000)
"""Seconds between the boundaries of the grids that are tried."""

PROMINENCES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0)
"""Prominences of peaks that are tried, in standard deviations."""

FLOOR = 0.018
"""Share of a recording's mean power that is added to every band: 17 dB below the mean."""


def grid(span: Span, spacing: float) -> Times:
    """Boundaries every `spacing` s after the start of an utterance and before its end.

    Raises UnitsError.
    """
    if not spacing > 0:
        raise UnitsError(f"a grid of {spacing:g} s is invalid: give a spacing above 0")
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
    """The spacing in seconds whose grid has the highest R-value, and its score: an oracle baseline.

    references, edges: of each utterance, as for `score`
    spacings: those to try, in seconds
    rule, tolerance: as for `score`

    Raises UnitsError.
    """
    if not spacings:
        raise UnitsError("there are no spacings to choose from: give one at least")
    scores = [
        score(
            references,
            [grid(span, spacing) for span in edges],
            edges=edges,
            rule=rule,
            tolerance=tolerance,
        )
        for spacing in spacings
    ]
    best = max(range(len(scores)), key=lambda index: scores[index].r_value)
    return spacings[best], scores[best]


def mel_change(
    log_mel: NDArray[np.floating], rate: float, *, reach: float = 0.03
) -> NDArray[np.float64]:
    """The spectral change at each edge between frames, (n - 1,).

    log_mel: (n, bands), natural logarithms, `rate` frames per second
    reach: seconds before and after an edge over which frames are averaged, rounded to frames, fewer
        at the ends

    Value i is the Euclidean distance, over the root of the number of bands, between the two means
    around the edge between frames i and i + 1.
    """
    count, frames = len(log_mel), max(1, round(reach * rate))
    sums = np.concatenate(
        [np.zeros((1, log_mel.shape[1])), np.cumsum(log_mel, axis=0, dtype=np.float64)]
    )
    middle = np.arange(1, count)
    first, last = np.maximum(middle - frames, 0), np.minimum(middle + frames, count)
    before = (sums[middle] - sums[first]) / (middle - first)[:, None]
    after = (sums[last] - sums[middle]) / (last - middle)[:, None]
    return np.sqrt(((after - before) ** 2).mean(1))


def energy_gated_change(
    log_mel: NDArray[np.floating], rate: float, *, reach: float = 0.03
) -> NDArray[np.float64]:
    """Energy-gated spectral change: `mel_change`, squared, with a floor on the power, (n - 1,).

    `FLOOR` times the mean power is added to each band, because the logarithm exaggerates what is
    nearly silent: of the peaks of `mel_change` in pauses nine in ten are wrong. The square makes
    the prominence of a peak depend on its height, too. Arguments are as in `mel_change`.
    """
    power = np.exp(log_mel, dtype=np.float64)
    return mel_change(np.log(power + FLOOR * power.mean()), rate, reach=reach) ** 2


def mel_peaks(
    log_mel: NDArray[np.floating], rate: float, *, reach: float = 0.03, prominence: float = 0.3
) -> Times:
    """Boundaries at the peaks of `mel_change`, in seconds; frame i is centered at (i + 0.5) / rate.

    prominence: of peaks, in standard deviations of the utterance's change, see `peaks`

    Raises UnitsError when the spectrogram is not (n, bands) of finite numbers.
    """
    if log_mel.ndim != 2 or not np.isfinite(log_mel).all():
        raise UnitsError(
            f"a spectrogram of shape {log_mel.shape} cannot be used: give finite numbers, "
            "(frames, bands)"
        )
    if len(log_mel) < 3:
        return np.zeros(0)
    return peaks(mel_change(log_mel, rate, reach=reach), rate, prominence)


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
    """The prominence whose peaks have the highest R-value, and their score: an oracle baseline.

    log_mels: of each utterance, (n, bands), from its time 0 on
    references, edges, rule, tolerance: as for `score`
    prominences: those to try

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
