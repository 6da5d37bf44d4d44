"""Waveforms as they are given: checked, and cut into pieces."""

from collections.abc import Iterable, Iterator

import numpy as np
from torch import Tensor

from speechvq.audio.files import Wave
from speechvq.codes.record import RATE_LIMIT
from speechvq.errors import AudioError


def whole_rate(rate: float) -> int:
    """A sample rate that a code file can hold. Raises AudioError."""
    if not 1 <= rate <= RATE_LIMIT or rate != int(rate):
        raise AudioError(
            f"a sample rate is a whole number of Hz, from 1 to {RATE_LIMIT}, not {rate}"
        )
    return int(rate)


def checked(wave: Wave | Tensor) -> Wave:
    """A waveform as an array (t,) of float32. Raises AudioError."""
    given = wave.detach().cpu().numpy() if isinstance(wave, Tensor) else np.asarray(wave)
    if not np.issubdtype(given.dtype, np.floating):
        raise AudioError(
            f"a waveform holds floating-point numbers in [-1, 1], not {given.dtype}; divide by "
            "full scale"
        )
    samples = given.astype(np.float32)
    if samples.ndim != 1 or not len(samples):
        raise AudioError(f"a waveform has shape (samples,), not {samples.shape}")
    if not np.isfinite(samples).all():
        raise AudioError("the waveform holds samples that are not finite numbers")
    return samples


def pieces(waves: Wave, size: int) -> Iterator[Wave]:
    """Waveforms (b, t) in pieces of `size` samples."""
    return (waves[:, first : first + size] for first in range(0, waves.shape[1], size))


def exactly(blocks: Iterable[Wave], samples: int, silence: int) -> Iterator[Wave]:
    """Blocks (b, n) cut or padded to `samples` in all, as a resampler may give a sample more or less, and silence behind."""
    left, count = samples, 1
    for block in blocks:
        piece, count = block[:, :left], len(block)
        left -= piece.shape[1]
        if left and piece.shape[1]:
            yield piece
        elif piece.shape[1]:
            yield np.pad(piece, ((0, 0), (0, silence)))
    if left:
        yield np.zeros((count, left + silence), np.float32)
