"""All training audio in one array of 16-bit samples, and random crops from it.

Packing decodes every file once; training then only copies slices, and a machine without audio
libraries can use the pack. Crops are a pure function of (seed, step, rank), so a resumed run sees
the same batches as an unbroken one.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from speechvq.arrays import read_array
from speechvq.data.augment import Augmentation
from speechvq.data.manifest import Utterance
from speechvq.errors import AudioError, ManifestError
from speechvq.output import make_folder, new_file


@dataclass(frozen=True)
class Batch:
    """Crops (b, t) in float32, reference crops (b, r, t) of the same voice, and the voices (b,).

    A voice of -1 is unknown.
    """

    waves: NDArray[np.float32]
    references: NDArray[np.float32]
    voices: NDArray[np.int64]


@dataclass(frozen=True)
class Corpus:
    """Packed audio: samples of all files end to end, with the start, length and voice of each.

    A voice of -1 is unknown.
    """

    samples: NDArray[np.int16]
    starts: NDArray[np.int64]
    lengths: NDArray[np.int64]
    voices: NDArray[np.int64]
    names: tuple[str, ...]

    def restricted(self, keep: NDArray[np.bool_]) -> "Corpus":
        """Only the files where `keep` is true."""
        return Corpus(
            self.samples, self.starts[keep], self.lengths[keep], self.voices[keep], self.names
        )

    def wave(self, index: int, start: int = 0, length: int | None = None) -> NDArray[np.float32]:
        """Samples of one file from `start` on, in [-1, 1]."""
        length = int(self.lengths[index]) - start if length is None else length
        begin = int(self.starts[index]) + start
        return self.samples[begin : begin + length].astype(np.float32) / 32768.0


class Sampler:
    """Draws batches: a voice, then a file of it, then a place in the file.

    Voices are weighted by the square root of their hours, files by their length.

    Files shorter than a crop are left out (`left_out` counts them). Files of unknown voices count
    as one voice when drawn, and each as its own voice when a reference is looked for.
    """

    def __init__(
        self,
        corpus: Corpus,
        *,
        crop: int,
        references: int,
        gain_db: tuple[float, float],
        seed: int,
        sample_rate: int,
        augment: Augmentation | None = None,
    ) -> None:
        usable = corpus.lengths >= crop
        self.left_out = int((~usable).sum())
        self.corpus, self.crop, self.references = corpus.restricted(usable), crop, references
        self.gain_db, self.seed, self.sample_rate, self.augment = (
            gain_db,
            seed,
            sample_rate,
            augment,
        )
        if not len(self.corpus.lengths):
            raise ManifestError(
                f"no file is as long as a crop of {crop} samples; use longer files or a shorter "
                "data.crop"
            )
        voices = np.unique(self.corpus.voices)
        self.files = [np.flatnonzero(self.corpus.voices == voice) for voice in voices]
        self.file_weights = [_normalized(self.corpus.lengths[files]) for files in self.files]
        self.voice_weights = _normalized(
            np.array([self.corpus.lengths[files].sum() ** 0.5 for files in self.files])
        )

    def batch(self, step: int, rank: int, count: int) -> Batch:
        """The batch of one step on one rank."""
        random = np.random.default_rng([self.seed, step, rank])
        waves, references, voices = [], [], []
        for voice in random.choice(len(self.files), count, p=self.voice_weights):
            file = random.choice(self.files[voice], p=self.file_weights[voice])
            crops = [self._crop(random, file)]
            known = self.corpus.voices[file] >= 0
            for _ in range(self.references):
                other = known and random.random() < 0.5
                crops.append(
                    self._crop(random, random.choice(self.files[voice]) if other else file)
                )
            if self.augment is not None:
                crops = self._augmented(self.augment, crops, random)
            gain = 10 ** (random.uniform(*self.gain_db) / 20)
            crops = [
                crop * min(gain, 0.99 / max(1e-3, float(np.abs(crop).max()))) for crop in crops
            ]
            waves.append(crops[0])
            references.append(np.stack(crops[1:] or crops[:1]))
            voices.append(self.corpus.voices[file])
        return Batch(np.stack(waves), np.stack(references)[:, : self.references], np.array(voices))

    def _augmented(
        self, augment: Augmentation, crops: list[NDArray[np.float32]], random: np.random.Generator
    ) -> list:
        other = int(random.integers(len(self.corpus.lengths)))
        noise = np.stack([self._crop(random, other) for _ in crops])
        return list(augment(np.stack(crops), noise, self.sample_rate, random))

    def _crop(self, random: np.random.Generator, file: int) -> NDArray[np.float32]:
        start = int(random.integers(self.corpus.lengths[file] - self.crop + 1))
        return self.corpus.wave(file, start, self.crop)


def _normalized(weights: NDArray[np.int64] | NDArray[np.float64]) -> NDArray[np.float64]:
    return weights / weights.sum()


def pack(
    utterances: Sequence[Utterance],
    folder: Path,
    sample_rate: int,
    read: Callable[[Utterance, int], NDArray[np.float32]],
) -> Corpus:
    """The corpus of these files from the pack in `folder`.

    The pack is made first where it is missing or belongs to other files.

    read: a function that gives the samples of an utterance at a rate

    Raises what `read` raises, and OutputError.
    """
    names = tuple(sorted({row.speaker for row in utterances if row.speaker is not None}))
    channels = [u.metadata.get("channel") for u in utterances]
    listing = [sample_rate, *((str(u.audio), u.start, u.seconds) for u in utterances)]
    listing += channels if any(channels) else []
    key = hashlib.sha256(json.dumps(listing).encode()).hexdigest()
    samples, index = folder / f"{key[:16]}.i16", folder / f"{key[:16]}.npy"
    lengths = _packed(samples, index, len(utterances))
    if lengths is None:
        make_folder(folder)
        written = []
        with new_file(samples, force=True) as file:
            for row in utterances:
                wave = (read(row, sample_rate).clip(-1, 1) * 32767).round().astype("<i2")
                written.append(len(wave))
                file.write(wave.tobytes())
        lengths = np.array(written, np.int64)
        with new_file(index, force=True) as file:
            np.save(file, lengths, allow_pickle=False)
    numbers = {name: number for number, name in enumerate(names)}
    voices = np.array(
        [-1 if row.speaker is None else numbers[row.speaker] for row in utterances], np.int64
    )
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    return Corpus(np.memmap(samples, "<i2", "r"), starts, lengths, voices, names)


def _packed(samples: Path, index: Path, count: int) -> NDArray[np.int64] | None:
    """The lengths in samples of the files in a pack; None where it is missing or incomplete."""
    try:
        lengths = read_array(index, AudioError, advice="")
        complete = (
            (lengths.dtype, lengths.shape) == (np.int64, (count,))
            and lengths.min(initial=0) >= 0
            and samples.stat().st_size == 2 * sum(lengths.tolist())
        )
    except (AudioError, OSError):
        return None
    return np.array(lengths) if complete else None
