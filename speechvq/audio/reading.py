"""Audio files of any sample rate and channel count that soundfile knows, as one channel.

Long files are read in chunks through one resampler: memory does not grow with length. Nothing is
left out silently: a file that holds less than it declares is refused, or read as far as it goes,
with an `AudioWarning`.
"""

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soxr
from numpy.typing import NDArray

from speechvq.audio.formats import advice
from speechvq.audio.layout import Layout, Stream, layout
from speechvq.audio.mixing import chosen
from speechvq.audio.opening import blocks, no_audio, opened, reader
from speechvq.errors import AudioError, AudioWarning
from speechvq.limits import RATES, SAMPLES, whole_number

Wave = NDArray[np.float32]

SHORTEST = 0.1
"""Seconds; a shorter recording holds too little speech."""

SILENCE = 1e-5
"""Deviation (full scale 1) below which a recording is silent: -100 dB."""

LOUDEST = 8.0
"""Peak (full scale 1) above which samples are refused: 18 dB above full scale."""

INTEGERS = (16, 24, 32)
"""Bits of samples that may have been stored as floating-point numbers."""

QUIETEST_INTEGERS = 256
"""Peak up to which samples are not taken for integers: they would be almost silent."""

CHUNK_SECONDS = 10
"""Seconds of audio read at a time."""

CHUNK_NUMBERS = 1 << 22
"""Samples of all channels that are read at a time, at most."""

UNKNOWN = 2**63 - 1
"""The number of samples that libsndfile reports for a FLAC file without a length."""


@dataclass(frozen=True)
class Source:
    """An audio file that can be read: its rate in Hz, channels, and length in samples.

    mixed: the indices of the channels to average; None until `mixed` has chosen them
    streams: the recordings in it, one after the other
    """

    path: Path
    rate: int
    channels: int
    samples: int
    mixed: tuple[int, ...] | None
    streams: tuple[Stream, ...]

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / self.rate


def inspect(path: str | Path, channel: int | None = None) -> Source:
    """The rate, channels and length of an audio file; each of its faults is an `AudioWarning`.

    channel: the one to read, counted from 1; by default `mixed` chooses
    Raises AudioError for a file that cannot be read, is too short, or has no such channel.
    """
    path = Path(path)
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size == 0:
            raise AudioError(f"{path} is empty; give an audio file")
        content, facts = _facts(file, size, path)
    if len({fact[:2] for fact in facts}) > 1:
        raise AudioError(
            f"{path} changes its sample rate or its number of channels in the middle; "
            f"`{advice(path)}` makes them one"
        )
    rate, channels, samples = *facts[0][:2], sum(fact[2] for fact in facts)
    whole_number(rate, RATES, AudioError, f"the sample rate of {path} in Hz")
    if samples < SHORTEST * rate:
        raise AudioError(
            f"{path} holds {samples} samples ({samples / rate:.3f} s); at least {SHORTEST} s are "
            "needed"
        )
    whole_number(samples, SAMPLES, AudioError, f"the number of samples of {path}")
    if channel is not None and not 1 <= channel <= channels:
        raise AudioError(f"{path} has {channels} channels, so that there is no channel {channel}")
    for remark in content.remarks(samples, rate):
        warnings.warn(AudioWarning(f"{path} {remark}"), stacklevel=2)
    if channels == 1:
        channel = 1
    indices = None if channel is None else (channel - 1,)
    return Source(path, rate, channels, samples, indices, content.streams)


def mixed(source: Source) -> Source:
    """The source with its channels chosen; where there are several, the whole file is read for it.

    Channels that cancel one another or are silent are left out, with an `AudioWarning`. Raises
    AudioError.
    """
    if source.mixed is not None:
        return source
    channels, reason = chosen(_selected_channels(source, source.rate))
    if reason:
        warnings.warn(
            AudioWarning(f"{source.path}: {reason}; --channel N takes another"), stacklevel=2
        )
    return replace(source, mixed=channels)


