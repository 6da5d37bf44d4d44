"""Vector quantization: the nearest codeword, with the straight-through estimator.

VQ-VAE (van den Oord et al. 2017). The decoder sees the codeword, and its gradient is copied to z
(eq. 2 and 3 there); the commitment term |z - sg[b]|^2 draws z to its codeword. Codewords learn in
one of two ways: as exponential moving averages of the vectors that chose them (appendix A.1;
`quantize/learning.py`), or by gradient from the term |sg[z] - b|^2.
"""

from dataclasses import dataclass, replace
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from speechvq.config import require
from speechvq.quantize.base import CodebookConfig
from speechvq.quantize.residual import NearestCodebook, ResidualVQ

Update = Literal["ema", "gradient"]


@dataclass(frozen=True)
class VectorConfig(CodebookConfig):
    """Vector quantization, VQ-VAE; with several codebooks RQ-VAE, with several levels VQ-VAE-2.

    update: codewords learn by exponential moving averages ("ema") or by "gradient"
    shared: all codebooks of the level are one
    beam: beam width of the search for hard codes over the codebooks of a level; 1 is greedy
    """

    kind: Literal["vq"] = "vq"
    update: Update = "ema"
    shared: bool = False
    beam: int = 1

    residual = True
    in_codec = True

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.update in get_args(Update), f"update must be ema or gradient, not {self.update!r}"
        )
        require(
            1 <= self.beam <= self.codebook_size,
            f"beam must be 1 to the codebook size {self.codebook_size}, not {self.beam}",
        )

    @property
    def terms(self) -> frozenset[str]:
        """The commitment, and by gradient also the codebook term."""
        return frozenset({"commitment"} | ({"codebook"} if self.update == "gradient" else set()))

    @property
    def greedy(self) -> "VectorConfig":
        """The same with a beam of 1."""
        return replace(self, beam=1)

    def build(self, n_codebooks: int) -> ResidualVQ:
        """A residual stack of vector quantizers."""
        codebooks = [
            VectorQuantizer(self.codebook_size, self.dim, update=self.update)
            for _ in range(1 if self.shared else n_codebooks)
        ]
        return ResidualVQ(codebooks, n_codebooks, beam=self.beam)


class VectorQuantizer(NearestCodebook):
    """One codebook of `size` codewords in `dim` dimensions, at first unit Gaussians.

    update: with "ema" codewords are a buffer that a `CodebookLearner` moves, with "gradient" they
      are a parameter
    """

    straight_through = True
    in_latent_space = True
    resets_dead = True
    kmeans_init = True

    def __init__(self, size: int, dim: int, *, update: Update = "ema") -> None:
        super().__init__(size, dim)
        self.update = update
        codewords = torch.randn(size, dim)
        if update == "ema":
            self.register_buffer("codewords", codewords)
        else:
            self.codewords = nn.Parameter(codewords)

    @property
    def ema(self) -> bool:
        """Whether codewords are exponential moving averages."""
        return self.update == "ema"

    def nearest(
        self, z: Tensor, codes: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """Choose the nearest codewords of z (b, d, f).

        Returns the codewords (b, d, f), the terms (b,) summed over positions, and the codes (b, f).

        codes: what a search chose in the place of the nearest
        """
        codes = self.choose(z) if codes is None else codes
        codeword = self.lookup(codes)
        terms = {"commitment": (z - codeword.detach()).square().sum((1, 2))}
        if self.update == "gradient":
            terms["codebook"] = (z.detach() - codeword).square().sum((1, 2))
        return codeword.detach(), terms, codes
