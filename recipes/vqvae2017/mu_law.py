"""The mu-law of ITU-T G.711 without its piecewise steps: few values, finest where speech is."""

import math

import torch
from torch import Tensor


def mu_law_encoding(wave: Tensor, values: int = 256) -> Tensor:
    """The class of each sample: whole numbers from 0 to `values` - 1.

    Args:
        wave: samples in [-1, 1].
        values: number of classes.
    """
    mu = values - 1
    compressed = wave.sign() * torch.log1p(mu * wave.abs()) / math.log1p(mu)
    return ((compressed + 1) / 2 * mu + 0.5).long()


def mu_law_decoding(classes: Tensor, values: int = 256) -> Tensor:
    """The sample that each class stands for."""
    mu = values - 1
    compressed = classes / mu * 2 - 1
    return compressed.sign() * torch.expm1(compressed.abs() * math.log1p(mu)) / mu
