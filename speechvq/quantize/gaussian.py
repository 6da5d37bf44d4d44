"""A continuous latent with Gaussian noise, a baseline without codes.

VAE: Kingma and Welling 2014.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from speechvq.quantize.base import ContinuousLatent, Quantized, QuantizerConfig, full_mask


@dataclass(frozen=True)
class GaussianConfig(QuantizerConfig):
    """The latent of a VAE, without codes."""

    kind: Literal["gaussian"] = "gaussian"

    draws = "exact"

    def build(self, n_codebooks: int) -> "GaussianLatent":
        """One continuous latent."""
        del n_codebooks
        return GaussianLatent(self.dim)


class GaussianLatent(ContinuousLatent):
    """q(z' | x) = N(mean, diag variance), both linear in z, with the prior N(0, 1).

    z has `dim` dimensions, z' has `out`.
    """

    def __init__(self, dim: int, *, out: int | None = None) -> None:
        super().__init__(dim)
        self.moments = nn.Conv1d(dim, 2 * (out or dim), 1)

    def forward(
        self,
        z: Tensor,
        mask: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """A draw for z (b, dim, f), in eval mode the mean.

        Rates (b, 1) are KL(q || N(0, 1)), exact.
        """
        del temperature
        mask = full_mask(z, 1) if mask is None else mask
        mean, log_variance = self.moments(z).chunk(2, 1)
        log_variance = log_variance.clamp(-20, 10)
        noise = (
            torch.randn(mean.shape, generator=generator, device=z.device, dtype=z.dtype)
            if self.training
            else 0.0
        )
        rate = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum((1, 2))
        latent = mean + (0.5 * log_variance).exp() * noise
        stats = {"0/variance": log_variance.exp().mean().item()}
        return Quantized(latent * mask[:, 0, None, None], (), rate[:, None] * mask, {}, stats)
