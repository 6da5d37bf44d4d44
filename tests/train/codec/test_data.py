"""The speech of an experiment."""

from dataclasses import replace

import numpy as np

from speechvq.data.manifest import read_manifest
from speechvq.data.split import HeldOut, held_out_speakers, spoken
from speechvq.train.codec.data import (
    load_speech,
    training_sampler,
    validation_files,
    validation_waves,
)
from tests.helpers.training import tiny_experiment


def test_validation_speakers_are_not_trained_on(manifest, tmp_path):
    experiment = tiny_experiment(manifest, tmp_path)
    rows, data = read_manifest(manifest), experiment.data
    speech = load_speech(data, 16_000)
    training, validation = speech.training, speech.validation
    held_out = held_out_speakers([spoken(row) for row in rows], data.held_out)
    assert len(held_out) == 1
    assert {training.names[voice] for voice in training.voices} == {
        row.speaker for row in rows
    } - held_out
    assert {validation.names[voice] for voice in validation.voices} == held_out
    assert len(training.lengths) + len(validation.lengths) == len(rows)
    assert speech.held_out["speakers"] == 1
    assert speech.held_out["minutes"] * 60 == sum(
        row.seconds for row in rows if row.speaker in held_out
    )
    sampler = training_sampler(experiment, training, hop=64)
    drawn = np.concatenate([sampler.batch(step, 0, 8).voices for step in range(10)])
    assert {training.names[voice] for voice in drawn}.isdisjoint(held_out)
    everybody = load_speech(replace(data, held_out=HeldOut(minutes=0)), 16_000)
    assert len(everybody.training.lengths) == len(rows)
    assert validation_waves(everybody.validation, data, 16_000) == []


def test_all_validation_files_are_used_unless_a_number_is_given(manifest, tmp_path):
    data = tiny_experiment(manifest, tmp_path).data
    corpus = load_speech(data, 16_000).training
    assert validation_files(corpus, replace(data, validation_files=None)) == list(range(6))
    some = replace(data, validation_files=2, validation_seconds=1.5)
    assert validation_files(corpus, some) == [0, 5]
    assert [wave.shape for wave in validation_waves(corpus, some, 16_000)] == [(1, 1, 24_000)] * 2
