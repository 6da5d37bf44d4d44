"""Jitter of the VQ-VAE."""

import pytest
import torch

from recipes.phoneme_discovery.models import autoencoder


def test_jittered():
    z = torch.arange(1000.0).expand(4, 3, 1000)
    result = autoencoder.jittered(z, 0.3, torch.Generator().manual_seed(0)) - z
    assert set(result.unique().tolist()) == {-1, 0, 1}
    assert (result != 0).float().mean() == pytest.approx(0.3, abs=0.03)
    assert torch.equal(result[:, 0], result[:, 2])
    assert torch.equal(autoencoder.jittered(z, 0.0, torch.Generator()), z)
