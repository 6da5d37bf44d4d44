"""speechvq train, as people type it: without torchaudio, and with forkserver."""

import subprocess
import sys

import pytest

from speechvq.train.codec.config import write_experiment
from tests.helpers.training import tiny_experiment

START = """
import multiprocessing, sys
{setup}
if __name__ == "__main__":
    from speechvq.cli import main
    sys.exit(main())
"""


def script(folder, setup):
    """The command line, after a line of setup."""
    path = folder / "speechvq_train.py"
    path.write_text(START.format(setup=setup))
    return path


def call(path, *words):
    done = subprocess.run(
        [sys.executable, path, *map(str, words)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.parametrize(
    "setup",
    ['sys.modules["torchaudio"] = None', 'multiprocessing.set_start_method("forkserver")'],
    ids=["without torchaudio", "forkserver"],
)
def test_a_step_is_trained_and_the_run_resumes(setup, manifest, tmp_path):
    write_experiment(tmp_path / "tiny.toml", tiny_experiment(manifest, tmp_path))
    words = ("train", tmp_path / "tiny.toml", "--accelerator", "cpu", "--steps")
    first = call(script(tmp_path, setup), *words, 1)
    assert first.stdout.strip().endswith("step-00000001")
    assert "step 1  loss " in first.stderr
    assert "held out: 0.1 minutes of 1 speaker\n" in first.stderr
    assert "validation on 0.1 minutes of 1 speaker: mel " in first.stderr
    again = call(script(tmp_path, setup), *words, 2)
    assert again.stdout.strip().endswith("step-00000002")
    assert "step 1  loss" not in again.stderr
