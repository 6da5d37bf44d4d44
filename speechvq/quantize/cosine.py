"""Vector quantization in few dimensions by direction alone.

Yu et al. 2022 (ViT-VQGAN), as in Kumar et al. 2023 (DAC): a linear map takes z to a handful of
dimensions, the codeword of the nearest direction is chosen there, and another map takes it back. Few
dimensions and no lengths keep most codewords alive without running means.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from speechvq.quantize.codebook import Codebook


class CosineQuantizer(Codebook):
    """One codebook of `size` codewords in `lookup` dimensions for z in `width`; terms as of a `VectorQuantizer` learned by loss."""

    copies = False
    """Gradients reach z through the two maps, copied only over the choice between them."""

    def __init__(self, size: int, width: int, *, lookup: int = 8) -> None:
        super().__init__(size, width)
        self.codewords = nn.Parameter(torch.randn(size, lookup))
        self.down, self.up = nn.Conv1d(width, lookup, 1), nn.Conv1d(lookup, width, 1)

    def choose(self, z: Tensor) -> Tensor:
        """The codeword of the largest cosine with the mapped z: z (b, d, f) to codes (b, f)."""
        with torch.autocast(z.device.type, enabled=False):
            return self._choose(self._mapped(z))

    def _mapped(self, z: Tensor) -> Tensor:
        return self.down(z.to(self.codewords.dtype))

    def _choose(self, e: Tensor) -> Tensor:
        directions = functional.normalize(self.codewords, dim=1)
        return torch.einsum("bdf,kd->bfk", functional.normalize(e, dim=1), directions).argmax(-1)

    def look_up(self, codes: Tensor) -> Tensor:
        """Codes (b, f) to their codewords mapped back (b, d, f)."""
        return self.up(super().look_up(codes))

    def nearest(
        self, z: Tensor, codes: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """For z (b, d, f): the codeword mapped back (b, d, f), the terms (b,) summed over positions, codes (b, f).

        codes: what to take in the place of the nearest
        """
        with torch.autocast(z.device.type, enabled=False):
            e = self._mapped(z)
            codes = self._choose(e) if codes is None else codes
            codeword = super().look_up(codes)
            commitment = (e - codeword.detach()).square().sum((1, 2))
            terms = {
                "commitment": commitment,
                "codebook": (e.detach() - codeword).square().sum((1, 2)),
            }
            through = e + (codeword - e).detach() if self.training else codeword
            return self.up(through), terms, codes
