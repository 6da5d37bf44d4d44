"""Residual quantization: each codebook quantizes the residual of those before it.

The sum of all codewords stands for z.

`ResidualVQ` is RQ-VAE (Lee et al. 2022) and `ResidualSQ`, in `stochastic`, is RSQ-VAE (Takida et
al. 2024); with one codebook they are VQ-VAE and SQ-VAE. Codebooks that the mask leaves out leave no
trace (quantizer dropout, as in SoundStream, Zeghidour et al. 2021).
"""

import math
from collections.abc import Sequence
from typing import ClassVar, TypeVar

import torch
from einops import rearrange
from torch import Tensor

from speechvq.nn.modules import Modules
from speechvq.quantize.base import Quantized, Quantizer, full_mask
from speechvq.quantize.codebook import Codebook, half_distances, smallest

B = TypeVar("B", bound=Codebook)

CHUNK = 512
"""Positions searched at a time, so that memory does not grow with the recording."""


class NearestCodebook(Codebook):
    """A codebook of which training takes the nearest codeword, too: what a `ResidualVQ` is made of.

    straight_through: whether the stack copies the decoder's gradient to z; a codebook with maps of
      its own around the choice copies it there
    """

    straight_through: ClassVar[bool] = False

    def nearest(
        self, z: Tensor, codes: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Choose the nearest codewords of z (b, d, f).

        Returns the codewords (b, d, f), the terms (b,) summed over positions, and the codes (b, f).

        codes: what a search chose in the place of the nearest
        """
        raise NotImplementedError


class Residual(Modules[B], Quantizer):  # type: ignore[misc] - both are torch modules
    """The codebooks of a residual stack, and hard codes.

    n_codebooks: how many codebooks there are when one is given that all of them share
    beam: width of the beam search for hard codes: that many of the best partial codes are kept from
      codebook to codebook, and the ones that leave the smallest residual in the end are taken; 1 is
      greedy. Codes found for some codebooks are worse for fewer of them.

    Raises ValueError when the codebooks are neither one nor `n_codebooks`.
    """

    def __init__(
        self, codebooks: Sequence[B], n_codebooks: int | None = None, *, beam: int = 1
    ) -> None:
        super().__init__(codebooks)
        self.dim, self.beam = codebooks[0].dim, beam
        self.n_codebooks = n_codebooks or len(codebooks)
        if len(codebooks) not in (1, self.n_codebooks):
            raise ValueError(f"{self.n_codebooks} codebooks cannot share {len(codebooks)}")

    @property
    def codebooks(self) -> tuple[B, ...]:
        """All codebooks, coarse first; a shared one appears `n_codebooks` times."""
        own = tuple(self)
        return own * self.n_codebooks if len(own) < self.n_codebooks else own

    def encode(self, z: Tensor, n_codebooks: int | None = None) -> list[Tensor]:
        """Hard codes (b, f) of z (b, d, f), of the first `n_codebooks` codebooks or all."""
        codebooks = self.codebooks[:n_codebooks]
        if self.beam > 1:
            return self._search(z, codebooks)
        codes, total = [], torch.zeros_like(z)
        for codebook in codebooks:
            codes.append(codebook.choose(z - total))
            total = total + codebook.lookup(codes[-1])
        return codes

    def _search(self, z: Tensor, codebooks: Sequence[B]) -> list[Tensor]:
        with torch.autocast(z.device.type, enabled=False):
            flat = rearrange(z, "b d f -> (b f) d").to(codebooks[0].codewords.dtype)
            codes = torch.cat(
                [self._beam_search(chunk, codebooks)[0] for chunk in flat.split(CHUNK)]
            )
        return [rearrange(row, "(b f) -> b f", b=len(z)) for row in codes.unbind(1)]

    @property
    def searchable(self) -> bool:
        """Whether codewords lie in the space of z, so that distances tell the residual."""
        return all(codebook.in_latent_space for codebook in self.codebooks)

    def options(
        self, residual: Tensor, index: int, n_codebooks: int, count: int
    ) -> tuple[Tensor, Tensor]:
        """The `count` codewords nearest to residuals (n, d), and what each would leave in the end.

        residual: what the codebooks before `index` leave
        n_codebooks: how many codebooks there will be: those after this one are searched

        Returns codes and squared errors, (n, count) each.
        """
        if not self.searchable:
            return super().options(residual, index, n_codebooks, count)
        chunks = residual.to(self.codebooks[0].codewords.dtype).split(max(1, CHUNK // count))
        codebooks = self.codebooks[index:n_codebooks]
        pairs = [self._options(chunk, codebooks, min(count, codebooks[0].size)) for chunk in chunks]
        return torch.cat([codes for codes, _ in pairs]), torch.cat([errors for _, errors in pairs])

    def _options(
        self, residual: Tensor, codebooks: Sequence[B], count: int
    ) -> tuple[Tensor, Tensor]:
        first, *finer = codebooks
        codes = smallest(half_distances(residual, first.codewords), count)
        left = (residual[:, None] - first.codewords[codes]).flatten(0, 1)
        if finer:
            left = self._beam_search(left, finer)[1]
        return codes, left.square().sum(1).view_as(codes)

    def _beam_search(self, z: Tensor, codebooks: Sequence[B]) -> tuple[Tensor, Tensor]:
        """The codes (n, codebooks) that leave the smallest residual of z (n, d) in a beam search.

        Returns that residual (n, d), too.
        """
        left = z[:, None]  # of every partial code in the beam (n, c, d)
        codes = torch.empty(len(left), 1, 0, dtype=torch.long, device=z.device)
        for index, codebook in enumerate(codebooks):
            errors = half_distances(left, codebook.codewords).flatten(1)
            last = index == len(codebooks) - 1
            best = smallest(errors, 1 if last else min(self.beam, errors.shape[1]))
            parent, code = best // codebook.size, best % codebook.size
            left = left.gather(1, parent[..., None].expand(-1, -1, left.shape[2]))
            left = left - codebook.codewords[code]
            prefix = codes.gather(1, parent[..., None].expand(-1, -1, index))
            codes = torch.cat([prefix, code[..., None]], 2)
        return codes[:, 0], left[:, 0]

    def _hard(self, z: Tensor, mask: Tensor) -> Quantized:
        """The result of hard codes: eval mode of all kinds."""
        codes, total, inputs = self._hard_codes(z, mask), torch.zeros_like(z), []
        for index, (codebook, row) in enumerate(zip(self.codebooks, codes, strict=True)):
            inputs.append((z - total).detach())
            total = total + codebook.lookup(row) * mask[:, index, None, None]
        return Quantized(total, tuple(codes), mask * self._rates(z), {}, {}, tuple(inputs))

    def _hard_codes(self, z: Tensor, mask: Tensor) -> list[Tensor]:
        """Hard codes of all codebooks: the best for those in use, anything for the others."""
        codes = self.encode(z)
        counts = mask.sum(1).long()
        for count in sorted(set(counts.tolist()) - {0, len(codes)}) if self.beam > 1 else ():
            rows = counts == count
            for code, best in zip(codes, self.encode(z[rows], count), strict=False):
                code[rows] = best
        return codes

    def _rates(self, z: Tensor) -> Tensor:
        """Nats of every codebook's codes at log K each, (codebooks,)."""
        return z.new_tensor([z.shape[-1] * math.log(codebook.size) for codebook in self.codebooks])

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """The sum (b, d, f) of the codewords of a prefix of the codebooks, at least one."""
        total = self.codebooks[0].lookup(codes[0])
        for codebook, row in zip(self.codebooks[1:], codes[1:], strict=False):
            total = total + codebook.lookup(row)
        return total


class ResidualVQ(Residual[NearestCodebook]):
    """Nearest codewords, or those of a beam search, with the straight-through estimator.

    The gradient of their sum is copied to z once, however many codebooks there are.
    """

    def forward(
        self,
        z: Tensor,
        mask: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """Quantize z (b, d, f).

        The terms are the commitment, and the codebook term where codewords learn by gradient,
        summed over the codebooks in use.
        """
        del temperature, generator
        mask = full_mask(z, len(self.codebooks)) if mask is None else mask
        if not self.training:
            return self._hard(z, mask)
        total = torch.zeros_like(z)
        codes, inputs, terms = [], [], dict[str, Tensor]()
        best = self._hard_codes(z.detach(), mask) if self.beam > 1 else None
        for index, codebook in enumerate(self.codebooks):
            residual = z - total
            inputs.append(residual.detach())
            codeword, losses, row = codebook.nearest(
                residual, None if best is None else best[index]
            )
            codes.append(row)
            total = total + codeword * mask[:, index, None, None]
            for name, value in losses.items():
                terms[name] = terms.get(name, 0) + value * mask[:, index]
        if self.codebooks[0].straight_through:
            total = (z + (total - z).detach()) * mask[:, 0, None, None]
        return Quantized(total, tuple(codes), mask * self._rates(z), terms, {}, tuple(inputs))
