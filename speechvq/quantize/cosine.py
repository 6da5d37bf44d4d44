"""Vector quantization in few dimensions by direction alone.

Yu et al. 2022 (ViT-VQGAN, section 3.2), as in Kumar et al. 2023 (DAC): a linear map takes z to a
handful of dimensions, the codeword of the nearest direction is chosen there, and another map takes
it back. Few dimensions and no lengths keep most codewords alive without moving averages.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from speechvq.config import require
from speechvq.quantize.base import CodebookConfig
from speechvq.quantize.residual import NearestCodebook, ResidualVQ


@dataclass(frozen=True)
class CosineConfig(CodebookConfig):
    """Vector quantization by the largest cosine.

    lookup_dim: dimensions of the codewords, in which z is compared
    shared: all codebooks of the level are one
    """

    kind: Literal["cosine"] = "cosine"
    lookup_dim: int = 8
    shared: bool = False

    residual = True
    in_codec = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            0 < self.lookup_dim <= self.dim,
            f"lookup_dim must be 1 to dim = {self.dim}, not {self.lookup_dim}",
        )

    @property
    def terms(self) -> frozenset[str]:
        """The commitment and the codebook term."""
        return frozenset({"commitment", "codebook"})

    def build(self, n_codebooks: int) -> ResidualVQ:
        """A residual stack of cosine quantizers."""
        codebooks = [
            CosineQuantizer(self.codebook_size, self.dim, lookup_dim=self.lookup_dim)
            for _ in range(1 if self.shared else n_codebooks)
        ]
        return ResidualVQ(codebooks, n_codebooks)


class CosineQuantizer(NearestCodebook):
    """One codebook of `size` codewords in `lookup_dim` dimensions for z in `dim`.

    Its terms are those of a `VectorQuantizer` that learns by gradient.
    """

    resets_dead = True

    def __init__(self, size: int, dim: int, *, lookup_dim: int = 8) -> None:
        super().__init__(size, dim)
        self.codewords = nn.Parameter(torch.randn(size, lookup_dim))
        self.down, self.up = nn.Conv1d(dim, lookup_dim, 1), nn.Conv1d(lookup_dim, dim, 1)

    def choose(self, z: Tensor) -> Tensor:
        """The code of the largest cosine with the mapped z: z (b, d, f) to codes (b, f)."""
        with torch.autocast(z.device.type, enabled=False):
            return self._choose(self._project(z))

    def _project(self, z: Tensor) -> Tensor:
        return self.down(z.to(self.codewords.dtype))

    def _choose(self, e: Tensor) -> Tensor:
        directions = functional.normalize(self.codewords, dim=1)
        return torch.einsum("bdf,kd->bfk", functional.normalize(e, dim=1), directions).argmax(-1)

    def lookup(self, codes: Tensor) -> Tensor:
        """The codewords of codes (b, f), mapped back to (b, d, f)."""
        return self.up(super().lookup(codes))

    def nearest(
        self, z: Tensor, codes: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Choose the nearest codewords of z (b, d, f).

        Returns the codewords (b, d, f), the terms (b,) summed over positions, and the codes (b, f).

        codes: what to take in the place of the nearest
        """
        with torch.autocast(z.device.type, enabled=False):
            e = self._project(z)
            codes = self._choose(e) if codes is None else codes
            codeword = super().lookup(codes)
            terms = {
                "commitment": (e - codeword.detach()).square().sum((1, 2)),
                "codebook": (e.detach() - codeword).square().sum((1, 2)),
            }
            through = e + (codeword - e).detach() if self.training else codeword
            return self.up(through), terms, codes
