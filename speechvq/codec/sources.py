"""What an encoding session is fed: recordings side by side, at the model's rate, in chunks."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from speechvq.audio import reading as audio
from speechvq.audio.reading import Wave
from speechvq.audio.waveform import checked_rate, checked_wave, chunks
from speechvq.errors import AudioError, shown
from speechvq.input import checked_path

CHUNK_SECONDS = 10
"""Seconds of audio that go through the network at a time."""


@dataclass(frozen=True)
class Sources:
    """Recordings of one sample rate.

    chunks: (b, n) each, at the model's rate
    rate, samples: sample rate in Hz of the recordings, and the length of each in samples
    model_rate: of the model in Hz
    """

    chunks: Iterable[Wave]
    rate: int
    samples: Sequence[int]
    model_rate: int

    @property
    def lengths(self) -> list[int]:
        """Samples of each recording at the model's rate."""
        return [at_rate(count, self.rate, self.model_rate) for count in self.samples]


def at_rate(samples: int, rate: int, other_rate: int) -> int:
    """Samples of a recording at another rate, rounded up."""
    return -(-samples * other_rate // rate)


def side_by_side(waves: Sequence[Wave], rate: int, model_rate: int) -> Sources:
    """Waveforms (t,) of any lengths as a batch, padded with zeros to the longest."""
    lengths = [at_rate(len(wave), rate, model_rate) for wave in waves]
    batch = np.zeros((len(waves), max(lengths)), np.float32)
    for row, wave, length in zip(batch, waves, lengths, strict=True):
        resampled = wave if rate == model_rate else soxr.resample(wave, rate, model_rate)
        row[: min(len(resampled), length)] = resampled[:length]
    samples = [len(wave) for wave in waves]
    return Sources(chunks(batch, CHUNK_SECONDS * model_rate), rate, samples, model_rate)


def of_file(source: str | Path | audio.Source, model_rate: int) -> Sources:
    """An audio file, read in bounded memory. Raises AudioError, now or when its chunks are read."""
    if not isinstance(source, audio.Source):
        source = audio.inspect(checked_path(source, AudioError, "audio file"))
    parts = (chunk[None] for chunk in audio.chunks(source, model_rate))
    return Sources(parts, checked_rate(source.rate), [source.samples], model_rate)


def checked_batch(waves: Any) -> list[Wave]:  # noqa: ANN401 - whatever holds waveforms
    """Waveforms, arrays or tensors, as arrays (t,) of float32.

    Raises AudioError that says which of them is wrong.
    """
    try:
        rows = list(waves)
    except (TypeError, RuntimeError, NotImplementedError):  # such as a tensor of no dimension
        raise AudioError(f"a batch is a list of waveforms, not {shown(waves)}") from None
    if isinstance(waves, Mapping | str | bytes):
        raise AudioError(f"a batch is a list of waveforms, not {shown(waves)}")
    checked = []
    for index, wave in enumerate(rows):
        try:
            checked.append(checked_wave(wave))
        except AudioError as error:
            raise AudioError(f"waveform {index}: {error}") from error
    return checked
