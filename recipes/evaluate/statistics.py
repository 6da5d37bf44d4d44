"""Statistics of codes and of waveforms by which generated speech is compared with real speech."""

import numpy as np
from numpy.typing import NDArray

from speechvq.audio.reading import Wave

FRAME = 400
"""Samples of a frame of 25 ms at 16 kHz."""


def frequencies(codes: NDArray[np.uint16], size: int) -> NDArray[np.float64]:
    """Relative frequency (size,) of each code."""
    return np.bincount(codes, minlength=size) / len(codes)


def pairs(codes: NDArray[np.uint16], size: int) -> NDArray[np.int64]:
    """Pairs of neighboring codes as integers, (n - 1,)."""
    return codes[:-1].astype(np.int64) * size + codes[1:]


def jensen_shannon(p: NDArray[np.float64], q: NDArray[np.float64]) -> float:
    """Jensen-Shannon divergence of two distributions in bits, 0 to 1."""
    mean = (p + q) / 2
    divergences = [(d[d > 0] * np.log2(d[d > 0] / mean[d > 0])).sum() for d in (p, q)]
    return float(sum(divergences) / 2)


def longest_loop(codes: NDArray[np.uint16], look_back: int) -> int:
    """Length of the longest segment that repeats the codes 2 to `look_back` frames before it.

    Segments of a single code that is held do not count.
    """
    longest = 0
    for lag in range(2, min(look_back, len(codes) - 1) + 1):
        same = np.flatnonzero(np.diff(codes[lag:] == codes[:-lag], prepend=False, append=False))
        for first, last in zip(same[::2], same[1::2], strict=True):
            if last - first > longest and len(np.unique(codes[lag + first : lag + last])) > 1:
                longest = last - first
    return int(longest)


def pauses(wave: Wave) -> NDArray[np.bool_]:
    """Which 25 ms frames of a waveform (t,) are 40 dB below the loud ones."""
    frames = wave[: len(wave) // FRAME * FRAME].reshape(-1, FRAME)
    level = 10 * np.log10(np.square(frames).mean(1) + 1e-10)
    return level < np.percentile(level, 95) - 40
