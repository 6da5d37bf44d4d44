"""The objective of the codec: its terms, its groups, and that batches do not matter."""

import math
from dataclasses import replace

import pytest
import torch

from speechvq.errors import ConfigError
from speechvq.losses.mel import MelLikelihood
from speechvq.losses.stoi_like import StoiLike
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
    logged = {}
    train(experiment, fabric(), stop_at=2, report=lambda _, __, numbers: logged.update(numbers))
    seconds, values = experiment.data.crop, MelLikelihood(experiment.mel, 16_000).values_per_second
    assert logged["loss"] == pytest.approx(
        2 * logged["pesq_like/nats_per_second"] / values, rel=1e-4
    )
    assert logged["pesq_like"] > 0
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


def evaluated(experiment, depth, bypass, temperature=0.5):
    """An untrained objective on four examples of half a second, and what it gives."""
    torch.manual_seed(0)
    objective, random = Objective(experiment), torch.Generator().manual_seed(1)
    waves = 0.1 * torch.randn(4, 8000, generator=random)
    waves = waves * torch.tensor([[1.0], [0.1], [3.0], [0.5]])  # errors of different sizes
    references = 0.1 * torch.randn(4, 1, 2048, generator=random)
    codebooks, bypassed = torch.tensor(depth), torch.tensor(bypass)
    result = objective(
        waves, references, codebooks, bypassed, temperature, random, lambda sums: sums
    )
    return objective, waves, result


def log_scales(errors, groups):
    """log(s) + error / s of each example, s the mean error of its group."""
    terms = []
    for error, group in zip(errors, groups, strict=True):
        of_group = [e for e, g in zip(errors, groups, strict=True) if g == group]
        scale = max(1e-3, sum(of_group) / len(of_group))
        terms.append(math.log(scale) + error / scale)
    return sum(terms) / len(terms)


NO, YES = False, True
CASES = [
    ([4, 4, 4, 4], [NO, NO, NO, NO], "aaaa"),
    ([1, 4, 2, 4], [NO, NO, NO, NO], "abcb"),
    ([4, 4, 4, 4], [YES, NO, NO, YES], "abba"),
    ([1, 4, 2, 4], [YES, NO, YES, NO], "abab"),
]


@pytest.mark.parametrize(("depth", "bypass", "groups"), CASES)
def test_examples_of_one_depth_share_error_scales_and_so_do_bypassed_ones(
    depth, bypass, groups, manifest, tmp_path
):
    """Against a loop over examples, for spectrograms and for a perceptual term."""
    experiment = replace(tiny_experiment(manifest, tmp_path), weights={"stoi_like": 1.0})
    objective, waves, result = evaluated(experiment, depth, bypass)
    expected = 0.0
    for size in experiment.mel.windows:
        errors = (
            objective.likelihood.log_mel(result.estimate, size)
            - objective.likelihood.log_mel(waves, size)
        ).abs()
        values = errors[0].numel()
        means = errors.mean((1, 2)).tolist()
        expected += values * (math.log(2) + log_scales(means, groups))
    assert result.terms["distortion"].item() == pytest.approx(expected, rel=1e-4)
    errors = StoiLike()(waves, result.estimate).tolist()
    values = StoiLike.values_per_second / 2
    assert result.terms["stoi_like"].item() == pytest.approx(
        values * log_scales(errors, groups), rel=1e-3
    )


def test_examples_of_all_depths_may_share_error_scales(manifest, tmp_path):
    experiment = tiny_experiment(manifest, tmp_path)
    objective = Objective(replace(experiment, mel=replace(experiment.mel, shared=True)))
    depth, bypass = torch.tensor([1, 4, 2]), torch.tensor([False, True, False])
    assert objective.groups(depth, bypass).tolist() == [0, 0, 0]


def test_the_phase_counts_only_beyond_the_content_codebooks(manifest, tmp_path):
    """Examples that are decoded from content codebooks alone have no phase to be right."""
    experiment = tiny_experiment(manifest, tmp_path)
    for content, counted in ((1, [NO, YES, YES, YES]), (2, [NO, YES, NO, YES])):
        codec = replace(experiment.codec, content_codebooks=content)
        objective, waves, result = evaluated(
            replace(experiment, codec=codec), [1, 4, 2, 3], [NO] * 4
        )
        nats = objective.phase(waves, result.estimate)[0]
        expected = nats[torch.tensor(counted)].sum().item() / 4
        assert expected > 0
        assert result.terms["phase"].item() == pytest.approx(expected, rel=1e-4)


def test_the_rate_counts_in_the_loss_and_moves_the_variances(manifest, tmp_path):
    experiment = stochastic(tiny_experiment(manifest, tmp_path))
    zero = dict.fromkeys(experiment.weights, 0.0)
    experiment = replace(experiment, weights=zero | {"rate": 3.0})
    objective, _, result = evaluated(experiment, [4, 4, 4, 4], [NO] * 4)
    nats = result.stats["rate/bits_per_second"] * 0.5 * math.log(2)
    values = 0.5 * objective.likelihood.values_per_second
    assert nats > 1
    assert result.loss.item() == pytest.approx(3 * nats / values, rel=1e-4)
    result.loss.backward()
    gradients = [
        codebook.log_variance.grad.item()
        for level in objective.network.topdown.levels
        for codebook in level.quantizer
    ]
    assert all(gradient < 0 for gradient in gradients)  # a larger variance costs fewer nats


def test_the_loss_is_the_weighted_sum_of_the_terms_and_leaves_nothing_behind(manifest, tmp_path):
    experiment = stochastic(tiny_experiment(manifest, tmp_path))
    weights = {name: 0.5 + index for index, name in enumerate(sorted(experiment.weights))}
    experiment = replace(experiment, weights=weights)
    torch.manual_seed(0)
    before = set(vars(Objective(experiment)))
    objective, _, result = evaluated(experiment, [1, 2, 3, 4], [NO, YES, NO, NO])
    values = 0.5 * objective.likelihood.values_per_second
    expected = sum(weights[name] * term.item() for name, term in result.terms.items()) / values
    assert result.terms.keys() == weights.keys()
    assert result.loss.item() == pytest.approx(expected, rel=1e-5)
    assert set(vars(objective)) == before
    assert not any(term.requires_grad for term in (*result.terms.values(), result.estimate))
    with pytest.raises(AttributeError):
        result.loss = torch.zeros(())
