"""The study of quantizers: its variants, its objective, and runs of all families."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from recipes.ablation import variant_names, variant_table
from recipes.quantizers.autoencoder import MelAutoencoder
from recipes.quantizers.config import variant
from recipes.quantizers.objective import objective
from speechvq.errors import ConfigError
from speechvq.losses.likelihood import GaussianLikelihood
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


def costs(name, progress=1.0):
    """A variant on noise: its objective, the quantizers' result, nats of the reconstruction."""
    config = variant(name)
    torch.manual_seed(0)
    model, likelihood = MelAutoencoder(config), GaussianLikelihood()
    x = torch.randn(2, config.bands, 64)
    generator = torch.Generator().manual_seed(1)
    loss, quantized = objective(config, model, likelihood, x, progress, generator)
    likelihood.eval()  # keeps the variance of this batch
    nats = likelihood(x, model.render(quantized.z))
    return config, loss * x[0].numel(), quantized, nats


@pytest.mark.parametrize("name", ["sq", "rsq4", "hq"])
def test_stochastic_variants_minimize_distortion_rate_and_quadratic_term_in_nats(name):
    """The negative ELBO of HQ-VAE: none of its three parts has a weight."""
    _, loss, quantized, nats = costs(name)
    expected = nats + quantized.rates.sum(1) + quantized.terms["quadratic"]
    assert loss.item() == pytest.approx(expected.mean().item(), rel=1e-5)
    assert quantized.terms["quadratic"].mean() > 1e-4 * loss.abs()


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.0), (0.25, 0.5), (1.0, 1.0)])
def test_the_capacity_of_a_joint_latent_is_in_bits_per_second(progress, share):
    config, loss, quantized, nats = costs("joint", progress)
    seconds = 0.64
    held = sum(
        config.capacity_strength * abs(rate - share * bits * seconds * math.log(2))
        for rate, bits in zip(quantized.rates.mean(0).tolist(), config.capacity, strict=True)
    )
    assert loss.item() == pytest.approx(nats.mean().item() + held, rel=1e-5)


def test_variants_extend_earlier_ones_and_change_single_values(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(
        """
        [base]
        steps = 5
        levels = [{ width = 1 }, { width = 2 }]
        [variants.plain]
        [variants.wide]
        "levels.width" = 9
        "levels[2]" = { width = 3 }
        [variants.wide-long]
        extends = "wide"
        steps = 7
        "levels[0].width" = 4
        [variants.circle]
        extends = "later"
        [variants.later]
        """
    )
    assert variant_names(path) == ["plain", "wide", "wide-long", "circle", "later"]
    assert variant_table(path, "plain") == {"steps": 5, "levels": [{"width": 1}, {"width": 2}]}
    wide = [{"width": 9}, {"width": 9}, {"width": 3}]
    assert variant_table(path, "wide") == {"steps": 5, "levels": wide}
    longer = [{"width": 4}, *wide[1:]]
    assert variant_table(path, "wide-long") == {"steps": 7, "levels": longer}
    with pytest.raises(
        ConfigError, match="variant 'circle' extends 'later', which is not before it"
    ):
        variant_table(path, "circle")
    with pytest.raises(ConfigError, match="there is no variant 'odd'; variants are plain, wide"):
        variant_table(path, "odd")


@pytest.mark.parametrize(
    "text",
    [
        "base = 3",
        "variants = 3",
        "variants = ['a']",
        "variants.a = 3",
        "variants.a.extends = 3",
        "variants.a.extends = ['a']",
        "variants.a.extends = 'a'",
        "variants.a.'' = 3",
        "variants.a.'.[x' = 3",
        f"variants.a.'steps{'[0]' * 3000}' = 3",
        f"variants.a.'levels[{'9' * 5000}]' = 3",
        "variants.a.'steps.b' = 3",
        "variants.a.'levels[5].width' = 3",
    ],
)
def test_studies_of_any_content_are_refused_by_name(text, tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(text if text.startswith("base") else f"{text}\n[base]\nsteps=1\nlevels=[]\n")
    with pytest.raises(ConfigError, match=r"study\.toml") as caught:
        variant_table(path, "a")
    assert len(str(caught.value)) < 300
    assert str(caught.value).isprintable()
