"""A continuous latent with Gaussian noise: the VAE (Kingma and Welling 2014), a baseline without codes."""

import torch
from torch import Tensor, nn

from speechvq.quantize.base import Quantized, Uncoded, whole


class GaussianLatent(Uncoded):
    """q(z' | x) = N(mean, diag variance), both linear in z; prior N(0, 1). z in `width`, the result in `out` dimensions."""

    def __init__(self, width: int, *, out: int | None = None) -> None:
        super().__init__(width)
        self.moments = nn.Conv1d(width, 2 * (out or width), 1)

    def forward(
        self,
        z: Tensor,
        keep: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """Draw for z (b, width, f), in eval mode the mean. The rate is KL(q || N(0, 1)), exact, in one column."""
        del temperature
        keep = whole(z, 1) if keep is None else keep
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
        return Quantized(latent * keep[:, 0, None, None], (), rate[:, None] * keep, {}, stats)
