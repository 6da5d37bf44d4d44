"""k-means on log-mel frames: the baseline without a network."""

from collections.abc import Sequence

import torch
from einops import rearrange
from torch import Tensor, nn

from recipes.quantizers.autoencoder import FRAMES_PER_SECOND
from recipes.quantizers.config import Variant
from recipes.quantizers.data import Spectrograms
from speechvq.quantize.base import Quantized
from speechvq.quantize.kmeans import kmeans
from speechvq.quantize.residual import ResidualVQ
from speechvq.quantize.vector import VectorQuantizer

BATCHES = 40
"""Training batches that the centers are fitted to."""


class FrameKMeans(nn.Module):
    """k-means of `kmeans_frames` frames side by side, with the interface of `MelAutoencoder`.

    Spectrograms (b, bands, f) to codes (b, f / kmeans_frames) and back.
    """

    decodes = True

    def __init__(self, config: Variant, data: Spectrograms, seed: int) -> None:
        super().__init__()
        self.frames = config.kmeans_frames
        codebook = VectorQuantizer(config.levels[0].sizes[0], config.bands * self.frames)
        vectors = torch.cat(
            [
                self._stacked(data.batch(step, config.batch)).transpose(1, 2).flatten(0, 1)
                for step in range(BATCHES)
            ]
        )
        codebook.codewords.copy_(kmeans(vectors, codebook.size, seed=seed))
        self.quantizer = ResidualVQ([codebook])
        self.codebooks = self.quantizer.codebooks
        self.code_rates = [(FRAMES_PER_SECOND / self.frames, codebook.size)]

    def forward(
        self,
        x: Tensor,
        n_codebooks: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Quantized]:
        """Each place's center, and the quantizer's result."""
        del n_codebooks, temperature, generator
        quantized = self.quantizer(self._stacked(x))
        return self._apart(quantized.z), quantized

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """The spectrogram (b, bands, f) from codes (b, f / kmeans_frames)."""
        return self._apart(self.quantizer.decode(codes))

    def _stacked(self, x: Tensor) -> Tensor:
        return rearrange(x, "b d (f n) -> b (d n) f", n=self.frames)

    def _apart(self, z: Tensor) -> Tensor:
        return rearrange(z, "b (d n) f -> b d (f n)", n=self.frames)
