"""The objective of the codec: its terms, its groups, and that batches do not matter."""

import math
from dataclasses import replace

import pytest
import torch

from speechvq.errors import ConfigError
from speechvq.losses.mel import MelLikelihood
from speechvq.train.codec.loop import train
from speechvq.train.codec.objective import Objective
from tests.helpers.training import fabric, stochastic, tiny_experiment


def test_perceptual_terms_weigh_what_they_say(manifest, tmp_path):
    """Their gradient is that of D log(error): the same for an error of another size. They need what
    they need."""
    experiment = tiny_experiment(manifest, tmp_path)
    experiment = replace(
        experiment,
        weights={"distortion": 0.0, "phase": 0.0, "commitment": 0.0, "rate": 0.0, "pesq_like": 2.0},
    )
    told = {}
    train(experiment, fabric(), stop_at=2, report=lambda _, __, numbers: told.update(numbers))
    seconds, values = experiment.data.crop, MelLikelihood(experiment.mel, 16_000).values_per_second
    assert told["loss"] == pytest.approx(2 * told["pesq_like/nats_per_second"] / values, rel=1e-4)
    assert told["pesq_like"] > 0
    assert seconds == 0.5
    for data, codec in (
        (replace(experiment.data, crop=0.3), experiment.codec),
        (experiment.data, replace(experiment.codec, sample_rate=24_000)),
    ):
        with pytest.raises(
            ConfigError,
            match=r"weights\.pesq_like needs a sample rate of 16000 Hz and data.crop of",
        ):
            replace(experiment, data=data, codec=codec)


def test_the_loss_does_not_depend_on_how_often_an_example_stands_in_the_batch(manifest, tmp_path):
    objective = Objective(stochastic(tiny_experiment(manifest, tmp_path))).double()
    for one in (q for lev in objective.network.topdown.levels for q in lev.quantizer):
        one.log_variance.data.fill_(math.log(1e-6))
    waves, references = torch.randn(2, 2048).double(), torch.randn(2, 1, 2048).double()
    depth = torch.tensor([4, 2])
    skip = torch.zeros(2, dtype=torch.bool)
    once = objective(waves, references, depth, skip, 0.1, torch.Generator(), lambda sums: sums)
    doubled = (waves.repeat(2, 1), references.repeat(2, 1, 1), depth.repeat(2), skip.repeat(2))
    twice = objective(*doubled, 0.1, torch.Generator(), lambda sums: sums)
    torch.testing.assert_close(once.loss, twice.loss, rtol=1e-5, atol=1e-6)
