"""Joint continuous and discrete latents: JointVAE (Dupont 2018).

A part of the latent is Gaussian, the other a codeword drawn by Gumbel-softmax. Left alone, the
decoder would put everything into the continuous part. So each rate is held at a target that grows
while training goes on, in the place of the plain sum of rates:

    sum_j  gamma_j | R_j - C_j(t) |
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from speechvq.config import require
from speechvq.quantize.base import CodebookConfig, Quantized, Quantizer, full_mask
from speechvq.quantize.codebook import Codebook
from speechvq.quantize.gaussian import GaussianLatent
from speechvq.quantize.gumbel import GumbelQuantizer


@dataclass(frozen=True)
class JointConfig(CodebookConfig):
    """A latent with a Gaussian and a categorical part.

    continuous_dim: dimensions of the Gaussian part
    """

    kind: Literal["joint"] = "joint"
    continuous_dim: int = 4

    draws = "relaxed"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            0 < self.continuous_dim < self.dim,
            f"continuous_dim must be 1 to {self.dim - 1}, less than dim, not {self.continuous_dim}",
        )

    def build(self, n_codebooks: int) -> "JointQuantizer":
        """One Gaussian latent and one codebook."""
        del n_codebooks
        return JointQuantizer(self.codebook_size, self.dim, continuous_dim=self.continuous_dim)


class JointQuantizer(Quantizer):
    """A Gaussian latent of `continuous_dim` dimensions beside a codeword of `dim - continuous_dim`.

    Its rates have two columns, first the continuous one, then the discrete one.
    """

    decodable = False

    def __init__(self, size: int, dim: int, *, continuous_dim: int) -> None:
        super().__init__()
        self.dim, self.continuous_dim = dim, continuous_dim
        self.gaussian = GaussianLatent(dim, out=continuous_dim)
        self.discrete = GumbelQuantizer(size, dim, out=dim - continuous_dim)

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """The discrete part."""
        return (self.discrete,)

    def encode(self, z: Tensor, n_codebooks: int | None = None) -> list[Tensor]:
        """Hard codes of the discrete part of z (b, d, f): those of its one codebook (b, f)."""
        return self.discrete.encode(z, n_codebooks)

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """The codewords of the codes, the continuous part at its prior mean: zero."""
        codewords = self.discrete.decode(codes)
        zeros = codewords.new_zeros(len(codewords), self.continuous_dim, codewords.shape[-1])
        return torch.cat([zeros, codewords], 1)

    def forward(
        self,
        z: Tensor,
        mask: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """Draw both parts for z (b, d, f); in eval mode the mean and the most probable codeword."""
        mask = full_mask(z, 1) if mask is None else mask
        continuous = self.gaussian(z, mask, generator=generator)
        discrete = self.discrete(z, mask, temperature=temperature, generator=generator)
        return Quantized(
            torch.cat([continuous.z, discrete.z], 1),
            discrete.codes,
            torch.cat([continuous.rates, discrete.rates], 1),
            {},
            continuous.stats | discrete.stats,
            discrete.inputs,
        )


def capacity_cost(rate: Tensor, target: float, strength: float) -> Tensor:
    """What holds a rate at its target: strength |R - C|, for the batch's mean rate R in nats."""
    return strength * (rate - target).abs()
