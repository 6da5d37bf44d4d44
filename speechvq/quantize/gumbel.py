"""A categorical latent drawn by the Gumbel-softmax trick.

Jang et al. 2017; Maddison et al. 2017. The encoder gives logits instead of a point: P(k | x) =
softmax(W z + c). Training sees a relaxed draw, a soft mixture of codewords that hardens with the
temperature; the rate is the exact KL of P from the uniform prior. With soft draws the sum of
distortion and rate is no bound; on hard codes, or exact draws, it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn

from speechvq.quantize.base import CodebookConfig, Quantized, Quantizer, full_mask
from speechvq.quantize.codebook import Codebook
from speechvq.quantize.stochastic import entropy, gumbel_softmax


@dataclass(frozen=True)
class GumbelConfig(CodebookConfig):
    """A Gumbel-softmax categorical latent of one codebook."""

    kind: Literal["gumbel"] = "gumbel"

    in_codec = True
    draws = "relaxed"

    def build(self, n_codebooks: int) -> "GumbelQuantizer":
        """One codebook."""
        del n_codebooks
        return GumbelQuantizer(self.codebook_size, self.dim)


class GumbelQuantizer(Codebook, Quantizer):
    """One codebook of `size` codewords for z in `dim` dimensions.

    Codewords have `out` dimensions, `dim` by default.
    """

    def __init__(self, size: int, dim: int, *, out: int | None = None) -> None:
        super().__init__(size, dim)
        self.codewords = nn.Parameter(torch.randn(size, out or dim))
        self.logits = nn.Linear(dim, size)

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """Itself, the one codebook."""
        return (self,)

    def log_posterior(self, z: Tensor) -> Tensor:
        """Log P(k | z) for z (b, d, f), as (b, f, k), in the parameters' precision."""
        with torch.autocast(z.device.type, enabled=False):
            return torch.log_softmax(
                self.logits(rearrange(z, "b d f -> b f d").to(self.codewords.dtype)), -1
            )

    def choose(self, z: Tensor) -> Tensor:
        """The most probable codeword for every position: z (b, d, f) to codes (b, f)."""
        return self.log_posterior(z).argmax(-1)

    def posterior(self, z: Tensor) -> Tensor:
        """P(k | z) for z (b, d, f), as (b, f, k)."""
        return self.log_posterior(z).exp()

    def encode(self, z: Tensor, n_codebooks: int | None = None) -> list[Tensor]:
        """Hard codes of z (b, d, f): those of the one codebook (b, f)."""
        del n_codebooks
        return [self.choose(z)]

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """The codewords (b, out, f) of the codes (b, f) of the one codebook."""
        return self.lookup(codes[0])

    def forward(
        self,
        z: Tensor,
        mask: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """Quantize z (b, d, f): in training by a relaxed draw, in eval mode by hard codes.

        At temperature 0 the draw is exact, without gradient.
        """
        log_p = self.log_posterior(z)
        codes = log_p.argmax(-1)
        if self.training:
            drawn = gumbel_softmax(log_p, temperature, generator)
            codewords = (drawn @ self.codewords).transpose(1, 2)
        else:
            codewords = self.lookup(codes)
        return self._quantized(z, mask, log_p, codes, codewords, {})

    def _quantized(
        self,
        z: Tensor,
        mask: Tensor | None,
        log_p: Tensor,
        codes: Tensor,
        codewords: Tensor,
        terms: dict[str, Tensor],
    ) -> Quantized:
        mask = full_mask(z, 1) if mask is None else mask
        maximum = z.shape[-1] * math.log(self.size)
        entropies = entropy(log_p).sum(1)
        rates = ((maximum - entropies).clamp_min(0)[:, None] if self.training else maximum) * mask
        terms = {name: value * mask[:, 0] for name, value in terms.items()}
        stats = {"0/entropy": entropies.mean().item() / maximum}
        return Quantized(
            codewords * mask[:, 0, None, None], (codes,), rates, terms, stats, (z.detach(),)
        )
