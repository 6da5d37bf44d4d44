"""Standardized log-mel spectra of many recordings: the input of all networks."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from recipes import script
from speechvq.arrays import read_array
from speechvq.audio.reading import Wave
from speechvq.errors import UnitsError
from speechvq.output import new_file
from speechvq.units.features import RATE, log_mel
from speechvq.units.recordings import Recording

BANDS = 40
GROUP = 4
"""Frames of 10 ms in a code at 25 Hz: lengths of recordings are multiples of it."""

LEAST = 1e-3
"""Smallest standard deviation of a band."""


@dataclass(frozen=True, eq=False)
class Speech:
    """Concatenated frames of recordings, with mean 0 and deviation 1 per band and speaker.

    frames: (n, bands), 100 per second, in half precision
    lengths: of each recording, in frames, multiples of `GROUP`
    means, deviations: what each recording was standardized by, (r, bands)
    names, speakers: of each recording
    """

    frames: NDArray[np.float16]
    lengths: NDArray[np.int64]
    means: NDArray[np.float32]
    deviations: NDArray[np.float32]
    names: tuple[str, ...]
    speakers: tuple[str, ...]

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """The first frame of each recording."""
        return np.cumsum(self.lengths) - self.lengths

    @cached_property
    def voices(self) -> NDArray[np.int64]:
        """The number of each recording's speaker, in the order of their names."""
        return np.unique(self.speakers, return_inverse=True)[1]

    @property
    def seconds(self) -> float:
        """The duration of all recordings."""
        return float(self.lengths.sum()) / RATE

    def of(self, index: int) -> NDArray[np.float32]:
        """The frames of one recording, (f, bands)."""
        start = int(self.starts[index])
        return self.frames[start : start + int(self.lengths[index])].astype(np.float32)

    def log_mel(self, index: int) -> NDArray[np.float32]:
        """The frames of a recording before they were standardized: see `features.log_mel`."""
        return self.of(index) * self.deviations[index] + self.means[index]

    def cut(self, begins: NDArray[np.int64], length: int) -> Tensor:
        """Segments of `length` frames, (b, length, bands); they may cross recordings."""
        return torch.from_numpy(
            np.stack([self.frames[at : at + length] for at in begins]).astype(np.float32)
        )


