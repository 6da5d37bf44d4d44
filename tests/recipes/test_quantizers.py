"""The study of quantizers: every variant is one that can exist, and kinds of all families train, measure and tabulate."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from recipes.ablation import variant_names
from tests.helpers.paths import ROOT

ONE_OF_EACH = (
    "cosine",
    "gaussian",
    "hq",
    "joint",
    "kmeans",
    "none",
    "rq4-shared",
    "vimco",
    "vq-loss",
)


def study(*arguments, cwd):
    command = [sys.executable, "-m", "recipes.quantizers.study", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


@pytest.fixture(scope="module")
def manifest(tmp_path_factory) -> Path:
    """Three speakers of noise, three seconds each."""
    folder = tmp_path_factory.mktemp("speech")
    lines = []
    for speaker in "abc":
        noise = 0.1 * np.random.default_rng(ord(speaker)).normal(size=48_000)
        soundfile.write(folder / f"{speaker}.wav", noise, 16_000)
        lines.append(json.dumps({"audio": f"{speaker}.wav", "seconds": 3.0, "speaker": speaker}))
    (folder / "m.jsonl").write_text("\n".join(lines) + "\n")
    return folder / "m.jsonl"


def test_variants_of_all_families_train_and_make_a_table(manifest, tmp_path):
    chosen = [part for name in ONE_OF_EACH for part in ("--only", name)]
    plan = (*chosen, "--steps", 2, "--seeds", 1, "--jobs", 1, "--held-out", 1, "--folder", tmp_path)
    done = study(manifest, *plan, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert {line.split("|")[1].strip() for line in lines[2:]} == set(ONE_OF_EACH)
    results = {
        name: json.loads((tmp_path / f"{name}-0-2.json").read_text()) for name in ONE_OF_EACH
    }
    assert results["rq4-shared"]["nominal"] == pytest.approx(4 * 50 * 9)
    assert results["hq"]["nominal"] == pytest.approx(2 * 25 * 9 + 2 * 50 * 9)
    assert results["hq"]["drawn"]["bits_per_dimension"] > 0
    assert "bits_per_dimension" not in results["none"]["hard"]
    assert len(results["hq"]["swapped"]) == len(results["hq"]["prefixes"]) == 4
    again = study(manifest, *plan, cwd=tmp_path)
    assert again.stdout == done.stdout
    assert " dB in " not in again.stderr  # nothing was trained again


def test_all_variants_can_exist_and_unknown_ones_are_refused(manifest, tmp_path):
    every = sorted(variant_names(ROOT / "recipes" / "quantizers" / "study.toml"))
    script = (
        "from recipes.quantizers.config import names, variant\nfor name in names(): "
        "variant(name)\nprint(*names())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == every
    refused = study(manifest, "--only", "magic", cwd=tmp_path)
    assert refused.returncode == 1
    assert "there is no variant 'magic'; variants are vq, vq-loss, cosine" in refused.stderr
    assert "Traceback" not in refused.stderr
