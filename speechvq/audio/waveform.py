"""Waveforms as callers give them, arrays and tensors alike: checked, and cut into chunks."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from speechvq.audio.reading import LOUDEST, Wave, too_loud
from speechvq.errors import AudioError
from speechvq.limits import RATES, whole


def checked_rate(rate: float) -> int:
    """A sample rate that a code file can hold. Raises AudioError."""
    number = int(rate) if isinstance(rate, float) and rate.is_integer() else rate
    return whole(number, RATES, AudioError, "a sample rate in Hz")


def checked_wave(wave: Any) -> Wave:  # noqa: ANN401 - a list, an array or a tensor
    """A waveform as an array (t,) of float32. Raises AudioError."""
    values = np.asarray(wave.detach().cpu() if hasattr(wave, "detach") else wave)
    if not np.issubdtype(values.dtype, np.floating):
        raise AudioError(
            f"a waveform holds floating-point numbers in [-1, 1], not {values.dtype}; divide by "
            "full scale"
        )
    with np.errstate(over="ignore"):  # beyond float32 is infinite, which is refused below
        samples = values.astype(np.float32)
    if samples.ndim != 1 or not len(samples):
        raise AudioError(f"a waveform has shape (samples,), not {samples.shape}")
    if not np.isfinite(samples).all():
        raise AudioError("the waveform holds samples that are not finite numbers")
    if (peak := float(np.abs(samples).max())) > LOUDEST:
        raise AudioError(too_loud(peak))
    return samples


def chunks(waves: Wave, size: int) -> Iterator[Wave]:
    """Waveforms (b, t) in chunks of `size` samples."""
    return (waves[:, first : first + size] for first in range(0, waves.shape[1], size))


def fixed_length(parts: Iterable[Wave], samples: int) -> Iterator[tuple[Wave, bool]]:
    """Chunks (b, n) cut or padded with zeros to `samples` in all, and whether each is the last.

    A resampler may give a sample more or less than it should.
    """
    left, batch = samples, 1
    for part in parts:
        chunk, batch = part[:, :left], len(part)
        left -= chunk.shape[1]
        if chunk.shape[1]:
            yield chunk, not left
    if left:
        yield np.zeros((batch, left), np.float32), True
