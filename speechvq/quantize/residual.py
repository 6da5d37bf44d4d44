"""Residual quantization: each codebook quantizes what the codebooks before it left over, and the sum of all codewords stands for z.

`ResidualVQ` is RQ-VAE (Lee et al. 2022) and `ResidualSQ` is RSQ-VAE (Takida et al. 2024); with one
codebook they are VQ-VAE and SQ-VAE. Codebooks left out by `keep` leave no trace (codebook dropout, as in
SoundStream).
"""

import math
from collections.abc import Sequence
from typing import TypeVar

import torch
from einops import rearrange
from torch import Tensor

from speechvq.nn.modules import Modules
from speechvq.quantize.base import Quantized, whole
from speechvq.quantize.codebook import Codebook, half_distances, smallest
from speechvq.quantize.cosine import CosineQuantizer
from speechvq.quantize.stochastic import StochasticQuantizer
from speechvq.quantize.vector import VectorQuantizer

L = TypeVar("L", bound=Codebook)

SEARCHED = 512
"""Positions searched at a time: memory does not grow with the recording."""


class Residual(Modules[L]):
    """The codebooks of a residual stack, and hard codes: greedy, one codebook after the other.

    depth: how many codebooks when one codebook is given that all of them share
    beam: with 1 hard codes are greedy; with more, so many of the best beginnings are kept
      from codebook to codebook and the one that leaves least in the end is taken (beam search), which is
      better for the codebooks that are wanted and worse for fewer
    """

    def __init__(self, codebooks: Sequence[L], depth: int | None = None, *, beam: int = 1) -> None:
        super().__init__(codebooks)
        self.width, self._depth, self.beam = codebooks[0].width, depth or len(codebooks), beam
        if len(codebooks) not in (1, self._depth):
            raise ValueError(f"{self._depth} codebooks cannot share {len(codebooks)} codebooks")

    @property
    def codebooks(self) -> tuple[L, ...]:
        """The codebook of every codebook, coarse first."""
        own = tuple(self)
        return own * self._depth if len(own) < self._depth else own

    def encode(self, z: Tensor, depth: int | None = None) -> list[Tensor]:
        """Hard codes of z (b, d, f) for the first `depth` codebooks, all by default, one (b, f) a codebook."""
        codebooks = self.codebooks[:depth]
        if self.beam > 1:
            return self._search(z, len(codebooks))
        codes, total = [], torch.zeros_like(z)
        for codebook in codebooks:
            codes.append(codebook.choose(z - total))
            total = total + codebook.look_up(codes[-1])
        return codes

    def _search(self, z: Tensor, depth: int) -> list[Tensor]:
        with torch.autocast(z.device.type, enabled=False):
            flat = rearrange(z, "b d f -> (b f) d").to(self.codebooks[0].codewords.dtype)
            paths = torch.cat(
                [self._best(part, self.codebooks[:depth])[0] for part in flat.split(SEARCHED)]
            )
        return [rearrange(row, "(b f) -> b f", b=len(z)) for row in paths.unbind(1)]

    @property
    def searchable(self) -> bool:
        """Whether codewords lie in the space of z, so that their distances say what is left."""
        return all(
            isinstance(codebook, VectorQuantizer | StochasticQuantizer)
            for codebook in self.codebooks
        )

    def options(self, left: Tensor, index: int, depth: int, count: int) -> tuple[Tensor, Tensor]:
        """The `count` codewords of a codebook nearest to vectors (n, d), and what would be left in the end with each.

        left: what the codebooks before `index` leave
        depth: how many codebooks there will be: those after this one are searched
        Returns codes and squared errors, (n, count) each.
        """
        parts = left.to(self.codebooks[0].codewords.dtype).split(max(1, SEARCHED // count))
        pairs = [
            self._options(part, self.codebooks[index:depth], min(count, self.codebooks[index].size))
            for part in parts
        ]
        return torch.cat([codes for codes, _ in pairs]), torch.cat([errors for _, errors in pairs])

    def _options(self, left: Tensor, codebooks: Sequence[L], count: int) -> tuple[Tensor, Tensor]:
        first, *finer = codebooks
        codes = smallest(half_distances(left, first.codewords), count)
        rest = (left[:, None] - first.codewords[codes]).flatten(0, 1)
        if finer:
            rest = self._best(rest, finer)[1]
        return codes, rest.square().sum(1).view_as(codes)

    def _best(self, flat: Tensor, codebooks: Sequence[L]) -> tuple[Tensor, Tensor]:
        """Codes (n, codebooks) that leave least of vectors (n, d), of those that were beam, and what they leave (n, d)."""
        left = flat[:, None]  # of every candidate (n, c, d)
        paths = torch.empty(len(left), 1, 0, dtype=torch.long, device=flat.device)
        for index, codebook in enumerate(codebooks):
            errors = half_distances(left, codebook.codewords).flatten(1)
            best = smallest(
                errors, 1 if index == len(codebooks) - 1 else min(self.beam, errors.shape[1])
            )
            parent, code = best // codebook.size, best % codebook.size
            left = (
                left.gather(1, parent[..., None].expand(-1, -1, left.shape[2]))
                - codebook.codewords[code]
            )
            paths = torch.cat(
                [paths.gather(1, parent[..., None].expand(-1, -1, index)), code[..., None]], 2
            )
        return paths[:, 0], left[:, 0]

    def _hard(self, z: Tensor, keep: Tensor) -> Quantized:
        """What hard codes give: the eval mode of all kinds."""
        codes, total, inputs = self._chosen(z, keep), torch.zeros_like(z), []
        for index, (codebook, row) in enumerate(zip(self.codebooks, codes, strict=True)):
            inputs.append((z - total).detach())
            total = total + codebook.look_up(row) * keep[:, index, None, None]
        return Quantized(total, tuple(codes), keep * self._rates(z), {}, {}, tuple(inputs))

    def _chosen(self, z: Tensor, keep: Tensor) -> list[Tensor]:
        """Hard codes of all codebooks: the best for those that each example keeps, and whatever comes first for the others."""
        codes = self.encode(z)
        depths = keep.sum(1).long()
        for depth in sorted(set(depths.tolist()) - {0, len(codes)}) if self.beam > 1 else ():
            mine = depths == depth
            for row, found in zip(codes, self.encode(z[mine], depth), strict=False):
                row[mine] = found
        return codes

    def _rates(self, z: Tensor) -> Tensor:
        """Nats of every codebook's codes at log K each, (codebooks,)."""
        return z.new_tensor([z.shape[-1] * math.log(codebook.size) for codebook in self.codebooks])

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """The sum of the codewords (b, d, f) behind the codes of a prefix of the codebooks, at least one."""
        total = self.codebooks[0].look_up(codes[0])
        for codebook, row in zip(self.codebooks[1:], codes[1:], strict=False):
            total = total + codebook.look_up(row)
        return total


class ResidualVQ(Residual[VectorQuantizer | CosineQuantizer]):
    """Nearest codewords, or those a search finds; the gradient of their sum is copied to z once, however many codebooks."""

    def forward(
        self,
        z: Tensor,
        keep: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """Quantize z (b, d, f). Terms: commitment, and codebook where codewords learn by loss, summed over the kept codebooks."""
        del temperature, generator
        keep = whole(z, len(self.codebooks)) if keep is None else keep
        if not self.training:
            return self._hard(z, keep)
        total = torch.zeros_like(z)
        codes, inputs, terms = [], [], dict[str, Tensor]()
        searched = self._chosen(z.detach(), keep) if self.beam > 1 else None
        for index, codebook in enumerate(self.codebooks):
            residual = z - total
            inputs.append(residual.detach())
            codeword, more, hard = codebook.nearest(
                residual, None if searched is None else searched[index]
            )
            codes.append(hard)
            total = total + codeword * keep[:, index, None, None]
            for name, value in more.items():
                terms[name] = terms.get(name, 0) + value * keep[:, index]
        if self.codebooks[0].copies:
            total = (z + (total - z).detach()) * keep[:, 0, None, None]
        return Quantized(total, tuple(codes), keep * self._rates(z), terms, {}, tuple(inputs))


class ResidualSQ(Residual[StochasticQuantizer]):
    """Sampled codewords; one quadratic term for all codebooks, over the sum of the kept codebooks' variances.

    Independent Gaussian blurs add. (With one term a codebook every partial sum would have to match z,
    against the point of refinement.)
    """

    def forward(
        self,
        z: Tensor,
        keep: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """Quantize z (b, d, f): in training by relaxed samples, at temperature 0 by exact draws, in eval mode by hard codes."""
        keep = whole(z, len(self.codebooks)) if keep is None else keep
        if not self.training:
            return self._hard(z, keep)
        total, variance = torch.zeros_like(z), keep.new_zeros(len(z))
        codes, inputs, rates, stats = [], [], [], {}
        for index, codebook in enumerate(self.codebooks):
            mask = keep[:, index]
            inputs.append((z - total).detach())
            sample, entropies, hard = codebook.sample(
                z - total, temperature=temperature, generator=generator
            )
            codes.append(hard)
            total = total + sample * mask[:, None, None]
            variance = variance + codebook.variance * mask
            maximum = z.shape[-1] * math.log(codebook.size)
            rates.append((maximum - entropies).clamp_min(0) * mask)
            stats |= {
                f"{index}/variance": codebook.variance.item(),
                f"{index}/entropy": entropies.mean().item() / maximum,
            }
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
