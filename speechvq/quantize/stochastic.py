"""Stochastic quantization: sampled assignment with a learned variance, annealing itself.

SQ-VAE (Takida et al. 2022), Gaussian type I; with several codebooks RSQ-VAE (Takida et al. 2024).
Given the encoder's z, codeword k is drawn with probability

    P(k | z) = softmax_k( -|z - b_k|^2 / (2 s^2) )

which is Bayes' rule for a uniform prior over codewords blurred by Gaussian noise of the learned
variance s^2. Training sees a relaxed sample (Gumbel-softmax), so gradients reach codebook, variance
and encoder through the assignment itself. As reconstruction improves s^2 falls by itself and the
assignment hardens. At inference the most probable codeword is taken, which is the nearest one.

As the authors' code, not the formula, the mean z stands in for a noisy sample both in P and in the
quadratic term.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn
from torch.nn import functional

from speechvq.config import require
from speechvq.quantize.base import CodebookConfig, Quantized, full_mask
from speechvq.quantize.codebook import Codebook
from speechvq.quantize.residual import Residual

LOG_VARIANCE_LIMITS = (math.log(1e-6), math.log(1e4))


@dataclass(frozen=True)
class StochasticConfig(CodebookConfig):
    """Stochastic quantization, SQ-VAE.

    With several codebooks RSQ-VAE, with several levels SQ-VAE-2.

    variance: initial s^2; sqrt(6 dim) makes the first assignment nearly uniform, less starts harder
    shared: all codebooks of the level are one
    beam: beam width of the search for hard codes over the codebooks of a level; 1 is greedy
    """

    kind: Literal["sq"] = "sq"
    variance: float = 4.0
    shared: bool = False
    beam: int = 1

    residual = True
    in_codec = True
    draws = "relaxed"

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.variance > 0, f"variance must be positive, not {self.variance}")
        require(
            1 <= self.beam <= self.codebook_size,
            f"beam must be 1 to the codebook size {self.codebook_size}, not {self.beam}",
        )

    @property
    def terms(self) -> frozenset[str]:
        """The quadratic term."""
        return frozenset({"quadratic"})

    @property
    def greedy(self) -> "StochasticConfig":
        """The same with a beam of 1."""
        return replace(self, beam=1)

    def build(self, n_codebooks: int) -> "ResidualSQ":
        """A residual stack of stochastic quantizers."""
        codebooks = [
            StochasticQuantizer(self.codebook_size, self.dim, initial_variance=self.variance)
            for _ in range(1 if self.shared else n_codebooks)
        ]
        return ResidualSQ(codebooks, n_codebooks, beam=self.beam)


def log_posterior(z: Tensor, codewords: Tensor, log_variance: Tensor) -> Tensor:
    """Log P(k | z) for z (n, d) and codewords (k, d), as (n, k).

    |z|^2 is the same for all k and drops out of the softmax, so one matrix product is enough.
    """
    center = codewords.mean(0)
    z, codewords = z - center, codewords - center
    precision = torch.exp(-log_variance)
    half_norms = -0.5 * precision * codewords.square().sum(1)
    logits = torch.addmm(half_norms, z * precision, codewords.T)
    return torch.log_softmax(logits, -1)


def entropy(log_probabilities: Tensor) -> Tensor:
    """Entropy in nats over the last axis."""
    return -(log_probabilities.exp() * log_probabilities).sum(-1)


def gumbel_softmax(
    log_probabilities: Tensor, temperature: float, generator: torch.Generator | None
) -> Tensor:
    """A relaxed one-hot sample (Jang et al. 2017; Maddison et al. 2017).

    At temperature 0 it is an exact draw, without gradient.

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
    """One codebook of `size` codewords in `dim` dimensions with its variance s^2.

    Codewords are at first unit Gaussians.

    log_variance: log s^2, at first that of `initial_variance`
    """

    in_latent_space = True

    def __init__(self, size: int, dim: int, *, initial_variance: float) -> None:
        super().__init__(size, dim)
        self.codewords = nn.Parameter(torch.randn(size, dim))
        self.log_variance = nn.Parameter(torch.tensor(math.log(initial_variance)))

    @property
    def variance_parameters(self) -> list[nn.Parameter]:
        """The log variance."""
        return [self.log_variance]

    def numbers(self) -> dict[str, float]:
        """The variance s^2."""
        return {"variance": self.variance.item()}

    @property
    def variance(self) -> Tensor:
        """s^2, a scalar."""
        return self._limited().exp()

    def _limited(self) -> Tensor:
        """Log s^2 within its limits, with the gradient of log s^2 so that it can come back."""
        limited = self.log_variance.clamp(*LOG_VARIANCE_LIMITS)
        return self.log_variance + (limited - self.log_variance).detach()

    def sample(
        self, z: Tensor, *, temperature: float, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Draw codewords for z (b, d, f).

        Returns a sample (b, d, f), the entropy summed over positions (b,), and the most probable
        codes (b, f).

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


class ResidualSQ(Residual[StochasticQuantizer]):
    """Sampled codewords, and one quadratic term over the sum of the variances in use.

    RSQ-VAE (Takida et al. 2024): the variances of independent Gaussians add. (With one term a
    codebook every partial sum would have to match z, against the point of refinement.)
    """

    def forward(
        self,
        z: Tensor,
        mask: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """Quantize z (b, d, f): in training by relaxed samples, in eval mode by hard codes.

        At temperature 0 the samples are exact draws from the posterior. The term is `quadratic`,
        |z - sum|^2 / (2 sum s^2).
        """
        mask = full_mask(z, len(self.codebooks)) if mask is None else mask
        if not self.training:
            return self._hard(z, mask)
        total, variance = torch.zeros_like(z), mask.new_zeros(len(z))
        codes, inputs, rates, stats = [], [], [], {}
        for index, codebook in enumerate(self.codebooks):
            used = mask[:, index]
            inputs.append((z - total).detach())
            sample, entropies, hard = codebook.sample(
                z - total, temperature=temperature, generator=generator
            )
            codes.append(hard)
            total = total + sample * used[:, None, None]
            variance = variance + codebook.variance * used
            maximum = z.shape[-1] * math.log(codebook.size)
            rates.append((maximum - entropies).clamp_min(0) * used)
            stats |= {f"{index}/{name}": value for name, value in codebook.numbers().items()}
            stats[f"{index}/entropy"] = entropies.mean().item() / maximum
        error = (z - total).square().sum((1, 2))
        quadratic = torch.where(variance > 0, error / (2 * variance.clamp_min(1e-12)), 0.0)
        return Quantized(
            total,
            tuple(codes),
            torch.stack(rates, 1),
            {"quadratic": quadratic},
            stats,
            tuple(inputs),
        )
