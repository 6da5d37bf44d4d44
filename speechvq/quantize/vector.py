"""Vector quantization: the nearest entry, gradients copied straight through.

VQ-VAE (van den Oord et al. 2017). The decoder sees the entry, its gradient goes to z as if nothing had happened, and the
commitment term |z - sg[b]|^2 draws z to its entry. Entries are no parameters: they are the running means of what was given to
them (appendix A.1 there; `train/codebooks.py`). Entries that nobody chooses die, and `split` brings them back.
"""

import math

import torch
from torch import Tensor

from speechvq.quantize.base import Quantized
from speechvq.quantize.codebook import Codebook


class VectorQuantizer(Codebook):
    """One codebook of `size` entries in `width` dimensions, at first unit Gaussians."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__(size, width)
        self.register_buffer("codebook", torch.randn(size, width))

    def nearest(self, z: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """For z (b, d, f): nearest entry (b, d, f), squared error (b,) summed over positions, codes (b, f)."""
        codes = self.encode(z)
        entry = self.decode(codes)
        return entry, (z - entry).square().sum((1, 2)), codes

    def forward(self, z: Tensor) -> Quantized:
        """Quantize z (b, d, f). Training: straight through, with the commitment term and the rate; eval: the entries."""
        entry, error, codes = self.nearest(z)
        if not self.training:
            return Quantized(entry, (codes,), {}, {})
        rate = z.new_full((len(z),), z.shape[-1] * math.log(self.size))
        terms = {"commitment": error, "rate": rate}
        return Quantized(z + (entry - z).detach(), (codes,), terms, {}, (z.detach(),))

    @torch.no_grad()
    def split(self, counts: Tensor, generator: torch.Generator) -> Tensor:
        """Give entries that were never chosen a second life beside busy ones; which they were, (k,) booleans.

        counts (k,) is how often each entry was chosen. A dead entry moves next to one drawn by its count, so that a crowded
        cell is split in two, as in the algorithm of Linde, Buzo and Gray (1980); how far it moves is a tenth of the spread of
        the chosen entries in each dimension.
        """
        dead = counts == 0
        if dead.any() and not dead.all():
            busy = torch.multinomial(counts.cpu().double(), int(dead.sum()), replacement=True, generator=generator)
            noise = torch.randn(len(busy), self.width, generator=generator).to(self.codebook)
            weights = (counts / counts.sum()).to(self.codebook)[:, None]
            centre = (weights * self.codebook).sum(0)
            spread = (weights * (self.codebook - centre).square()).sum(0).sqrt()
            self.codebook[dead] = self.codebook[busy.to(dead.device)] + 0.1 * spread * noise
        return dead
