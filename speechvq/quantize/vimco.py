"""A categorical latent of hard draws, learned from several of them at once.

VIMCO (Mnih and Rezende 2016). A hard draw has no gradient, so the encoder learns by how much each
of n draws raised the bound over what the others alone suggest. The bound is that of importance
sampling with n draws (Burda et al. 2016):

    L = E log (1/n) sum_i f_i,    f_i = p(x, h_i) / q(h_i | x)
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from speechvq.quantize.base import CodebookConfig, Quantized
from speechvq.quantize.gumbel import GumbelQuantizer
from speechvq.quantize.stochastic import gumbel_softmax


@dataclass(frozen=True)
class VimcoConfig(CodebookConfig):
    """A categorical latent of one codebook whose encoder learns by VIMCO.

    It needs several draws of every example, so it is for studies.
    """

    kind: Literal["vimco"] = "vimco"

    draws = "exact"

    def build(self, n_codebooks: int) -> "SampledCategorical":
        """One codebook."""
        del n_codebooks
        return SampledCategorical(self.codebook_size, self.dim)


class SampledCategorical(GumbelQuantizer):
    """A `GumbelQuantizer` whose training pass makes hard draws.

    Its term `log_posterior` (b,) is log q(h | x) of what was drawn, for `vimco`; the codewords
    learn from the decoder's gradient.
    """

    def forward(
        self,
        z: Tensor,
        mask: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """Quantize z (b, d, f): in training by an exact draw, in eval mode by hard codes."""
        del temperature
        if not self.training:
            return super().forward(z, mask)
        log_p = self.log_posterior(z)
        drawn = gumbel_softmax(log_p.detach(), 0.0, generator).argmax(-1)
        log_q = log_p.gather(-1, drawn.unsqueeze(-1)).squeeze(-1).sum(1)
        return self._quantized(z, mask, log_p, drawn, self.lookup(drawn), {"log_posterior": log_q})


def vimco(log_f: Tensor, log_q: Tensor) -> Tensor:
    """A loss (b,) whose gradient is the VIMCO estimate for minus the bound with n draws.

    Its value is minus the bound.

    log_f (n, b) is log p(x, h_i) - log q(h_i | x) and log_q (n, b) is log q(h_i | x), of n >= 2
    hard draws, with gradients. Each draw's signal is the bound less what it would be with that
    draw's f replaced by the geometric mean of the others (eq. 4 and 9 of the paper).
    """
    n = len(log_f)
    bound = torch.logsumexp(log_f, 0) - math.log(n)
    with torch.no_grad():
        others = (log_f.sum(0) - log_f) / (n - 1)
        replaced = torch.where(
            torch.eye(n, dtype=torch.bool, device=log_f.device)[..., None], others, log_f
        )
        signal = bound - (torch.logsumexp(replaced, 1) - math.log(n))
    surrogate = (signal * log_q).sum(0)
    return -(bound + surrogate - surrogate.detach())
