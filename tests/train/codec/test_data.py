"""The speech of an experiment."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from speechvq.data.manifest import Utterance, read_manifest
from speechvq.train.codec.data import load_corpus, training_sampler, validation_speakers
from tests.helpers.training import tiny_experiment


def test_validation_speakers_depend_on_names_alone(manifest):
    rows = read_manifest(manifest)
    chosen = validation_speakers(rows, 1)
    assert len(chosen) == 1
    assert chosen == validation_speakers(rows[::-1], 1)
    assert validation_speakers([*rows, Utterance(Path("x"), 1.0)], 1) == chosen
    assert validation_speakers(rows, 12) == chosen  # at most a third of four
    assert not validation_speakers(
        [row for row in rows if row.speaker in ("speaker0", "speaker1")], 12
    )


def test_validation_speakers_are_not_trained_on(manifest, tmp_path):
    experiment = tiny_experiment(manifest, tmp_path)
    rows, data = read_manifest(manifest), experiment.data
    training, validation = load_corpus(data, 16_000)
    held_out = validation_speakers(rows, data.validation_speakers)
    assert len(held_out) == 1
    assert {training.names[voice] for voice in training.voices} == {
        row.speaker for row in rows
    } - held_out
    assert {validation.names[voice] for voice in validation.voices} == held_out
    assert len(training.lengths) + len(validation.lengths) == len(rows)
    sampler = training_sampler(experiment, training, hop=64)
    drawn = np.concatenate([sampler.batch(step, 0, 8).voices for step in range(10)])
    assert {training.names[voice] for voice in drawn}.isdisjoint(held_out)
    everybody = load_corpus(replace(data, validation_speakers=0), 16_000)
    assert [len(part.lengths) for part in everybody] == [len(rows), 0]
