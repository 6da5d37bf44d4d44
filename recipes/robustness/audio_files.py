"""Audio files of all formats that are read: damaged, cut, and joined.

A file that is accepted gives as many samples as it declares, all of them finite. An intact file
gives all its samples without a warning; one that is cut off, or made of several that are joined,
gives all samples, or a warning.
"""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import soundfile

from recipes.robustness import audio_bytes
from recipes.robustness.case import Case, require
from recipes.robustness.damage import damaged
from recipes.robustness.oracle import complaint
from speechvq.audio.reading import chunks, inspect
from speechvq.errors import AudioWarning

SECONDS = 0.25
NAMES = ("wav", "wave", "flac", "ogg", "oga", "opus", "mp3", "aif", "aiff", "au", "caf", "w64")
FORMATS = (
    ("wav", "WAV", "PCM_16", 8000, 1),
    ("wav", "WAV", "PCM_U8", 8000, 2),
    ("wav", "WAV", "PCM_24", 16_000, 2),
    ("wav", "WAV", "FLOAT", 8000, 1),
    ("wav", "WAV", "DOUBLE", 44_100, 1),
    ("wav", "WAV", "ULAW", 8000, 1),
    ("wav", "WAV", "IMA_ADPCM", 8000, 1),
    ("wav", "WAV", "MS_ADPCM", 8000, 2),
    ("wav", "WAV", "GSM610", 8000, 1),
    ("wav", "WAVEX", "PCM_16", 8000, 3),
    ("rf64", "RF64", "PCM_16", 8000, 1),
    ("w64", "W64", "PCM_16", 8000, 1),
    ("aiff", "AIFF", "PCM_16", 8000, 1),
    ("aiff", "AIFF", "FLOAT", 16_000, 2),
    ("au", "AU", "PCM_16", 8000, 1),
    ("caf", "CAF", "PCM_16", 8000, 2),
    ("caf", "CAF", "ALAC_16", 8000, 1),
    ("flac", "FLAC", "PCM_16", 8000, 1),
    ("flac", "FLAC", "PCM_24", 16_000, 2),
    ("ogg", "OGG", "VORBIS", 8000, 1),
    ("ogg", "OGG", "VORBIS", 16_000, 2),
    ("opus", "OGG", "OPUS", 8000, 1),
    ("opus", "OGG", "OPUS", 16_000, 2),
    ("mp3", "MP3", "MPEG_LAYER_III", 8000, 1),
    ("mp3", "MP3", "MPEG_LAYER_III", 16_000, 2),
    ("mp3", "MP3", "MPEG_LAYER_III", 44_100, 1),
)
"""Suffix, format, subtype, rate in Hz, and channels."""


@dataclass(frozen=True)
class _Intact:
    """An intact file, and the samples per channel that it holds."""

    suffix: str
    data: bytes
    samples: int


class AudioFiles:
    """Quarters of a second of noise in every format."""

    def __init__(self, seed: int) -> None:
        random = np.random.default_rng(seed)
        self.good = [_good(random, *row) for row in FORMATS]

    def make(self, random: Random) -> Case:
        good = random.choice(self.good)
        name, pick = f"a.{good.suffix}", random.random()
        if pick < 0.03:
            return Case(name, good.data, "good", good.samples)
        if pick < 0.08:
            return self._joined(random, good)
        if pick < 0.16:
            data = good.data[: random.randrange(len(good.data))]
            return Case(name, data, "cut", good.samples)
        if pick < 0.2:
            name = f"a.{random.choice(NAMES)}"
        ways = ["bytes", "header", "header", "chunks", "chunks"]
        if good.suffix in ("ogg", "opus"):
            ways += ["pages"] * 4
        if good.suffix == "mp3":
            ways += ["frames"] * 4
        how = random.choice(ways)
        data = audio_bytes.WAYS[how](random, good.data)
        if random.random() < 0.05:
            data = damaged(random, data, [random.choice(self.good).data])
        return Case(name, data, how)

    def check(self, case: Case, folder: Path) -> None:
        path = case.written(folder)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", AudioWarning)
            samples = self._read(case, path)
        for remark in caught:
            wrong = complaint(str(remark.message), case.name)
            require(not wrong, f"a remark with {wrong}: {str(remark.message)!a}")
        if case.how == "good":
            require(not caught, f"remarks on a good file: {caught}")
        if case.expected is not None and not caught:
            require(samples == case.expected, f"{samples}, not {case.expected}: {case.how}")

    def _read(self, case: Case, path: Path) -> int:
        """Read all samples; how many there are."""
        source = inspect(path)
        rate = source.rate if len(case.data) % 2 else 16_000
        count = 0
        for part in chunks(source, rate):
            require(bool(np.isfinite(part).all()), "samples that are not finite")
            count += len(part)
        expected = source.samples * rate / source.rate
        require(abs(count - expected) <= (rate != source.rate), f"{count} of {expected} samples")
        return source.samples

    def _joined(self, random: Random, good: _Intact) -> Case:
        """A stream behind another of its kind: as `cat` joins files."""
        second = audio_bytes.with_serial(good.data, 2) or good.data
        data = good.data + second * random.choice((1, 1, 2))
        count = good.samples * (len(data) // len(good.data))
        return Case(f"a.{good.suffix}", data, "joined", count)


def _good(
    random: np.random.Generator, suffix: str, kind: str, subtype: str, rate: int, channels: int
) -> _Intact:
    buffer = io.BytesIO()
    noise = random.uniform(-0.5, 0.5, (int(SECONDS * rate), channels)).astype(np.float32)
    with soundfile.SoundFile(buffer, "w", rate, channels, subtype, format=kind) as file:
        file.write(noise)
    data = buffer.getvalue()
    data = audio_bytes.with_serial(data, 1) or data  # which is random otherwise
    return _Intact(suffix, data, soundfile.info(io.BytesIO(data)).frames)
