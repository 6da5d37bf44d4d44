"""Training a codec: a step of every shipped configuration, resuming, guards, what learns."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from speechvq.codec.config import CODEC_KINDS
from speechvq.codec.network import Network
from speechvq.config import kinds
from speechvq.errors import ConfigError, TrainingError
from speechvq.losses.mel import MelLikelihood
from speechvq.quantize.config import AnyQuantizerConfig, LevelConfig
from speechvq.train.codec.config import read_experiment
from speechvq.train.codec.export import export_run
from speechvq.train.codec.loop import train
from speechvq.train.codec.objective import Objective
from tests.helpers.paths import ROOT
from tests.helpers.training import (
    adversarial,
    averaged,
    fabric,
    stochastic,
    tiny_experiment,
    unchanged,
    weights,
)

RECIPES = sorted((ROOT / "recipes" / "default").glob("base*.toml"))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_shipped_configuration_takes_a_step(path, manifest, tmp_path):
    experiment = read_experiment(path)
    experiment = replace(
        experiment,
        data=replace(experiment.data, manifest=str(manifest), cache=str(tmp_path)),
        optim=replace(experiment.optim, batch=2),
        run=replace(experiment.run, folder=str(tmp_path / "run")),
    )
    logged = {}
    last = train(
        experiment, fabric(), stop_at=1, report=lambda _, __, numbers: logged.update(numbers)
    )
    assert (last / "network.safetensors").exists()
    assert math.isfinite(logged["loss"])
    assert logged["gradient_norm"] > 0
    assert read_experiment(tmp_path / "run" / "experiment.toml") == experiment


@pytest.mark.parametrize("kind", [unchanged, stochastic, averaged, adversarial])
def test_resuming_equals_never_stopping(kind, manifest, tmp_path):
    """Weights, optimizer, codebooks and averages are the same to the last bit."""
    whole = train(kind(tiny_experiment(manifest, tmp_path / "a")), fabric())
    experiment = kind(tiny_experiment(manifest, tmp_path / "b"))
    train(experiment, fabric(), stop_at=3)
    torch.manual_seed(99)  # a new process has other random numbers
    resumed = train(experiment, fabric())
    for name in sorted(path.name for path in whole.glob("*.safetensors")):
        one, other = load_file(whole / name), load_file(resumed / name)
        assert one.keys() == other.keys()
        assert all(torch.equal(one[key], other[key]) for key in one)


def test_averaged_weights_are_the_mean_and_what_is_exported(manifest, tmp_path):
    """Early on the mean of all steps so far, as step/(step + 10) says; validation does not disturb
    the weights."""
    experiment = averaged(tiny_experiment(manifest, tmp_path))
    experiment = replace(experiment, run=replace(experiment.run, validate_every=1))
    seen = []
    for stop in range(1, 5):
        last = train(experiment, fabric(), stop_at=stop)
        seen.append(weights(last))
    run = replace(experiment.run, folder=str(tmp_path / "plain"))
    plain = weights(
        train(
            replace(experiment, optim=replace(experiment.optim, ema_decay=0.0), run=run),
            fabric(),
            stop_at=4,
        )
    )
    assert all(torch.equal(plain[name], value) for name, value in seen[-1].items())
    mean = load_file(last / "ema.safetensors")
    name = "decoder.layers.0.conv.weight"
    shares = [
        10 / (step + 10) * math.prod(later / (later + 10) for later in range(step + 1, 5))
        for step in range(1, 5)
    ]
    first = 1 - sum(shares)
    rest = mean[name] - sum(share * one[name] for share, one in zip(shares, seen, strict=True))
    torch.manual_seed(experiment.run.seed)
    assert torch.allclose(rest, first * Network(experiment.codec).state_dict()[name], atol=1e-5)
    exported = export_run(
        Path(experiment.run.folder), tmp_path / "m.safetensors", 1.0
    ).network.state_dict()
    assert torch.allclose(exported[name], mean[name].half().float())


def test_frozen_parts_keep_their_weights_and_their_codes(manifest, tmp_path):
    """Decoder-only refinement against discriminators: the discriminators come in at their
    time, and codes stay valid."""
    experiment = adversarial(
        tiny_experiment(manifest, tmp_path, steps=8, frozen=("encoder", "topdown"), bypass=0.0)
    )
    torch.manual_seed(experiment.run.seed)
    begun, logged = Objective(experiment).network.state_dict(), []
    last = train(experiment, fabric(), report=lambda _, __, numbers: logged.append(numbers))
    found = weights(last)
    moved = {name.split(".")[0] for name in found if not torch.equal(found[name], begun[name])}
    assert moved == {"decoder", "reference"}
    losses = [numbers for numbers in logged if "loss" in numbers]
    assert [numbers["discriminator_loss"] > 0 for numbers in losses] == [False, True, True, True]
    with pytest.raises(
        ConfigError,
        match=r"frozen lists parts of encoder, topdown, decoder, reference, not "
        r"'quantizers'",
    ):
        replace(experiment.optim, frozen=("quantizers",))


def test_training_lowers_the_loss_and_logs(manifest, tmp_path):
    logged = []
    experiment = tiny_experiment(manifest, tmp_path, steps=60, learning_rate=3e-3)
    train(experiment, fabric(), report=lambda _, __, numbers: logged.append(numbers))
    losses = [numbers["loss"] for numbers in logged if "loss" in numbers]
    assert np.mean(losses[-5:]) < np.mean(losses[:5]) - 0.3
    run = Path(experiment.run.folder)
    header, *lines = (run / "train.csv").read_text().splitlines()
    assert header.startswith("step,")
    assert len(lines) == 30
    assert "codebook0/perplexity" in (run / "validation.csv").read_text()
    assert list(run.glob("events.out.tfevents.*"))


def test_nan_stops_the_run_and_keeps_the_checkpoint(manifest, tmp_path, monkeypatch):
    experiment = tiny_experiment(manifest, tmp_path)
    kept = train(experiment, fabric(), stop_at=2)
    before = weights(kept)
    monkeypatch.setattr(
        MelLikelihood, "log_mel", lambda _self, wave, _size: wave[..., None] * math.nan
    )
    with pytest.raises(TrainingError, match="at step 2"):
        train(experiment, fabric())
    assert all(torch.equal(before[key], value) for key, value in weights(kept).items())


def test_damaged_checkpoint_is_named(manifest, tmp_path):
    experiment = tiny_experiment(manifest, tmp_path)
    kept = train(experiment, fabric(), stop_at=2)
    data = (kept / "network.safetensors").read_bytes()
    (kept / "network.safetensors").write_bytes(data[: len(data) // 2])
    with pytest.raises(TrainingError, match=r"cannot resume from .*step-00000002"):
        train(experiment, fabric())


@pytest.mark.parametrize("kind", CODEC_KINDS)
def test_every_kind_of_codec_trains_from_a_kmeans_start_and_validates(kind, manifest, tmp_path):
    experiment = tiny_experiment(manifest, tmp_path, codebook_init="kmeans")
    config = kinds(AnyQuantizerConfig)[kind]
    options = {"lookup_dim": 2} if kind == "cosine" else {}
    levels = tuple(
        LevelConfig(
            level.stage,
            level.codebooks if config.residual else 1,
            config(codebook_size=level.sizes[0], dim=4, **options),
        )
        for level in experiment.codec.levels
    )
    experiment = replace(experiment, codec=replace(experiment.codec, levels=levels), weights={})
    logged = {}
    train(experiment, fabric(), stop_at=3, report=lambda _, __, numbers: logged.update(numbers))
    assert math.isfinite(logged["loss"])
    count = sum(level.codebooks for level in levels)
    assert logged[f"codebook{count - 1}/perplexity"] >= 1
    bits = sum(16_000 / hop * math.log2(size) for hop, size in experiment.codec.codebooks)
    assert logged["rate/bits_per_second"] == pytest.approx(bits, rel=0.01)  # hard codes: log K each
    assert math.isfinite(logged["distortion/nats_per_second"])
