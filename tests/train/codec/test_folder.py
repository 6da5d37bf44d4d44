"""The folder of a run: one run at a time, nothing of others deleted, nothing cut off kept."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from speechvq.data.corpus import pack
from speechvq.data.manifest import read_manifest
from speechvq.errors import OutputError, TrainingError
from speechvq.output import claimed_folder
from speechvq.train.checkpoint import TrainState, checkpoints
from speechvq.train.codec.loop import train
from speechvq.train.log import Log
from tests.helpers.training import fabric, tiny_experiment


def in_folder(experiment, folder):
    return replace(experiment, run=replace(experiment.run, folder=str(folder)))


def test_two_runs_in_one_folder_are_refused(manifest, tmp_path):
    experiment = tiny_experiment(manifest, tmp_path)
    run = Path(experiment.run.folder)
    with claimed_folder(run), pytest.raises(OutputError, match="another run is writing into"):
        train(experiment, fabric(), stop_at=1)
    assert not list(run.iterdir())


def test_a_run_keeps_its_experiment_when_it_cannot_be_resumed_with_another(manifest, tmp_path):
    experiment = tiny_experiment(manifest, tmp_path)
    train(experiment, fabric(), stop_at=1)
    note = Path(experiment.run.folder) / "experiment.toml"
    commented = f"# mine\n{note.read_text()}"
    note.write_text(commented)
    other = replace(experiment, codec=replace(experiment.codec, window=320))
    with pytest.raises(TrainingError, match="cannot resume"):
        train(other, fabric(), stop_at=2)
    assert note.read_text() == commented
    train(experiment, fabric(), stop_at=2)
    assert note.read_text() == commented


def test_files_of_no_run_stay(manifest, tmp_path):
    """Lists of other data are often called so."""
    experiment = tiny_experiment(manifest, tmp_path)
    for name in ("train.csv", "validation.csv", "prior.safetensors"):
        run = tmp_path / name.partition(".")[0]
        run.mkdir()
        (run / name).write_bytes(b"precious, without a newline at the end")
        with pytest.raises(TrainingError, match=rf"{name} is of no run.*--folder"):
            train(in_folder(experiment, run), fabric(), stop_at=1)
        assert [path.name for path in run.iterdir()] == [name]
        assert (run / name).read_bytes() == b"precious, without a newline at the end"


def test_the_folder_of_the_recordings_is_refused(manifest, tmp_path):
    place = read_manifest(manifest)[0].audio.parent
    before = sorted(place.iterdir())
    with pytest.raises(TrainingError, match="holds the recordings"):
        train(in_folder(tiny_experiment(manifest, tmp_path), place), fabric())
    assert sorted(place.iterdir()) == before


def test_only_checkpoints_are_deleted(tmp_path):
    for name in ("step-mother", "step-1", "step-00000001.old", "step-00000001"):
        (tmp_path / name).mkdir()
    (tmp_path / "step-00000002").write_bytes(b"no folder")
    network = nn.Linear(2, 2)
    state = TrainState(network, torch.optim.AdamW(network.parameters()), step=3)
    assert checkpoints(tmp_path) == [tmp_path / "step-00000001"]
    assert state.save(tmp_path) == tmp_path / "step-00000003"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "step-00000001.old",
        "step-00000002",
        "step-00000003",
        "step-1",
        "step-mother",
    ]


def test_a_checkpoint_is_deleted_at_once(tmp_path, monkeypatch):
    """A process that is killed in the middle leaves no half of it."""
    network = nn.Linear(2, 2)
    state = TrainState(network, torch.optim.AdamW(network.parameters()), step=1)
    first = state.save(tmp_path)
    state.step = 2

    def kill(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", kill)
    with pytest.raises(KeyboardInterrupt):
        state.save(tmp_path)
    assert not first.exists()
    assert checkpoints(tmp_path) == [tmp_path / "step-00000002"]
    monkeypatch.undo()
    with claimed_folder(tmp_path):
        assert [path.name for path in tmp_path.iterdir()] == ["step-00000002"]


@pytest.mark.parametrize("before", ["", "step,lo", "step,loss\r\n1,2\r\n", "step,loss\r\n1,2\r\n2"])
def test_a_line_that_was_cut_off_is_taken_away(tmp_path, before):
    (tmp_path / "train.csv").write_text(before, newline="")
    with Log(tmp_path) as log:
        log.numbers("train", 3, {"loss": 4.0})
    kept = ["1,2"] if "1,2" in before else []
    assert (tmp_path / "train.csv").read_text().splitlines() == ["step,loss", *kept, "3,4"]


@pytest.mark.parametrize("damage", [b"", b"half", None])
@pytest.mark.parametrize("suffix", ["i16", "npy"])
def test_a_pack_that_is_not_whole_is_made_again(manifest, tmp_path, damage, suffix):
    rows = read_manifest(manifest)[:1]

    def read(*_):
        return np.full(32_000, 0.25, np.float32)

    whole = pack(rows, tmp_path, 16_000, read).samples.tobytes()
    (path,) = tmp_path.glob(f"*.{suffix}")
    path.unlink()
    if damage is not None:
        path.write_bytes(damage)
    assert pack(rows, tmp_path, 16_000, read).samples.tobytes() == whole
