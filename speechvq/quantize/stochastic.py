"""Stochastic quantization: sampled assignment with a learned variance, annealing itself.

SQ-VAE (Takida et al. 2022), Gaussian type I. Given the encoder's z, codeword k is drawn with
probability

    P(k | z) = softmax_k( -|z - b_k|^2 / (2 s^2) )

which is Bayes' rule for a uniform prior over codewords blurred by Gaussian noise of the learned
variance s^2. Training sees a relaxed sample (Gumbel-softmax), so gradients reach codebook, variance
and encoder through the assignment itself. As reconstruction improves s^2 falls by itself and the
assignment hardens. At inference the most probable codeword is taken, which is the nearest one.

As the authors' code, not the formula, the mean z stands in for a noisy sample both in P and in the
quadratic term.
"""

import math

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from speechvq.quantize.codebook import Codebook

LOG_VARIANCE_LIMITS = (math.log(1e-6), math.log(1e4))


def log_posterior(z: Tensor, codebook: Tensor, log_variance: Tensor) -> Tensor:
    """Log P(k | z) for z (n, d), as (n, k).

    |z|^2 is the same for all k and drops out of the softmax, so one matrix product is enough.
    """
    centre = codebook.mean(0)
    z, codebook = z - centre, codebook - centre
    precision = torch.exp(-log_variance)
    logits = torch.addmm(-0.5 * precision * codebook.square().sum(1), z * precision, codebook.T)
    return torch.log_softmax(logits, -1)


def entropy(log_probabilities: Tensor) -> Tensor:
    """Entropy in nats over the last axis."""
    return -(log_probabilities.exp() * log_probabilities).sum(-1)


def gumbel_softmax(
    log_probabilities: Tensor, temperature: float, generator: torch.Generator | None
) -> Tensor:
    """A relaxed one-hot sample (Jang et al. 2017; Maddison et al. 2017); at temperature 0 an exact draw, without gradient.

    Noise is drawn in float32 whatever the input.
    """
    noise = torch.rand(
        log_probabilities.shape, generator=generator, device=log_probabilities.device
    )
    noise = noise.clamp_(1e-20, 1 - 1e-7).log_().neg_().log_()  # minus a Gumbel variable
    if not temperature:
        drawn = (log_probabilities - noise).argmax(-1)
        return functional.one_hot(drawn, log_probabilities.shape[-1]).to(log_probabilities.dtype)
    return torch.softmax((log_probabilities - noise) / temperature, -1)


class StochasticQuantizer(Codebook):
    """One codebook of `size` codewords in `width` dimensions with its variance s^2.

    log_variance starts at log(initial_variance) and codebook codewords at unit Gaussians; sqrt(6
    width) makes the first assignment nearly uniform, smaller values start harder.
    """

    def __init__(self, size: int, width: int, *, initial_variance: float) -> None:
        super().__init__(size, width)
        self.codewords = nn.Parameter(torch.randn(size, width))
        self.log_variance = nn.Parameter(torch.tensor(math.log(initial_variance)))

    @property
    def variance(self) -> Tensor:
        """s^2, a scalar."""
        return self._limited().exp()

    def _limited(self) -> Tensor:
        """Log s^2 within its limits; its gradient is that of log s^2 itself, so that it can come back."""
        return (
            self.log_variance
            + (self.log_variance.clamp(*LOG_VARIANCE_LIMITS) - self.log_variance).detach()
        )

    def sample(
        self, z: Tensor, *, temperature: float, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw for z (b, d, f): a sample (b, d, f), the entropy summed over positions (b,), the most probable codes (b, f).

        The sample is relaxed, or at temperature 0 an exact draw from the posterior.
        """
        with torch.autocast(z.device.type, enabled=False):
            flat = rearrange(z, "b d f -> (b f) d").to(self.codewords.dtype)
            log_p = log_posterior(flat, self.codewords, self._limited())
            soft = gumbel_softmax(log_p, temperature, generator) @ self.codewords
            entropies = rearrange(entropy(log_p), "(b f) -> b f", b=len(z)).sum(1)
            codes = rearrange(log_p.argmax(-1), "(b f) -> b f", b=len(z))
        return rearrange(soft, "(b f) d -> b d f", b=len(z)), entropies, codes

    def posterior(self, z: Tensor) -> Tensor:
        """P(k | z) for z (b, d, f), as (b, f, k)."""
        flat = rearrange(z, "b d f -> (b f) d").to(self.codewords.dtype)
        log_p = log_posterior(flat, self.codewords, self._limited())
        return rearrange(log_p.exp(), "(b f) k -> b f k", b=len(z))
