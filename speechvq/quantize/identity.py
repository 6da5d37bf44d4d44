"""No quantization: the plain autoencoder, whose error no quantizer in the same network can be expected to beat."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from speechvq.quantize.base import Quantized, whole
from speechvq.quantize.codebook import Codebook


class Identity(nn.Module):
    """z as it is: no codes, no rate, no bound."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @property
    def layers(self) -> tuple[Codebook, ...]:
        """None: nothing here has a code."""
        return ()

    def encode(self, z: Tensor) -> list[Tensor]:
        """No codes."""
        del z
        return []

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """Raises ValueError: continuous latents cannot be decoded from codes."""
        raise ValueError(f"an autoencoder's latent has no codes, but {len(codes)} layers were given")

    def forward(
        self, z: Tensor, keep: Tensor | None = None, *, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Quantized:
        """Z (b, width, f) itself."""
        del temperature, generator
        keep = whole(z, 1) if keep is None else keep
        return Quantized(z * keep[:, 0, None, None], (), z.new_zeros(len(z), 0), {}, {})
