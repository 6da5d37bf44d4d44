"""Checkpoints that are damaged, or belong to another network, end in one sentence."""

import json
import os

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from speechvq.errors import TrainingError
from speechvq.train.checkpoint import TrainState, best_weights
from speechvq.train.ema import WeightEMA

OPTIMIZER, EMA = "optimizer.safetensors", "ema.safetensors"


def state():
    network = nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(network.parameters())
    network(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    part = WeightEMA(nn.Linear(2, 2), 0.5)
    return TrainState(network, optimizer, WeightEMA(network, 0.9), {"part": part}, step=1)


def changed(name, change):
    def damage(folder):
        tensors = load_file(folder / name)
        tensors = {key: value.clone() for key, value in tensors.items()}
        change(tensors)
        save_file(tensors, folder / name)

    return damage


def written(name, content):
    def damage(folder):
        (folder / name).write_bytes(content)

    return damage


def stretched(name):
    def damage(folder):
        os.truncate(folder / name, 1 << 40)

    return damage


def folder_instead(name):
    def damage(folder):
        (folder / name).unlink()
        (folder / name).mkdir()

    return damage


NAN = torch.full((2, 3), torch.nan)
DAMAGES = [
    changed("network.safetensors", lambda t: t.update(weight=NAN)),
    changed("network.safetensors", lambda t: t.update(weight=torch.ones(2, 3).double())),
    changed(EMA, lambda t: t.update(weight=torch.ones(1, 1))),  # would be broadcast
    changed(EMA, lambda t: t.update(more=torch.ones(1))),
    changed("part.safetensors", lambda t: t.pop("bias")),
    changed("part.safetensors", lambda t: t.update(bias=torch.ones(1))),
    changed(OPTIMIZER, lambda t: t.update({"0.exp_avg": torch.ones(3)})),
    changed(OPTIMIZER, lambda t: t.update({"0.exp_avg_sq": NAN})),
    changed(OPTIMIZER, lambda t: t.update({"0.step": torch.ones(2)})),
    changed(OPTIMIZER, lambda t: t.update({"9.step": torch.ones(())})),
    changed(OPTIMIZER, lambda t: t.update({"step": torch.ones(())})),
    changed(OPTIMIZER, lambda t: t.pop("1.exp_avg")),
    *(written("state.json", text) for text in (b"", b"[]", b'{"step": []}', b'{"step": -1}')),
    written("state.json", b"[" * 100_000),
    written("state.json", json.dumps({"step": 10**400}).encode()),
    written("state.json", b"\xff\xfe"),
    *(written(name, b"\1") for name in ("network.safetensors", OPTIMIZER)),
    *(stretched(name) for name in ("network.safetensors", OPTIMIZER, EMA, "state.json")),
    *(folder_instead(name) for name in ("network.safetensors", "part.safetensors", "state.json")),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_refused_in_one_sentence(damage, tmp_path):
    damage(state().save(tmp_path))
    with pytest.raises(TrainingError, match=r"cannot resume from .*step-00000001") as caught:
        state().load(tmp_path)
    assert "\n" not in str(caught.value)


def test_best_weights_are_those_of_the_network(tmp_path):
    made = state()
    checkpoint = made.save(tmp_path)
    assert set(best_weights(checkpoint, made.network)) == {"weight", "bias"}
    with pytest.raises(TrainingError, match=r"cannot use .*ema.safetensors: weight has the shape"):
        best_weights(checkpoint, nn.Linear(3, 3))
    for damage in (stretched(EMA), written(EMA, b"nonsense")):
        damage(checkpoint)
        with pytest.raises(TrainingError, match=r"cannot use .*ema.safetensors"):
            best_weights(checkpoint, made.network)
