"""Waveforms as callers give them, arrays and tensors alike: checked, and cut into chunks."""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechvq.audio.reading import LOUDEST, Wave, too_loud
from speechvq.errors import AudioError
from speechvq.limits import RATES, real_number, whole_number

FULL_SCALE = {"int8": 128, "int16": 32768, "int32": 2**31}
"""Full scale of integer samples, by their type."""


def checked_rate(rate: object) -> int:
    """A sample rate that a code file can hold, of any type of number. Raises AudioError."""
    number = real_number(rate, AudioError, "a sample rate in Hz")
    return whole_number(
        int(number) if number.is_integer() else rate, RATES, AudioError, "a sample rate in Hz"
    )


def checked_wave(wave: Any) -> Wave:  # noqa: ANN401 - a list, an array or a tensor
    """A waveform as an array (t,) of float32. Raises AudioError."""
    samples = checked_samples(wave)
    if samples.ndim != 1 or not len(samples):
        several = "; encode several with encode_batch" if samples.ndim == 2 else ""
        raise AudioError(f"a waveform has shape (samples,), not {samples.shape}{several}")
    return samples


def checked_samples(wave: Any) -> Wave:  # noqa: ANN401 - lists, arrays or tensors
    """Samples of any shape as an array of float32. Raises AudioError."""
    values = _array(wave)
    if values.dtype.kind != "f":
        scale = FULL_SCALE.get(values.dtype.name, "full scale")
        advice = f"; divide by {scale}" if values.dtype.kind in "iu" else ""
        raise AudioError(
            f"a waveform holds floating-point numbers in [-1, 1], not {values.dtype}{advice}"
        )
    with np.errstate(over="ignore", under="ignore"):
        samples = values.astype(np.float32)
    if not np.isfinite(samples).all():
        raise AudioError("the waveform holds samples that are not finite numbers in float32")
    if (peak := float(np.abs(samples).max(initial=0))) > LOUDEST:
        raise AudioError(too_loud(peak))
    return samples


def _array(wave: Any) -> NDArray[Any]:  # noqa: ANN401 - lists, arrays or tensors
    """An array or tensor as an array of its own type. Raises AudioError."""
    tensor = hasattr(wave, "is_floating_point")
    try:
        if np.ma.is_masked(wave):
            raise AudioError("the waveform has masked samples; fill them, as with zeros")
        if tensor and wave.is_floating_point():
            wave = wave.detach().float()  # NumPy has no bfloat16
        return np.asarray(wave.numpy(force=True) if tensor else wave)
    except (TypeError, ValueError, RuntimeError, OverflowError, BufferError) as error:
        kind = f"{wave.dtype} on {wave.device}" if tensor else type(wave).__name__
        raise AudioError(
            f"a waveform is an array or a tensor (samples,), and no {kind} can be read as one"
        ) from error


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
