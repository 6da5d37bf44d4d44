"""Mu-law companding of samples, with the continuous curve that ITU-T G.711 approximates.

The classes are those of `torchaudio.functional.mu_law_encoding`. `librosa.mu_compress` rounds
upward and not to the nearest class, so that its integers differ.
"""

import math

import torch
from torch import Tensor


def mu_law_encoding(wave: Tensor, values: int = 256) -> Tensor:
    """The class of each sample, integers from 0 to `values` - 1. wave: samples in [-1, 1]."""
    mu = values - 1
    compressed = wave.sign() * torch.log1p(mu * wave.abs()) / math.log1p(mu)
    return ((compressed + 1) / 2 * mu + 0.5).long()


def mu_law_decoding(classes: Tensor, values: int = 256) -> Tensor:
    """The sample in [-1, 1] that each class stands for."""
    mu = values - 1
    compressed = classes / mu * 2 - 1
    return compressed.sign() * torch.expm1(compressed.abs() * math.log1p(mu)) / mu
