"""The likelihood of phases, against a loop."""

import math

import pytest
import torch

from speechvq.losses.phase import PhaseConfig, PhaseLikelihood


def test_phases_are_compared_by_their_cosine():
    """Against a loop over frames and bins; a shift by half a period turns the cosine round, a
    change of level does nothing."""
    one = PhaseLikelihood(PhaseConfig(window=256, highest=500.0), 16_000)
    assert one.last == 8
    target, estimate = torch.randn(2, 2000), torch.randn(2, 2000)
    nats, mean = one(target, estimate)
    wanted, found = one.spectrum(target), one.spectrum(estimate)
    for b in range(2):
        weights = wanted[b].abs() ** 0.6 / (wanted[b].abs() ** 0.6).mean()
        errors = []
        for weight, s, y in zip(
            weights.flatten(), wanted[b].flatten(), found[b].flatten(), strict=True
        ):
            cosine = (s.conj() * y).real / (
                s.abs() * torch.sqrt(y.abs() ** 2 + (0.1 * s.abs()) ** 2)
            )
            errors.append(weight * (1 - cosine))
        assert nats[b].item() == pytest.approx(sum(errors).item(), rel=1e-3)
        assert mean[b].item() == pytest.approx(1 - (sum(errors) / len(errors)).item(), abs=1e-3)
    sine = torch.sin(2 * math.pi * 250 / 16_000 * torch.arange(4000))[None]
    assert one(sine, 3 * sine)[1].item() > 0.99
    assert one(sine[:, :3960], sine[:, 32:3992])[1].item() < -0.9


def test_phases_reach_the_estimate_with_finite_gradients():
    one = PhaseLikelihood(PhaseConfig(), 16_000)
    for estimate in (torch.zeros(1, 4000), torch.randn(1, 4000)):
        estimate.requires_grad_()
        one(torch.randn(1, 4000), estimate)[0].sum().backward()
        assert estimate.grad.isfinite().all()
        assert estimate.grad.abs().max() > 0
