"""A codec trained on two processes."""

import subprocess
import sys
from dataclasses import replace

import torch
from safetensors.torch import load_file

from speechvq.train.codec.config import write_experiment
from tests.helpers.training import tiny_experiment

TWO = """
import sys
from pathlib import Path
from speechvq.train.codec.config import read_experiment
from speechvq.train.codec.loop import train
from speechvq.train.fabric import launched

if __name__ == "__main__":
    fabric = launched("cpu", 2, unused=True)
    train(read_experiment(sys.argv[1]), fabric, stop_at=int(sys.argv[2]))
"""


def test_resuming_on_two_processes_equals_never_stopping(manifest, tmp_path):
    """Weights, optimizer and codebooks are the same to the last bit."""
    path, states = tmp_path / "two.py", []
    path.write_text(TWO)
    for name, stops in (("a", (4,)), ("b", (3, 4))):
        experiment = tiny_experiment(manifest, tmp_path / name, steps=4, ema_decay=0.9)
        experiment = replace(experiment, data=replace(experiment.data, cache=str(tmp_path)))
        (tmp_path / name).mkdir()
        write_experiment(tmp_path / name / "tiny.toml", experiment)
        for stop in stops:
            command = [sys.executable, path, tmp_path / name / "tiny.toml", str(stop)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
        last = tmp_path / name / "run" / "step-00000004"
        states.append({file.name: load_file(file) for file in last.glob("*.safetensors")})
    assert (
        states[0].keys()
        == states[1].keys()
        == {
            "network.safetensors",
            "optimizer.safetensors",
            "ema.safetensors",
            "codebooks.safetensors",
        }
    )
    for name, tensors in states[0].items():
        assert all(torch.equal(value, states[1][name][key]) for key, value in tensors.items())