def speech_of(
    recordings: Sequence[Recording], read: Callable[[Recording], Wave], cache: Path
) -> Speech:
    """The speech of recordings; spectra are computed once and kept in the folder `cache`.

    read: gives the samples of a recording at 16 kHz

    Recordings shorter than a code are left out. Raises UnitsError when none is left, and whatever
    `read` raises.
    """
    listing = [
        (
            recording.name,
            recording.speaker,
            str(recording.audio),
            recording.start,
            recording.seconds,
        )
        for recording in recordings
    ]
    key = hashlib.sha256(json.dumps([BANDS, listing]).encode()).hexdigest()[:16]
    frames, scales = cache / f"{key}.frames.npy", cache / f"{key}.scales.npy"
    lengths = np.array(
        [int(recording.seconds * RATE) // GROUP * GROUP for recording in recordings], np.int64
    )
    if not lengths.any():
        raise UnitsError("every recording is shorter than 40 ms; give some speech")
    if not scales.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with new_file(frames, force=True) as file:
            statistics = _write(recordings, lengths, read, file)
        with new_file(scales, force=True) as file:
            np.save(file, statistics, allow_pickle=False)
    advice = f"delete {cache}, then it is made again"
    means, deviations = read_array(scales, UnitsError, advice=advice)[:, lengths > 0]
    nonempty = [
        recording for recording, length in zip(recordings, lengths.tolist(), strict=True) if length
    ]
    names, speakers = (
        tuple(recording.name for recording in nonempty),
        tuple(recording.speaker for recording in nonempty),
    )
    return Speech(
        read_array(frames, UnitsError, advice=advice),
        lengths[lengths > 0],
        means,
        deviations,
        names,
        speakers,
    )


def _write(
    recordings: Sequence[Recording],
    lengths: NDArray[np.int64],
    read: Callable[[Recording], Wave],
    file: BinaryIO,
) -> NDArray[np.float32]:
    """Write frames in the order of recordings; return their means and deviations, (2, r, bands)."""
    shape = (int(lengths.sum()), BANDS)
    kind = {"descr": "<f2", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, kind)
    first = file.tell()
    starts, scales = np.cumsum(lengths) - lengths, np.ones((2, len(recordings), BANDS), np.float32)
    _, voices = np.unique([recording.speaker for recording in recordings], return_inverse=True)
    for voice in script.progress(range(int(voices.max()) + 1), "spectra"):
        own = np.flatnonzero((voices == voice) & (lengths > 0)).tolist()
        rows = [_frames(read(recordings[number]), int(lengths[number])) for number in own]
        if not rows:
            continue
        spectra = np.concatenate(rows)
        mean, deviation = spectra.mean(0), np.maximum(spectra.std(0), LEAST)
        scales[0, own], scales[1, own] = mean, deviation
        for number, frames in zip(own, rows, strict=True):
            file.seek(first + 2 * BANDS * int(starts[number]))
            file.write(((frames - mean) / deviation).astype("<f2").tobytes())
    return scales


def _frames(wave: Wave, length: int) -> NDArray[np.float32]:
    """`length` log-mel frames; the last is repeated where a recording is a little too short."""
    mel = log_mel(wave, BANDS)[:length]
    return np.pad(mel, ((0, length - len(mel)), (0, 0)), mode="edge")


class Crops:
    """Draws segments of speech at random.

    A recording is drawn with weight by its length over the root of its speaker's, then a place in
    it. A draw is a function of the seed and the step, so that a resumed run sees the same.
    """

    def __init__(self, speech: Speech, frames: int, *, seed: int) -> None:
        if frames > len(speech.frames):
            raise UnitsError(
                f"{speech.seconds:.0f} s of speech are less than a crop of {frames / RATE:g} s; "
                "give more"
            )
        self.speech, self.frames, self.seed = speech, frames, seed
        weights = speech.lengths / np.sqrt(
            np.bincount(speech.voices, speech.lengths)[speech.voices]
        )
        self.weights = weights / weights.sum()

    def draw(self, step: int, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The first frame of each crop and the recording it starts in, (count,) each.

        First frames are multiples of `GROUP`.
        """
        random = np.random.default_rng([self.seed, step])
        chosen = random.choice(len(self.weights), count, p=self.weights)
        places = (random.random(count) * (self.speech.lengths[chosen] // GROUP)).astype(
            np.int64
        ) * GROUP
        last = (len(self.speech.frames) - self.frames) // GROUP * GROUP
        return np.minimum(self.speech.starts[chosen] + places, last), chosen


def vtlp(mel: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """Spectra (b, f, bands) with the mel axis of each example stretched by up to a share of `most`.

    Vocal tract length perturbation (VTLP: Jaitly and Hinton 2013): it moves formants in either
    direction, as another vocal tract would.
    """
    batch, _, bands = mel.shape
    stretch = 1 + most * (2 * torch.rand(batch, generator=generator) - 1)
    at = (torch.arange(bands) * stretch[:, None]).clamp(0, bands - 1.001)
    low = at.long()
    share = (at - low).to(mel)[:, None]
    low = low[:, None].expand(mel.shape).to(mel.device)
    return mel.gather(2, low) * (1 - share) + mel.gather(2, low + 1) * share


def spans(batch: int, frames: int, share: float, length: int, generator: torch.Generator) -> Tensor:
    """The frames to mask, (batch, frames): spans of `length` frames, about `share` of all."""
    begins = torch.rand(batch, frames, generator=generator) < 1 - (1 - share) ** (1 / length)
    padded = functional.pad(begins.float()[:, None], (length - 1, 0))
    return functional.max_pool1d(padded, length, 1)[:, 0] > 0
