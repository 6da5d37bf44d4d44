"""A small prior for the tests of the fixed-point arithmetic and of the coder."""

import numpy as np
import pytest
import torch

from speechvq.prior.network import PriorConfig, PriorNetwork

SHAPES = ((640, 17), (640, 9), (320, 33))
SPEAKER = np.array([0x0F, 0x37, 0xA8], np.uint8)
"""A packed speaker embedding of six dimensions."""


@pytest.fixture(scope="module")
def network() -> PriorNetwork:
    """An untrained prior with weights as large as those of a trained one."""
    torch.manual_seed(0)
    config = PriorConfig(width=24, skip=32, layers=5, cycle=3, context_layers=2)
    prior = PriorNetwork(config, SHAPES, speaker_dim=6).eval()
    with torch.no_grad():
        for value in prior.parameters():
            value.copy_((2 * value).half().float())
    return prior


def codes(frames: int = 40, seed: int = 0) -> list[np.ndarray]:
    """Random codes (n_l,) of every codebook."""
    random = np.random.default_rng(seed)
    return [random.integers(0, size, frames * 640 // hop).astype(np.uint16) for hop, size in SHAPES]
