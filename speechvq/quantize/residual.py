"""Residual quantization: each layer quantizes what the layers before it left over, and the sum of all entries stands for z.

`straight` is RQ-VAE (Lee et al. 2022) with vector quantizers, `sampled` is RSQ-VAE (Takida et al. 2024) with stochastic ones;
with one layer they are VQ-VAE and SQ-VAE. Both take z (b, d, f) and keep (b, layers), 1 for the layers that an example uses.
"""

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from speechvq.quantize.base import Quantized
from speechvq.quantize.codebook import Codebook
from speechvq.quantize.stochastic import StochasticQuantizer
from speechvq.quantize.vector import VectorQuantizer


def straight(quantizers: Sequence[VectorQuantizer], z: Tensor, keep: Tensor) -> Quantized:
    """Nearest entries, a commitment term a layer; the gradient of their sum is copied to z once, however many layers."""
    residual, total = z, torch.zeros_like(z)
    codes, inputs = [], []
    commitment, rate = keep.new_zeros(len(z)), keep.new_zeros(len(z))
    for index, quantizer in enumerate(quantizers):
        mask = keep[:, index]
        entry, error, hard = quantizer.nearest(residual)
        inputs.append(residual.detach())
        codes.append(hard)
        total = total + entry * mask[:, None, None]
        residual = residual - entry * mask[:, None, None]
        commitment = commitment + error * mask
        rate = rate + z.shape[-1] * math.log(quantizer.size) * mask
    through = (z + (total - z).detach()) * keep[:, 0, None, None]
    return Quantized(through, tuple(codes), {"commitment": commitment, "rate": rate}, {}, tuple(inputs))


def sampled(
    quantizers: Sequence[StochasticQuantizer],
    z: Tensor,
    keep: Tensor,
    temperature: float,
    generator: torch.Generator | None,
) -> Quantized:
    """Relaxed samples; one quadratic term for all layers, over the sum of the kept layers' variances.

    Independent Gaussian blurs add. (With one term a layer every partial sum would have to match z, against the point of
    refinement.)
    """
    total, variance = torch.zeros_like(z), keep.new_zeros(len(z))
    codes, inputs, rate, stats = [], [], keep.new_zeros(len(z)), {}
    for index, quantizer in enumerate(quantizers):
        mask = keep[:, index]
        inputs.append((z - total).detach())
        sample, entropies, hard = quantizer.sample(z - total, temperature=temperature, generator=generator)
        codes.append(hard)
        total = total + sample * mask[:, None, None]
        variance = variance + quantizer.variance * mask
        maximum = z.shape[-1] * math.log(quantizer.size)
        rate = rate + (maximum - entropies) * mask
        stats |= {f"{index}/variance": quantizer.variance.item(), f"{index}/entropy": entropies.mean().item() / maximum}
    error = (z - total).square().sum((1, 2))
    quadratic = torch.where(variance > 0, error / (2 * variance.clamp_min(1e-12)), 0.0)
    return Quantized(total, tuple(codes), {"quadratic": quadratic, "rate": rate}, stats, tuple(inputs))


def encode(quantizers: Iterable[Codebook], z: Tensor) -> tuple[list[Tensor], Tensor]:
    """Greedy hard codes of z (b, d, f), one (b, f) a layer, and the sum of their entries."""
    codes, total = [], torch.zeros_like(z)
    for quantizer in quantizers:
        codes.append(quantizer.encode(z - total))
        total = total + quantizer.decode(codes[-1])
    return codes, total
