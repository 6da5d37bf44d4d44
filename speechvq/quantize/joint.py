"""Joint continuous and discrete latents: JointVAE (Dupont 2018).

A part of the latent is Gaussian, the other an codeword drawn by Gumbel-softmax. Left alone, the
decoder would put everything into the continuous part. So each rate is held at a target that grows
while training goes on, in the place of the plain sum of rates:

    sum_j  gamma_j | R_j - C_j(t) |
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from speechvq.quantize.base import Quantized, whole
from speechvq.quantize.codebook import Codebook
from speechvq.quantize.gaussian import GaussianLatent
from speechvq.quantize.gumbel import GumbelQuantizer


class JointQuantizer(nn.Module):
    """`continuous` of the `width` dimensions are Gaussian, the others hold an codeword of a codebook of `size`.

    rates: two columns, first the continuous one, then the discrete one
    """

    def __init__(self, size: int, width: int, *, continuous: int) -> None:
        super().__init__()
        self.width, self.continuous = width, continuous
        self.gaussian = GaussianLatent(width, out=continuous)
        self.discrete = GumbelQuantizer(size, width, out=width - continuous)

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """The discrete part."""
        return (self.discrete,)

    def encode(self, z: Tensor, depth: int | None = None) -> list[Tensor]:
        """Hard codes of the discrete part of z (b, d, f): one codebook (b, f), whatever `depth` above 0."""
        return self.discrete.encode(z, depth)

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """The codewords behind the codes, the continuous part at its prior mean: zero."""
        codewords = self.discrete.decode(codes)
        return torch.cat(
            [codewords.new_zeros(len(codewords), self.continuous, codewords.shape[-1]), codewords],
            1,
        )

    def forward(
        self,
        z: Tensor,
        keep: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """Draw both parts for z (b, d, f); in eval mode the mean and the most probable codeword."""
        keep = whole(z, 1) if keep is None else keep
        free = self.gaussian(z, keep, generator=generator)
        coded = self.discrete(z, keep, temperature=temperature, generator=generator)
        latent = torch.cat([free.z, coded.z], 1)
        stats = free.stats | coded.stats
        return Quantized(
            latent, coded.codes, torch.cat([free.rates, coded.rates], 1), {}, stats, coded.inputs
        )


def capacity_cost(rate: Tensor, target: float, strength: float) -> Tensor:
    """What holds a rate at its target: strength |R - C|, for the batch's mean rate R in nats."""
    return strength * (rate - target).abs()
