"""The speech of an experiment: batches to train on, and waveforms to validate on."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from speechvq.data.corpus import Corpus, Sampler, pack
from speechvq.data.manifest import Utterance, read_manifest
from speechvq.data.speech import read_utterance
from speechvq.data.split import by_hash, split
from speechvq.train.codec.config import DataConfig, Experiment


def load_corpus(data: DataConfig, sample_rate: int) -> tuple[Corpus, Corpus]:
    """Training and validation speech, of different speakers."""
    rows = read_manifest(data.manifest)
    corpus = pack(rows, Path(data.cache), sample_rate, read_utterance)
    speakers = validation_speakers(rows, data.validation_speakers)
    parts = split([row.speaker for row in rows], speakers)
    return corpus.restricted(parts.training), corpus.restricted(parts.held_out)


def validation_speakers(rows: Sequence[Utterance], count: int) -> set[str]:
    """`count` held-out speakers, at most a third of all that are named."""
    names = {row.speaker for row in rows if row.speaker is not None}
    return set(by_hash(names, min(count, len(names) // 3)))


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
    """The beginnings of validation files spread evenly over the corpus, (1, 1, t) each."""
    if not len(corpus.lengths):
        return []
    last = len(corpus.lengths) - 1
    files = np.unique(np.linspace(0, last, data.validation_files).round().astype(int))
    longest = round(data.validation_seconds * sample_rate)
    return [
        torch.from_numpy(corpus.wave(file, 0, min(longest, int(corpus.lengths[file]))))[None, None]
        for file in files
    ]
