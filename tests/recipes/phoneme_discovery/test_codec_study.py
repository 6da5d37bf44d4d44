"""Variants change training as they say, and never encoding; the command and its table."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

import speechvq
from recipes.phoneme_discovery import codec_study as study
from speechvq.train.codec.objective import Objective
from speechvq.units.alignments.writers import write_textgrid
from tests.helpers.paths import ROOT
from tests.helpers.unit_corpus import alignment_of, corpus

FOLDER = ROOT / "recipes" / "phoneme_discovery"
RATE = 16_000


@pytest.fixture
def objective(tmp_path):
    """That of the recipe, its network new."""
    torch.manual_seed(0)
    variant = study.VARIANTS[0]
    return Objective(study.experiment_of(variant, Path("none.jsonl"), tmp_path, 1, tmp_path))


def test_the_recipe_is_that_of_the_default_model():
    assert speechvq.load().model.name == study.RECIPE.stem
    assert speechvq.load().network.config == study.read_experiment(study.RECIPE).codec


def test_jitter_moves_frames_of_the_coarsest_stage_in_training(objective):
    z = torch.randn(2, 24, 200)
    quantizers = objective.network.topdown.levels[0].quantizer
    straight = quantizers.train()(z).z
    study.jitter(0.5)(objective)
    result = quantizers.train()(z).z
    same = torch.isclose(result, straight, atol=1e-5).all(1)
    assert same.float().mean() == pytest.approx(0.5, abs=0.06)
    moved = torch.isclose(result[..., 1:], straight[..., :-1], atol=1e-5).all(1)
    assert moved.float().mean() == pytest.approx(
        0.25, abs=0.06
    )  # half of the others are the frame before
    with torch.no_grad():
        assert torch.equal(quantizers.eval()(z).z, quantizers.decode(quantizers.encode(z)))


def test_the_filter_applies_in_training_only(objective):
    encoder, wave = objective.network.encoder, 0.1 * torch.randn(2, 1, 8000)
    with torch.no_grad():
        clean = encoder.eval()(wave)
        study.filtered(objective)
        assert all(
            torch.equal(item, other) for item, other in zip(clean, encoder(wave), strict=True)
        )
        first, second = encoder.train()(wave), encoder(wave)
    assert not any(
        torch.allclose(item, other, atol=1e-3) for item, other in zip(clean, first, strict=True)
    )
    assert not any(
        torch.allclose(item, other, atol=1e-3) for item, other in zip(first, second, strict=True)
    )  # never the same


def test_half_of_the_examples_have_the_first_codebook_alone(objective):
    study.first_alone(objective)
    depths = objective.depths(4000, torch.Generator().manual_seed(0))
    dropout = study.read_experiment(study.RECIPE).optim.quantizer_dropout
    assert (depths == 1).float().mean() == pytest.approx(0.5 + 0.5 * dropout / 7, abs=0.03)
    assert (depths == 8).float().mean() == pytest.approx(0.5 * (1 - dropout), abs=0.03)


@pytest.fixture
def work(tmp_path):
    """A folder such as run.py leaves, of four speakers, and more speech to learn from."""
    recordings, labels = corpus(each=2)
    random, rows = np.random.default_rng(0), []
    for recording in recordings:
        path = tmp_path / "audio" / recording.speaker / f"{recording.name}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        loud = np.repeat(0.02 + 0.05 * labels[recording.name], RATE // 25)
        soundfile.write(path, loud * random.normal(size=len(loud)), RATE)
        (tmp_path / "align" / recording.speaker).mkdir(parents=True, exist_ok=True)
        write_textgrid(
            tmp_path / "align" / recording.speaker / f"{recording.name}.TextGrid",
            [alignment_of(recording)],
            seconds=recording.seconds,
        )
        soundfile.write(
            tmp_path / f"more-{recording.name}.wav", 0.1 * random.normal(size=2 * RATE), RATE
        )
        rows.append(
            {
                "audio": str(tmp_path / f"more-{recording.name}.wav"),
                "seconds": 2.0,
                "speaker": f"other {recording.speaker}",
            }
        )
    (tmp_path / "more.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [
        sys.executable,
        "-m",
        "recipes.phoneme_discovery.corpora.prepare",
        tmp_path / "audio",
        tmp_path / "work",
    ]
    command += ["--align", tmp_path / "align", "--held-out", "s3"]
    subprocess.run(command, check=True, capture_output=True)
    return tmp_path


def test_the_command(work):
    def run(*options):
        command = [
            sys.executable,
            "-m",
            "recipes.phoneme_discovery.codec_study",
            work / "work",
            work / "more.jsonl",
            "--steps",
            "1",
        ]
        command += ["--cache", work / "cache", *options]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    first = run("--only", "jitter 0.5")
    assert first.returncode == 0, first.stderr
    names = [line.split("|")[1].strip() for line in first.stdout.splitlines()[2:]]
    assert names == [
        "as it is",
        "as it is, k-means by speaker",
        "jitter 0.5",
        "jitter 0.5, k-means by speaker",
    ]
    assert (work / "work" / "codec-study.md").read_text() == first.stdout
    again = run("--only", "jitter 0.5")
    assert again.stdout == first.stdout
    assert "step 1" not in again.stderr  # nothing is learned again
    other = run("--only", "none such")
    assert other.returncode == 1
    assert "there is no variant 'none such'" in other.stderr
    assert "Traceback" not in other.stderr
