"""Which channels of a recording are averaged into one.

All of them, unless their sum would not be the sound: channels in opposite phase cancel one
another, and a silent channel only makes the others quieter.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

SILENT = 1e-5
"""Energy relative to the loudest channel, -50 dB, below which a channel is silent."""

CANCELED = 0.5
"""Energy of the sum, relative to that of uncorrelated channels, below which channels cancel."""

ALIKE = 0.999
"""Energy relative to the loudest channel from which the first such channel is chosen."""

SHARE = 0.1
"""Share of the energy in canceling seconds above which only the loudest channel is used."""


def chosen(windows: Iterable[NDArray[np.float32]]) -> tuple[tuple[int, ...], str]:
    """The indices of the channels to average, and why some are left out (empty if none is).

    windows: the samples (n, c), about a second at a time. Constant offsets do not count.
    """
    energies, canceled = np.zeros(1), 0.0
    for window in windows:
        centered = window.T.astype(np.float64, order="C")
        centered -= centered.mean(1, keepdims=True)
        products = centered @ centered.T
        energy = np.diag(products)
        if products.sum() < CANCELED * energy.sum():
            canceled += float(energy.sum())
        energies = energies + energy
    indices = tuple(range(len(energies)))
    loudest = int((energies >= ALIKE * energies.max()).argmax())
    if canceled > SHARE * energies.sum():
        return (loudest,), (
            "its channels are in opposite phase and cancel one another: only the loudest, channel "
            f"{loudest + 1}, is used"
        )
    audible = tuple(np.flatnonzero(energies > SILENT * energies[loudest]).tolist()) or indices
    if audible == indices:
        return indices, ""
    silent = ", ".join(str(index + 1) for index in indices if index not in audible)
    which = f"channels {silent} are" if len(indices) - len(audible) > 1 else f"channel {silent} is"
    used = ", ".join(str(index + 1) for index in audible)
    return audible, f"{which} silent and left out: channel {used} is used"
