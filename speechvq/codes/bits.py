"""Integers in as many bits as they need, most significant bit first."""

import numpy as np
from numpy.typing import NDArray


def pack(values: NDArray[np.uint16], bits: int) -> NDArray[np.uint8]:
    """Each value as `bits` bits: (n,) to (n * bits,) zeros and ones."""
    shifts = np.arange(bits - 1, -1, -1, dtype=np.uint16)
    return ((values[:, None] >> shifts) & 1).astype(np.uint8).ravel()


def unpack(flags: NDArray[np.uint8], bits: int) -> NDArray[np.uint16]:
    """The inverse: (n * bits,) zeros and ones to (n,) values."""
    shifts = np.arange(bits - 1, -1, -1, dtype=np.uint16)
    return (flags.reshape(-1, bits).astype(np.uint16) << shifts).sum(1, dtype=np.uint16)
