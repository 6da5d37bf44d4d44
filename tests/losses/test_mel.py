"""The likelihood of log-mel spectrograms, against the best scale and over devices."""

import math

import pytest
import torch

from speechvq.losses.mel import MelConfig, MelLikelihood, mel_filters


def test_two_processes_share_one_error_scale():
    """Halves of a batch that know of each other give the gradient of the batch."""
    likelihood = MelLikelihood(MelConfig(windows=(256, 64), bands=(16, 8)), 16_000)
    target, estimate = torch.randn(4, 2000), torch.randn(4, 2000, requires_grad=True)
    groups = torch.tensor([0, 1, 1, 1])
    likelihood(target, estimate, groups, 2)[0].mean().backward()
    whole = estimate.grad.clone()
    recorded = []
    for half in (slice(0, 2), slice(2, 4)):
        likelihood(
            target[half],
            estimate[half],
            groups[half],
            2,
            lambda sums: recorded.append(sums.clone()) or sums,
        )
    shared = [a + b for a, b in zip(recorded[:2], recorded[2:], strict=True)]
    estimate.grad = None
    for half in (slice(0, 2), slice(2, 4)):
        replies = iter(shared)
        loss = likelihood(
            target[half], estimate[half], groups[half], 2, lambda _, replies=replies: next(replies)
        )[0]
        (loss.mean() / 2).backward()
    torch.testing.assert_close(estimate.grad, whole, rtol=1e-4, atol=1e-6)


def test_likelihood_is_that_of_the_best_laplace_scale():
    """For one example: no other scale gives a lower negative log-likelihood."""
    likelihood = MelLikelihood(MelConfig(windows=(256,), bands=(16,)), 16_000)
    target, estimate = torch.randn(1, 4000), torch.randn(1, 4000)
    nats, stats = likelihood(target, estimate, torch.zeros(1, dtype=torch.long), 1)
    errors = (likelihood.log_mel(target, 256) - likelihood.log_mel(estimate, 256)).abs()
    scales = torch.linspace(0.2, 5, 2000)[:, None, None] * errors.mean()
    oracle = (errors / scales + (2 * scales).log()).sum((1, 2)).min()
    torch.testing.assert_close(nats[0], oracle, rtol=1e-4, atol=1e-2)
    assert stats["mel256"] == pytest.approx(errors.mean().item(), rel=1e-5)


def test_gaussian_errors_of_the_best_variance():
    one = MelLikelihood(MelConfig((64,), (8,), errors="gaussian"), 16_000)
    target, estimate = torch.randn(2, 640), torch.randn(2, 640)
    nats, stats = one(target, estimate, torch.zeros(2, dtype=torch.long), 1)
    errors = one.log_mel(estimate, 64) - one.log_mel(target, 64)
    variance = errors.square().mean()
    expected = -torch.distributions.Normal(0.0, variance.sqrt()).log_prob(errors).sum((1, 2))
    torch.testing.assert_close(nats, expected, rtol=1e-4, atol=1e-2)
    assert stats["mel64"] == pytest.approx(errors.abs().mean().item(), rel=1e-5)


@pytest.mark.parametrize(("size", "bands"), [(2048, 192), (512, 88), (128, 22)])
def test_filters_are_those_of_torchaudio(size, bands):
    """Slaney's scale without his normalization, where torchaudio can be imported.

    torchaudio computes in the default type; in single precision it is 2e-5 from the formula.
    """
    try:
        from torchaudio.functional import melscale_fbanks  # pyright: ignore[reportMissingImports]
    except (ImportError, OSError) as error:  # a torchaudio that does not fit this torch
        pytest.skip(f"torchaudio does not load: {error}")
    torch.set_default_dtype(torch.float64)
    try:
        expected = melscale_fbanks(size // 2 + 1, 0.0, 8000.0, bands, 16_000, None, "slaney")
    finally:
        torch.set_default_dtype(torch.float32)
    torch.testing.assert_close(
        mel_filters(16_000, size, bands).double(), expected, rtol=0, atol=1e-6
    )


@pytest.mark.parametrize(("size", "bands"), [(2048, 192), (512, 88), (128, 22)])
def test_filters_are_triangles_on_slaneys_scale(size, bands):
    """Linear below 1 kHz, 200/3 Hz a mel; logarithmic above, 27 mels from 1 to 6.4 kHz."""

    def hertz(mel: float) -> float:
        return mel * 200 / 3 if mel < 15 else 1000 * 6.4 ** ((mel - 15) / 27)

    last = 15 + 27 * math.log(8) / math.log(6.4)
    edges = [hertz(last * index / (bands + 1)) for index in range(bands + 2)]
    filters = mel_filters(16_000, size, bands)
    for band in range(0, bands, 7):
        low, center, high = edges[band : band + 3]
        for index in range(0, size // 2 + 1, 5):
            f = index * 16_000 / size
            expected = max(0.0, min((f - low) / (center - low), (high - f) / (high - center)))
            assert filters[index, band].item() == pytest.approx(expected, abs=1e-5)
