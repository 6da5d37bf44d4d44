"""A categorical latent drawn by the Gumbel-softmax trick.

Jang et al. 2017; Maddison et al. 2017. The encoder gives logits instead of a point: P(k | x) =
softmax(W z + c). Training sees a relaxed draw, a soft mixture of codewords that hardens with the
temperature; the rate is the exact KL of P from the uniform prior. With soft draws the sum of
distortion and rate is no bound; on hard codes, or exact draws, it is.
"""

import math
from collections.abc import Sequence

import torch
from einops import rearrange
from torch import Tensor, nn

from speechvq.quantize.base import Quantized, whole
from speechvq.quantize.codebook import Codebook
from speechvq.quantize.stochastic import entropy, gumbel_softmax


class GumbelQuantizer(Codebook):
    """One codebook of `size` codewords for z in `width` dimensions; codewords are in `width`, or in `out` dimensions if given."""

    def __init__(self, size: int, width: int, *, out: int | None = None) -> None:
        super().__init__(size, width)
        self.codewords = nn.Parameter(torch.randn(size, out or width))
        self.logits = nn.Linear(width, size)

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """Itself: one codebook."""
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

    def encode(self, z: Tensor, depth: int | None = None) -> list[Tensor]:
        """Hard codes of z (b, d, f): one codebook (b, f), whatever `depth` above 0."""
        del depth
        return [self.choose(z)]

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """The codewords (b, out, f) behind one codebook of codes (b, f)."""
        return self.look_up(codes[0])

    def forward(
        self,
        z: Tensor,
        keep: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """Quantize z (b, d, f): in training by a relaxed draw, at temperature 0 by an exact one, in eval mode by hard codes."""
        log_p = self.log_posterior(z)
        codes = log_p.argmax(-1)
        if self.training:
            codewords = (gumbel_softmax(log_p, temperature, generator) @ self.codewords).transpose(
                1, 2
            )
        else:
            codewords = self.look_up(codes)
        return self._quantized(z, keep, log_p, codes, codewords, {})

    def _quantized(
        self,
        z: Tensor,
        keep: Tensor | None,
        log_p: Tensor,
        codes: Tensor,
        codewords: Tensor,
        terms: dict[str, Tensor],
    ) -> Quantized:
        keep = whole(z, 1) if keep is None else keep
        maximum = z.shape[-1] * math.log(self.size)
        entropies = entropy(log_p).sum(1)
        rates = ((maximum - entropies).clamp_min(0)[:, None] if self.training else maximum) * keep
        terms = {name: value * keep[:, 0] for name, value in terms.items()}
        stats = {"0/entropy": entropies.mean().item() / maximum}
        return Quantized(
            codewords * keep[:, 0, None, None], (codes,), rates, terms, stats, (z.detach(),)
        )
