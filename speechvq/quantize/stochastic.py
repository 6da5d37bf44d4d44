"""Stochastic quantization: sampled assignment with a learned variance, annealing itself.

SQ-VAE (Takida et al. 2022), Gaussian type I. Given the encoder's z, entry k is drawn with probability

    P(k | z) = softmax_k( -|z - b_k|^2 / (2 s^2) )

which is Bayes' rule for a uniform prior over entries blurred by Gaussian noise of the learned variance s^2. Training sees a
relaxed sample (Gumbel-softmax), so gradients reach codebook, variance and encoder through the assignment itself. As
reconstruction improves s^2 falls by itself and the assignment hardens. At inference the most probable entry is taken, which
is the nearest one. `nearest` is the limit of vanishing variance, for those who cannot wait for it; only then entries can
die, and `split` brings them back.

As the authors' code, not the formula, the mean z stands in for a noisy sample both in P and in the quadratic term.
"""

import math

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from speechvq.quantize.base import Quantized

LOG_VARIANCE_LIMITS = (math.log(1e-6), math.log(1e4))


def squared_distances(z: Tensor, codebook: Tensor) -> Tensor:
    """|z - b_k|^2 for z (n, d) and codebook (k, d), as (n, k) in float32 or float64.

    Both are centred on the codebook's mean first: the expansion |z|^2 + |b|^2 - 2zb loses digits in proportion to the common
    offset, and a wrong nearest entry is worse than a slow one.
    """
    centre = codebook.mean(0)
    z, codebook = z - centre, codebook - centre
    inner = z @ codebook.T
    return (z.square().sum(1, keepdim=True) - 2 * inner + codebook.square().sum(1)).clamp_min(0)


def log_posterior(z: Tensor, codebook: Tensor, log_variance: Tensor) -> Tensor:
    """Log P(k | z) for z (n, d), as (n, k).

    |z|^2 is the same for all k and drops out of the softmax, so one matrix product is enough.
    """
    centre = codebook.mean(0)
    z, codebook = z - centre, codebook - centre
    precision = torch.exp(-log_variance)
    logits = torch.addmm(-0.5 * precision * codebook.square().sum(1), z * precision, codebook.T)
    return functional.log_softmax(logits, -1)


def entropy(log_probabilities: Tensor) -> Tensor:
    """Entropy in nats over the last axis."""
    return -(log_probabilities.exp() * log_probabilities).sum(-1)


def gumbel_softmax(log_probabilities: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    """A relaxed one-hot sample (Jang et al. 2017; Maddison et al. 2017). Noise is drawn in float32 whatever the input."""
    noise = torch.rand(log_probabilities.shape, generator=generator, device=log_probabilities.device)
    noise = noise.clamp_(1e-20, 1 - 1e-7).log_().neg_().log_()  # minus a Gumbel variable
    return torch.softmax((log_probabilities - noise) / temperature, -1)


class StochasticQuantizer(nn.Module):
    """One codebook of `size` entries in `width` dimensions with its variance s^2.

    log_variance starts at log(initial_variance) and codebook entries at unit Gaussians; sqrt(6 width) makes the first
    assignment nearly uniform, smaller values start harder.
    """

    def __init__(self, size: int, width: int, *, initial_variance: float) -> None:
        super().__init__()
        self.size, self.width = size, width
        self.codebook = nn.Parameter(torch.randn(size, width))
        self.log_variance = nn.Parameter(torch.tensor(math.log(initial_variance)))

    @property
    def variance(self) -> Tensor:
        """s^2, a scalar."""
        return self.log_variance.clamp(*LOG_VARIANCE_LIMITS).exp()

    def sample(
        self, z: Tensor, *, temperature: float, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw for z (b, d, f): the relaxed sample (b, d, f), the entropy summed over positions (b,), the hard codes (b, f)."""
        with torch.autocast(z.device.type, enabled=False):
            flat = rearrange(z, "b d f -> (b f) d").to(self.codebook.dtype)
            log_p = log_posterior(flat, self.codebook, self.log_variance.clamp(*LOG_VARIANCE_LIMITS))
            soft = gumbel_softmax(log_p, temperature, generator) @ self.codebook
            entropies = rearrange(entropy(log_p), "(b f) -> b f", b=len(z)).sum(1)
            codes = rearrange(log_p.argmax(-1), "(b f) -> b f", b=len(z))
        return rearrange(soft, "(b f) d -> b d f", b=len(z)), entropies, codes

    def nearest(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The limit s^2 -> 0, vector quantization, for z (b, d, f): nearest entry (b, d, f), quadratic term (b,), codes (b, f).

        The entry is without gradient; the quadratic term, over the learned and now constant variance, draws z and entry to each
        other (van den Oord et al. 2017, eq. 3, both with the same weight).
        """
        codes = self.encode(z)
        entry = self.decode(codes)
        errors = (z - entry.detach()).square() + (z.detach() - entry).square()
        return entry.detach(), errors.sum((1, 2)) / (2 * self.variance.detach()), codes

    def split(self, counts: Tensor, generator: torch.Generator) -> Tensor:
        """Give entries that were never chosen a second life beside busy ones; which they were, (k,) booleans.

        counts (k,) is how often each entry was chosen. A dead entry moves next to one drawn by its count, so that a crowded
        cell is split in two, as in the algorithm of Linde, Buzo and Gray (1980).
        """
        dead = counts == 0
        if dead.any() and not dead.all():
            busy = torch.multinomial(counts.cpu().double(), int(dead.sum()), replacement=True, generator=generator)
            noise = torch.randn(len(busy), self.width, generator=generator).to(self.codebook)
            with torch.no_grad():
                self.codebook[dead] = self.codebook[busy.to(dead.device)] + 0.3 * self.variance.sqrt() * noise
        return dead

    def forward(self, z: Tensor, *, temperature: float = 1.0, generator: torch.Generator | None = None) -> Quantized:
        """Quantize z (b, d, f). Training: a relaxed sample and the two latent terms of eq. 8 of SQ-VAE; eval: hard codes."""
        if not self.training:
            codes = self.encode(z)
            return Quantized(self.decode(codes), (codes,), {}, {})
        sample, entropies, codes = self.sample(z, temperature=temperature, generator=generator)
        quadratic = (z - sample).square().sum((1, 2)) / (2 * self.variance)
        rate = z.shape[-1] * math.log(self.size) - entropies
        return Quantized(sample, (codes,), {"quadratic": quadratic, "rate": rate}, {"variance": self.variance.item()})

    def encode(self, z: Tensor) -> Tensor:
        """The nearest entry for every position: z (b, d, f) to codes (b, f)."""
        with torch.autocast(z.device.type, enabled=False):
            flat = rearrange(z, "b d f -> (b f) d").to(self.codebook.dtype)
            return rearrange(squared_distances(flat, self.codebook).argmin(-1), "(b f) -> b f", b=len(z))

    def decode(self, codes: Tensor) -> Tensor:
        """Codes (b, f) to their entries (b, d, f)."""
        return functional.embedding(codes, self.codebook).transpose(1, 2)
