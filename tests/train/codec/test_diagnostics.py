"""Usage of every codebook over a set, and sentences for codebooks that carry too little."""

import math

import pytest
import torch

from speechvq.quantize.residual import ResidualVQ
from speechvq.quantize.stochastic import ResidualSQ, StochasticQuantizer
from speechvq.quantize.vector import VectorQuantizer
from speechvq.train.codec.diagnostics import Usage, diagnose


def test_usage_counts_over_the_whole_set():
    torch.manual_seed(0)
    one = ResidualVQ([VectorQuantizer(6, 2) for _ in range(2)]).eval()
    usage, seen = Usage(one.codebooks), []
    for frames in (5, 9):
        result = one(torch.randn(1, 2, frames))
        usage.add(result)
        seen.append(torch.stack([code[0] for code in result.codes]))
    numbers = usage.numbers()
    for codebook, codes in enumerate(torch.cat(seen, 1)):
        share = codes.bincount(minlength=6) / 14
        entropy = -sum(p * math.log(p) for p in share.tolist() if p)
        assert numbers[f"codebook{codebook}/utilization"] == pytest.approx(
            (share > 0).float().mean().item()
        )
        assert numbers[f"codebook{codebook}/perplexity"] == pytest.approx(
            math.exp(entropy), rel=1e-5
        )
        assert numbers[f"codebook{codebook}/mutual_information"] == pytest.approx(
            entropy, rel=1e-5
        )  # a hard choice says all it is


@pytest.mark.parametrize(("variance", "share"), [(1e4, 0.0), (1e-6, 1.0)])
def test_information_is_nothing_for_a_uniform_choice_and_everything_for_a_hard_one(variance, share):
    torch.manual_seed(0)
    one = ResidualSQ([StochasticQuantizer(8, 2, initial_variance=variance)]).eval()
    usage = Usage(one.codebooks)
    usage.add(one(torch.randn(1, 2, 500)))
    numbers = usage.numbers()
    assert numbers["codebook0/mutual_information"] == pytest.approx(
        share * math.log(numbers["codebook0/perplexity"]), abs=1e-3
    )
    assert numbers["codebook0/variance"] == pytest.approx(variance, rel=1e-3)


def test_information_is_the_entropy_of_the_mean_posterior_less_its_mean_entropy():
    """Not that of the counts of hard codes, which say nothing of how the others share the
    posterior."""
    torch.manual_seed(0)
    one = ResidualSQ([StochasticQuantizer(5, 2, initial_variance=1.5)]).double().eval()
    usage, rows = Usage(one.codebooks), []
    for frames in (4, 7):
        z = torch.randn(1, 2, frames, dtype=torch.float64)
        usage.add(one(z))
        for position in z[0].T:
            distances = (one[0].codewords - position).square().sum(1)
            rows.append(torch.softmax(-distances / (2 * 1.5), 0).tolist())

    def entropy(p):
        return -sum(value * math.log(value) for value in p if value)

    mean = [sum(column) / len(rows) for column in zip(*rows, strict=True)]
    expected = entropy(mean) - sum(entropy(row) for row in rows) / len(rows)
    numbers = usage.numbers()
    assert numbers["codebook0/mutual_information"] == pytest.approx(expected, rel=1e-5)
    assert abs(math.log(numbers["codebook0/perplexity"]) - entropy(mean)) > 0.01


def healthy(**changes):
    numbers = {}
    for codebook in range(2):
        numbers |= {
            f"codebook{codebook}/utilization": 1.0,
            f"codebook{codebook}/perplexity": 400.0,
            f"codebook{codebook}/mutual_information": 5.0,
        }
        numbers[f"codebook{codebook}/conditional_entropy"] = 0.5
        numbers |= {
            f"codebook{codebook}/variance": 0.1,
            f"prefix{codebook + 1}/mel": 0.5 - 0.1 * codebook,
        }
    return numbers | {name.replace("_", "/", 1): value for name, value in changes.items()}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, []),
        (
            {"codebook1_mutual_information": 0.01, "codebook1_conditional_entropy": 6.0},
            ["codebook 1 is dead", "0.01 of 6.24 nats", "levels.quantizer.variance"],
        ),
        (
            {
                "codebook0_perplexity": 7.0,
                "codebook0_utilization": 0.03,
                "codebook0_conditional_entropy": 0.0,
            },
            ["codebook 0 has collapsed", "7.0 of 512, 3% "],
        ),
        (
            {"codebook0_perplexity": 7.0, "codebook0_conditional_entropy": 0.0},
            ["codebook 0 has collapsed", "codebook_init"],
        ),
        (
            {"codebook0_perplexity": 7.0, "codebook0_conditional_entropy": 1.0},
            ["codebook 0 has collapsed", "levels.quantizer.variance"],
        ),
        (
            {"codebook0_perplexity": 7.0, "codebook0_conditional_entropy": 6.2},
            ["codebook 0 is dead"],
        ),
        ({"prefix2_mel": 0.6}, ["codebook 1 adds nothing"]),
    ],
)
def test_codebooks_that_carry_too_little_are_named(changes, words):
    found = diagnose(healthy(**changes), (512, 512))
    assert len(found) == (1 if words else 0)
    assert all(word in found[0] for word in words)
