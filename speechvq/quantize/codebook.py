"""A set of codewords and the nearest-neighbor search: what all quantizers with codes share."""

from typing import ClassVar

import torch
from einops import rearrange
from torch import Tensor, autocast, nn
from torch.nn import functional


def nearest(z: Tensor, codewords: Tensor) -> Tensor:
    """Indices (n,) of the codewords (k, d) nearest to z (n, d).

    As by distances, in fewer operations.
    """
    center = codewords.mean(0)
    codewords = codewords - center
    half_norms = codewords.square().sum(1) / 2
    return torch.addmm(half_norms, z - center, codewords.T, alpha=-1).argmin(-1)


def half_distances(z: Tensor, codewords: Tensor) -> Tensor:
    """|z - b_k|^2 / 2 for z (..., d) and codewords (k, d), as (..., k), in one matrix product.

    Both are centered on the mean codeword first: the expansion |z|^2 + |b|^2 - 2zb loses digits in
    proportion to the common offset, and a wrong nearest codeword is worse than a slow one.
    """
    center = codewords.mean(0)
    z, codewords = z - center, codewords - center
    rows = torch.cat([z, z.square().sum(-1, keepdim=True) / 2, z.new_ones(*z.shape[:-1], 1)], -1)
    columns = torch.cat(
        [
            -codewords,
            codewords.new_ones(len(codewords), 1),
            codewords.square().sum(1, keepdim=True) / 2,
        ],
        1,
    )
    return rows @ columns.T


FOLD = 8
"""Columns that `smallest` folds into one first: a minimum is faster than a sort."""


def smallest(errors: Tensor, count: int) -> Tensor:
    """Indices (n, count) of the `count` smallest values of each row (n, s), unordered.

    As `topk`, faster.

    Columns that are s / FOLD apart share a place; the smallest values lie in the `count` places
    with the smallest minima.
    """
    places = errors.shape[1] // FOLD
    if errors.shape[1] % FOLD or places < count:
        return _smallest(errors, count)
    folded = errors.unflatten(1, (FOLD, places))
    best_places = _smallest(folded.amin(1), count)
    candidates = folded.gather(2, best_places[:, None].expand(-1, FOLD, -1)).flatten(1)
    best = _smallest(candidates, count)
    return best // count * places + best_places.gather(1, best % count)


def _smallest(errors: Tensor, count: int) -> Tensor:
    if count == 1:
        return errors.argmin(1, keepdim=True)
    return errors.topk(count, largest=False, sorted=False).indices


class Codebook(nn.Module):
    """`size` codewords for latents of `dim` dimensions.

    A subclass owns `codewords` (k, d), a parameter or a buffer.

    in_latent_space: whether codewords lie in the space of z, so that a search may compare residuals
    resets_dead: whether a `CodebookLearner` moves codewords that nothing chooses
    kmeans_init: whether a `CodebookLearner` may start the codewords as k-means centers
    """

    codewords: Tensor
    in_latent_space: ClassVar[bool] = False
    resets_dead: ClassVar[bool] = False
    kmeans_init: ClassVar[bool] = False

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.size, self.dim = size, dim

    @property
    def ema(self) -> bool:
        """Whether a `CodebookLearner` moves the codewords by exponential moving averages."""
        return False

    @property
    def codebook_parameters(self) -> list[nn.Parameter]:
        """Codewords that learn by gradient: `optim.codebook_learning_rate` is theirs."""
        return [self.codewords] if isinstance(self.codewords, nn.Parameter) else []

    @property
    def variance_parameters(self) -> list[nn.Parameter]:
        """Log variances: `optim.variance_learning_rate` is theirs."""
        return []

    def numbers(self) -> dict[str, float]:
        """What the codebook itself has to say in a log, such as its variance."""
        return {}

    def choose(self, z: Tensor) -> Tensor:
        """The most probable codes (b, f) for z (b, d, f), here those of the nearest codewords."""
        with autocast(z.device.type, enabled=False):
            flat = rearrange(z, "b d f -> (b f) d").to(self.codewords.dtype)
            return rearrange(nearest(flat, self.codewords), "(b f) -> b f", b=len(z))

    def lookup(self, codes: Tensor) -> Tensor:
        """The codewords (b, d, f) of codes (b, f)."""
        return functional.embedding(codes, self.codewords).transpose(1, 2)

    def posterior(self, z: Tensor) -> Tensor:
        """P(k | z) for z (b, d, f), as (b, f, k): here all on the chosen codeword."""
        return functional.one_hot(self.choose(z), self.size).to(z.dtype)

    @torch.no_grad()
    def reset_dead_codewords(self, counts: Tensor, generator: torch.Generator) -> Tensor:
        """Move codewords that were never chosen beside frequent ones.

        Returns which were moved, (k,) booleans.

        counts (k,) is how often each codeword was chosen. A dead codeword moves next to one drawn
        by its count, so that a crowded cell is split in two, as in the algorithm of Linde, Buzo and
        Gray (1980); how far it moves is a tenth of the spread of the chosen codewords in each
        dimension.
        """
        dead = counts == 0
        if dead.any() and not dead.all():
            frequent = torch.multinomial(
                counts.cpu().double(), int(dead.sum()), replacement=True, generator=generator
            )
            noise = torch.randn(len(frequent), self.codewords.shape[1], generator=generator)
            noise = noise.to(self.codewords)
            weights = (counts / counts.sum()).to(self.codewords)[:, None]
            center = (weights * self.codewords).sum(0)
            spread = (weights * (self.codewords - center).square()).sum(0).sqrt()
            self.codewords[dead] = self.codewords[frequent.to(dead.device)] + 0.1 * spread * noise
        return dead
