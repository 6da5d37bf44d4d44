"""The speech of an experiment: batches to train on, and waveforms to validate on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from speechvq.data.corpus import Corpus, Sampler, pack
from speechvq.data.manifest import read_manifest
from speechvq.data.speech import read_utterance
from speechvq.data.split import amounts, hold_out_speech, spoken
from speechvq.train.codec.config import DataConfig, Experiment


@dataclass(frozen=True)
class Speech:
    """The speech of an experiment.

    training, validation: of other speakers, who say other texts
    held_out: minutes and speakers of the held-out speech, see `speechvq.data.split.amounts`
    """

    training: Corpus
    validation: Corpus
    held_out: dict[str, float]


def load_speech(data: DataConfig, sample_rate: int) -> Speech:
    """The speech to train on and to validate on. Raises ManifestError and AudioError."""
    rows = read_manifest(data.manifest)
    corpus = pack(rows, Path(data.cache), sample_rate, read_utterance)
    facts = [spoken(row) for row in rows]
    parts = hold_out_speech(facts, data.held_out)
    return Speech(
        corpus.restricted(parts.training), corpus.restricted(parts.held_out), amounts(facts, parts)
    )


def training_sampler(experiment: Experiment, corpus: Corpus, hop: int) -> Sampler:
    """Batches of an experiment, in crops of a multiple of `hop` samples."""
    data, sample_rate = experiment.data, experiment.codec.sample_rate
    return Sampler(
        corpus,
        crop=round(data.crop * sample_rate / hop) * hop,
        references=data.references,
        gain_db=(data.gain_db[0], data.gain_db[1]),
        seed=experiment.run.seed,
        sample_rate=sample_rate,
        augment=data.augment,
    )


def validation_waves(corpus: Corpus, data: DataConfig, sample_rate: int) -> list[Tensor]:
    """The beginnings of the validation files, (1, 1, t) each."""
    longest = round(data.validation_seconds * sample_rate)
    return [
        torch.from_numpy(corpus.wave(file, 0, min(longest, int(corpus.lengths[file]))))[None, None]
        for file in validation_files(corpus, data)
    ]


def validation_files(corpus: Corpus, data: DataConfig) -> list[int]:
    """Which files of the validation speech are used, spread evenly over it."""
    count = len(corpus.lengths)
    if data.validation_files is None or not count:
        return list(range(count))
    return np.unique(np.linspace(0, count - 1, data.validation_files).round().astype(int)).tolist()
