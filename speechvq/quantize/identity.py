"""No quantization: the plain autoencoder.

Its error bounds what a quantizer in the same network can reach.
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from speechvq.quantize.base import ContinuousLatent, Quantized, QuantizerConfig, full_mask


@dataclass(frozen=True)
class IdentityConfig(QuantizerConfig):
    """No quantization."""

    kind: Literal["none"] = "none"

    def build(self, n_codebooks: int) -> "Identity":
        """The identity."""
        del n_codebooks
        return Identity(self.dim)


class Identity(ContinuousLatent):
    """z as it is: no codes, no rate, no bound."""

    def forward(
        self,
        z: Tensor,
        mask: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """Z (b, dim, f) itself."""
        del temperature, generator
        mask = full_mask(z, 1) if mask is None else mask
        return Quantized(z * mask[:, 0, None, None], (), z.new_zeros(len(z), 0), {}, {})
