"""The standard error of a mean over recordings, as if other speakers had been drawn."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def standard_error(
    sums: ArrayLike, counts: ArrayLike, speakers: Sequence[Hashable]
) -> NDArray[np.float64]:
    """The standard error (k,) of sum(sums) / sum(counts), with speakers as the sampling units.

    sums, counts: (n, k) and (n,) or (n, k), for each recording
    speakers: n names, one for each recording
    NaN for fewer than two speakers. The ratio is linearized (Cochran 1977, 6.4), and recordings of
    the same speaker need not be independent.
    """
    parts = np.asarray(sums, np.float64)
    totals = np.asarray(counts, np.float64)
    totals = np.broadcast_to(totals.reshape(len(parts), -1), parts.shape)
    numbers = {speaker: number for number, speaker in enumerate(dict.fromkeys(speakers))}
    if len(numbers) < 2:
        return np.full(parts.shape[1:], np.nan)
    residuals = np.zeros((len(numbers), *parts.shape[1:]))
    mean = parts.sum(0) / totals.sum(0)
    np.add.at(residuals, [numbers[speaker] for speaker in speakers], parts - mean * totals)
    correction = len(numbers) / (len(numbers) - 1)
    return np.sqrt(correction * np.square(residuals).sum(0)) / totals.sum(0)