def chunks(source: Source, sample_rate: int) -> Iterator[Wave]:
    """The samples at another rate, in chunks of some seconds, with the channels averaged.

    Raises AudioError at a sample that is not a finite number or far beyond full scale, a file that
    ends early or is damaged, and at the end if all was silence.
    """
    source = mixed(source)
    resampler = None
    if source.rate != sample_rate:
        resampler = soxr.ResampleStream(source.rate, sample_rate, 1, dtype="float32")
    lowest, highest, seen = np.inf, -np.inf, 0
    for block in _selected_channels(source, CHUNK_SECONDS * source.rate):
        mono = block.mean(1) if block.shape[1] > 1 else block[:, 0]
        lowest, highest = min(lowest, float(mono.min())), max(highest, float(mono.max()))
        seen += len(mono)
        last = seen >= source.samples
        yield mono if resampler is None else resampler.resample_chunk(mono, last=last)
    if seen != source.samples:
        raise AudioError(
            f"{source.path} ends after {seen} of {source.samples} samples: it is truncated, "
            f"damaged, or was changed meanwhile; `{advice(source.path)}` keeps what can be read"
        )
    if highest - lowest < 2 * SILENCE:
        raise AudioError(
            f"{source.path} is silent from beginning to end; there is nothing to encode"
        )


def read_mono(path: str | Path, sample_rate: int, channel: int | None = None) -> Wave:
    """All samples (t,) at a rate, of one channel or of the average. Raises AudioError."""
    return np.concatenate(list(chunks(inspect(path, channel), sample_rate)))


def _facts(file: BinaryIO, size: int, path: Path) -> tuple[Layout, list[tuple[int, int, int]]]:
    """The layout of a file, and the rate, channels and samples of each of its streams."""
    content, facts = layout(file, size, str(path)), []
    for stream in content.streams:
        with reader(file, stream, path) as sound:
            if sound.subtype.startswith("MPEG") and not content.mpeg:
                raise no_audio(path, "it only looks like MPEG audio")
            samples = sound.frames if stream.samples is None else stream.samples
            if samples == UNKNOWN:
                content = replace(content, unknown=not content.end_marked)
                samples = sum(map(len, blocks(sound, CHUNK_NUMBERS // sound.channels, path)))
            facts.append((sound.samplerate, sound.channels, samples))
    if not facts:
        raise no_audio(path, "no stream in it is sound")
    return content, facts


def _selected_channels(source: Source, size: int) -> Iterator[Wave]:
    """The chosen channels in blocks (n, c) of at most `size` samples. Raises AudioError."""
    size = max(1, min(size, CHUNK_NUMBERS // source.channels))
    selected = list(source.mixed or range(source.channels))
    seen, path = 0, source.path
    with opened(path) as file:
        for stream in source.streams:
            with reader(file, stream, path) as sound:
                if (sound.samplerate, sound.channels) != (source.rate, source.channels):
                    raise AudioError(f"{path} was changed while it was read; try again")
                for block in blocks(sound, size, path, seen):
                    kept = block if len(selected) == source.channels else block[:, selected]
                    _check(kept, seen, source)
                    seen += len(block)
                    yield kept


def _check(block: Wave, seen: int, source: Source) -> None:
    """Raises AudioError for samples that are not finite or far beyond full scale."""
    peak = float(max(block.max(initial=0.0), -block.min(initial=0.0)))
    if not np.isfinite(peak):
        place = int(np.argmin(np.isfinite(block).all(1)))
        raise AudioError(
            f"{source.path} holds a sample that is not a finite number at "
            f"{(seen + place) / source.rate:.3f} s; repair the file"
        )
    if peak > LOUDEST:
        raise AudioError(f"{source.path}: {too_loud(peak)}")


def too_loud(peak: float) -> str:
    """The message for samples with a peak above `LOUDEST`."""
    full = next((1 << bits - 1 for bits in INTEGERS if peak <= 1 << bits), None)
    if full is None:
        return f"the samples go up to {peak:g}, which is no sound; repair the recording"
    where = f"the samples go up to {peak:g}, where full scale is 1"
    if peak <= QUIETEST_INTEGERS:
        return f"{where}; divide them by {peak:g}"
    return (
        f"{where}; they are probably integers stored as floating-point numbers: divide them by "
        f"{full}"
    )
