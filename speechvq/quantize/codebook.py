"""A table of codewords and the look-up of the nearest: what all quantizers with codes share."""

import torch
from einops import rearrange
from torch import Tensor, autocast, nn
from torch.nn import functional


def nearest(z: Tensor, codebook: Tensor) -> Tensor:
    """The codeword of codebook (k, d) that is nearest to each of z (n, d), (n,): what the distances say, in fewer operations."""
    centre = codebook.mean(0)
    codebook = codebook - centre
    return torch.addmm(codebook.square().sum(1) / 2, z - centre, codebook.T, alpha=-1).argmin(-1)


def half_distances(z: Tensor, codebook: Tensor) -> Tensor:
    """|z - b_k|^2 / 2 for z (..., d) and codebook (k, d), as (..., k), in one matrix product.

    Both are centred on the codebook's mean first: the expansion |z|^2 + |b|^2 - 2zb loses digits in
    proportion to the common offset, and a wrong nearest codeword is worse than a slow one.
    """
    centre = codebook.mean(0)
    z, codebook = z - centre, codebook - centre
    rows = torch.cat([z, z.square().sum(-1, keepdim=True) / 2, z.new_ones(*z.shape[:-1], 1)], -1)
    return (
        rows
        @ torch.cat(
            [
                -codebook,
                codebook.new_ones(len(codebook), 1),
                codebook.square().sum(1, keepdim=True) / 2,
            ],
            1,
        ).T
    )


FOLD = 8
"""So many columns are looked at as one before the smallest are sought: a minimum is quicker than an order."""


def smallest(errors: Tensor, count: int) -> Tensor:
    """Where the `count` smallest values of each row (n, s) are, (n, count), in any order: those of `topk`, sooner.

    Columns that are s / FOLD apart share a place; the smallest values lie in the `count` places
    with the smallest minima.
    """
    wide = errors.shape[1] // FOLD
    if errors.shape[1] % FOLD or wide < count:
        return _least(errors, count)
    folded = errors.unflatten(1, (FOLD, wide))
    places = _least(folded.amin(1), count)
    found = _least(folded.gather(2, places[:, None].expand(-1, FOLD, -1)).flatten(1), count)
    return found // count * wide + places.gather(1, found % count)


def _least(errors: Tensor, count: int) -> Tensor:
    return (
        errors.argmin(1, keepdim=True)
        if count == 1
        else errors.topk(count, largest=False, sorted=False).indices
    )


class Codebook(nn.Module):
    """`size` codewords in `width` dimensions. Those who inherit own `codebook` (k, d), a parameter or a buffer."""

    codewords: Tensor

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.size, self.width = size, width

    def choose(self, z: Tensor) -> Tensor:
        """The most probable codeword for every position, here the nearest: z (b, d, f) to codes (b, f)."""
        with autocast(z.device.type, enabled=False):
            flat = rearrange(z, "b d f -> (b f) d").to(self.codewords.dtype)
            return rearrange(nearest(flat, self.codewords), "(b f) -> b f", b=len(z))

    def look_up(self, codes: Tensor) -> Tensor:
        """Codes (b, f) to their codewords (b, d, f)."""
        return functional.embedding(codes, self.codewords).transpose(1, 2)

    def posterior(self, z: Tensor) -> Tensor:
        """P(k | z) for z (b, d, f), as (b, f, k): here all on the chosen codeword."""
        return functional.one_hot(self.choose(z), self.size).to(z.dtype)

    @torch.no_grad()
    def split(self, counts: Tensor, generator: torch.Generator) -> Tensor:
        """Give codewords that were never chosen a second life beside busy ones; which they were, (k,) booleans.

        counts (k,) is how often each codeword was chosen. A dead codeword moves next to one drawn by its
        count, so that a crowded cell is split in two, as in the algorithm of Linde, Buzo and Gray
        (1980); how far it moves is a tenth of the spread of the chosen codewords in each dimension.
        """
        dead = counts == 0
        if dead.any() and not dead.all():
            busy = torch.multinomial(
                counts.cpu().double(), int(dead.sum()), replacement=True, generator=generator
            )
            noise = torch.randn(len(busy), self.codewords.shape[1], generator=generator).to(
                self.codewords
            )
            weights = (counts / counts.sum()).to(self.codewords)[:, None]
            centre = (weights * self.codewords).sum(0)
            spread = (weights * (self.codewords - centre).square()).sum(0).sqrt()
            self.codewords[dead] = self.codewords[busy.to(dead.device)] + 0.1 * spread * noise
        return dead
