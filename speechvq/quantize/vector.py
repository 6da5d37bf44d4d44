"""Vector quantization: the nearest codeword, gradients copied straight through.

VQ-VAE (van den Oord et al. 2017). The decoder sees the codeword, its gradient goes to z as if nothing
had happened (eq. 2 and 3 there), and the commitment term |z - sg[b]|^2 draws z to its codeword.
Entries learn in one of two ways: as the running means of what was given to them (appendix A.1;
`train/codebooks.py`), or by gradient from the term |sg[z] - b|^2.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from speechvq.quantize.codebook import Codebook

Learned = Literal["means", "loss"]


class VectorQuantizer(Codebook):
    """One codebook of `size` codewords in `width` dimensions, at first unit Gaussians.

    learned: "means", codewords are a buffer that the training loop moves, or "loss", they are a
      parameter
    """

    copies = True
    """Its stack copies the decoder's gradient to z; no gradient flows through the codeword itself."""

    def __init__(self, size: int, width: int, *, learned: Learned = "means") -> None:
        super().__init__(size, width)
        self.learned = learned
        codewords = torch.randn(size, width)
        if learned == "means":
            self.register_buffer("codewords", codewords)
        else:
            self.codewords = nn.Parameter(codewords)

    def nearest(
        self, z: Tensor, codes: Tensor | None = None
    ) -> tuple[Tensor, dict[str, Tensor], Tensor]:
        """For z (b, d, f): the nearest codeword (b, d, f), the terms (b,) summed over positions, codes (b, f).

        codes: what a search found to be better in the end than the nearest
        """
        codes = self.choose(z) if codes is None else codes
        codeword = self.look_up(codes)
        terms = {"commitment": (z - codeword.detach()).square().sum((1, 2))}
        if self.learned == "loss":
            terms["codebook"] = (z.detach() - codeword).square().sum((1, 2))
        return codeword.detach(), terms, codes
