"""Jitter of the VQ-VAE."""

import pytest
import torch

from recipes.phoneme_discovery.models import autoencoder


def test_jittered():
    z = torch.arange(1000.0).expand(4, 3, 1000)
    found = autoencoder.jittered(z, 0.3, torch.Generator().manual_seed(0)) - z
    assert set(found.unique().tolist()) == {-1, 0, 1}
    assert (found != 0).float().mean() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(found[:, 0], found[:, 2])
    assert torch.equal(autoencoder.jittered(z, 0.0, torch.Generator()), z)
