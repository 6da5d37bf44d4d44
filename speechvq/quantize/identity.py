"""No quantization: the plain autoencoder, whose error no quantizer in the same network can be expected to beat."""

import torch
from torch import Tensor

from speechvq.quantize.base import Quantized, Uncoded, whole


class Identity(Uncoded):
    """z as it is: no codes, no rate, no bound."""

    def forward(
        self,
        z: Tensor,
        keep: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """Z (b, width, f) itself."""
        del temperature, generator
        keep = whole(z, 1) if keep is None else keep
        return Quantized(z * keep[:, 0, None, None], (), z.new_zeros(len(z), 0), {}, {})
