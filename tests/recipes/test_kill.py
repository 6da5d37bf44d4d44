"""A few kills of commands that write; `python -m recipes.robustness.kill` has more."""

import subprocess
import sys

import pytest

from tests.helpers.paths import ROOT


@pytest.mark.slow
def test_kills_leave_nothing_half_written():
    only = ["--only", "encode", "--only", "decode to FLAC", "--only", "units"]
    done = subprocess.run(
        [sys.executable, "-m", "recipes.robustness.kill", "--kills", "12", "--seed", "3", *only],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "| all | 12 |" in done.stdout
