"""From a run to a model file."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from speechvq.codec.file import load
from speechvq.errors import TrainingError
from speechvq.train.codec.export import export_run, held_out_of
from speechvq.train.codec.loop import train
from tests.helpers.training import fabric, tiny_experiment


def test_export_makes_a_model_with_voices(manifest, tmp_path):
    experiment = tiny_experiment(manifest, tmp_path)
    train(experiment, fabric(), stop_at=2)
    codec = export_run(Path(experiment.run.folder), tmp_path / "tiny.safetensors", 1.0)
    (held_out,) = held_out_of(Path(experiment.run.folder))
    names = {f"speaker{i}" for i in range(4)}
    assert {voice.name for voice in codec.voices} == names - {held_out}
    again = load(tmp_path / "tiny.safetensors")
    assert again.model == codec.model
    assert again.model.name == "tiny"
    wave = np.random.default_rng(0).normal(size=8000).astype(np.float32) * 0.1
    assert len(again.convert(wave, codec.voices[0].name, 16_000)) == 8000
    everybody = export_run(Path(experiment.run.folder), tmp_path / "all.safetensors", 0.0)
    assert everybody.voices == codec.voices  # held-out speakers have no seconds of training
    shutil.rmtree(Path(experiment.run.folder))
    with pytest.raises(TrainingError, match="no checkpoint"):
        export_run(Path(experiment.run.folder), tmp_path / "other.safetensors", 1.0)
