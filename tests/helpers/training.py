"""Tiny trainings of a codec."""

from dataclasses import replace
from pathlib import Path

import lightning_fabric
import torch
from safetensors.torch import load_file

from speechvq.losses.discriminators import DiscriminatorsConfig
from speechvq.losses.mel import MelConfig
from speechvq.quantize.stochastic import StochasticConfig
from speechvq.train.codec.config import DataConfig, Experiment, OptimConfig, RunConfig
from tests.helpers.networks import tiny_config


def tiny_experiment(manifest: Path, folder: Path, **optim) -> Experiment:
    plan = {"steps": 6, "batch": 4, "warmup": 2, "learning_rate": 1e-3, "reset_every": 2} | optim
    return Experiment(
        name="tiny",
        data=DataConfig(
            manifest=str(manifest),
            validation_files=2,
            crop=0.5,
            cache=str(folder / "cache"),
        ),
        codec=tiny_config(),
        optim=OptimConfig(**plan),
        mel=MelConfig(windows=(256, 64), bands=(16, 8)),
        run=RunConfig(
            folder=str(folder / "run"), log_every=2, validate_every=3, save_every=2, seed=1
        ),
    )


def stochastic(experiment: Experiment) -> Experiment:
    """The same with stochastic quantizers."""
    levels = tuple(
        replace(level, quantizer=StochasticConfig(codebook_size=level.sizes[0], dim=4))
        for level in experiment.codec.levels
    )
    return replace(experiment, codec=replace(experiment.codec, levels=levels), weights={})


def unchanged(experiment: Experiment) -> Experiment:
    return experiment


def adversarial(experiment: Experiment) -> Experiment:
    """With discriminators from the second step on."""
    discriminators = DiscriminatorsConfig(windows=(256,), periods=(3,), channels=2, start=0.2)
    return replace(
        experiment,
        discriminators=discriminators,
        weights={"adversarial": 0.1, "feature_matching": 1.0},
    )


def averaged(experiment: Experiment) -> Experiment:
    return replace(experiment, optim=replace(experiment.optim, ema_decay=0.9))


def fabric() -> lightning_fabric.Fabric:
    one = lightning_fabric.Fabric(accelerator="cpu", devices=1)
    one.launch()
    return one


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "network.safetensors")
