"""Discriminators: losses by hand, examples that stand alone, and discriminators that learn to
tell."""

import pytest
import torch

from speechvq.errors import ConfigError
from speechvq.losses.discriminators import (
    Discriminators,
    DiscriminatorsConfig,
    PeriodDiscriminator,
    SpectralDiscriminator,
    discriminator_loss,
    feature_matching,
    generator_loss,
)

SMALL = DiscriminatorsConfig(windows=(256, 128), periods=(2, 3), channels=4)


def test_hinge_losses_by_hand():
    real = [
        (torch.tensor([[0.5, 2.0]]), [torch.tensor([[2.0, 2.0]])]),
        (torch.tensor([[-1.0]]), []),
    ]
    decoded = [
        (torch.tensor([[-2.0, 0.0]]), [torch.tensor([[1.0, 2.0]])]),
        (torch.tensor([[3.0]]), []),
    ]
    assert discriminator_loss(real, decoded).item() == pytest.approx(((0.25 + 0.5) + (2 + 4)) / 2)
    assert generator_loss(decoded).tolist() == pytest.approx([((3 + 1) / 2 + 0) / 2])
    assert feature_matching(real, decoded).tolist() == pytest.approx([0.5 / 2])


@pytest.mark.parametrize(
    "discriminator", [SpectralDiscriminator(256, 4), PeriodDiscriminator(3, 4)]
)
def test_an_example_stands_alone(discriminator):
    waves = torch.randn(3, 4001, generator=torch.Generator().manual_seed(0))
    together, alone = discriminator(waves), discriminator(waves[1:2])
    assert torch.allclose(together[0][1:2], alone[0], atol=1e-5)
    assert all(
        torch.allclose(x[1:2], y, atol=1e-5) for x, y in zip(together[1], alone[1], strict=True)
    )


def test_discriminators_learn_to_tell_tones_from_noise_and_give_a_gradient():
    """Tones of any phase against noise of the same level: after some steps no discriminator errs,
    and the gradient reaches the wave."""
    torch.manual_seed(0)
    discriminators = Discriminators(SMALL)
    optimizer = torch.optim.Adam(discriminators.parameters(), lr=3e-3)
    time = torch.arange(2000) / 16_000

    def batch():
        tones = torch.sin(2 * torch.pi * (300 * time + torch.rand(8, 1)))
        return tones, 0.7 * torch.randn(8, 2000)

    for _ in range(60):
        tones, noise = batch()
        loss = discriminator_loss(discriminators(tones), discriminators(noise))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    tones, noise = batch()
    assert discriminator_loss(discriminators(tones), discriminators(noise)) < 0.2
    noise.requires_grad_()
    (
        generator_loss(discriminators(noise))
        + feature_matching(discriminators(tones), discriminators(noise))
    ).sum().backward()
    assert torch.isfinite(noise.grad).all()
    assert noise.grad.abs().sum() > 0


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"windows": (), "periods": ()}, "windows and periods must not both be empty"),
        ({"windows": (32,)}, "windows must be at least 64"),
        ({"periods": (1,)}, "periods must be at least 2"),
        ({"channels": 0}, "channels must be positive"),
        ({"start": 1.0}, "start must be at least 0"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
    ],
)
def test_what_makes_no_sense_is_refused(values, says):
    with pytest.raises(ConfigError, match=says):
        DiscriminatorsConfig(**values)
