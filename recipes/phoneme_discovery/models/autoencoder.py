"""The VQ-VAE on spectra: one code every 40 or 20 ms, and a speaker-conditioned decoder.

van den Oord et al. 2017, section 4.3, learned codes from samples with a WaveNet decoder. Here both
ends are log-mel spectra, as in most entries to ZeroSpeech 2019, and the decoder is convolutional.
Jitter (Chorowski et al. 2019) sometimes replaces a code by its neighbor, so that a code cannot rely
on its own frame alone.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from recipes.phoneme_discovery.models.speech import BANDS
from speechvq.config import require
from speechvq.quantize.base import Quantized
from speechvq.quantize.vector import VectorQuantizer

BLOCK_KERNEL = 3


@dataclass(frozen=True)
class AutoencoderConfig:
    """The size of a VQ-VAE.

    width: channels of all convolutions
    dimensions: of a codeword
    speaker: dimensions of a speaker embedding
    jitter: share of codes that are replaced by a neighbor in training
    """

    width: int = 256
    dimensions: int = 64
    speaker: int = 64
    jitter: float = 0.12

    def __post_init__(self) -> None:
        for name in ("width", "dimensions", "speaker"):
            require(getattr(self, name) > 0, f"{name} must be positive, not {getattr(self, name)}")
        require(0 <= self.jitter <= 1, f"jitter must be between 0 and 1, not {self.jitter}")


class Autoencoder(nn.Module):
    """Log-mel frames (b, f, bands) to codes, one for every `factor` frames, 4 or 2, and back.

    speakers: number of speakers that the decoder is conditioned on
    """

    def __init__(self, config: AutoencoderConfig, size: int, factor: int, speakers: int) -> None:
        super().__init__()
        width = config.width
        down = [
            nn.Conv1d(BANDS, width, 3, padding=1),
            Residual(width),
            *halved(width),
            Residual(width),
        ]
        self.encoder = nn.Sequential(
            *down,
            *(halved(width) if factor == 4 else ()),
            nn.ReLU(),
            nn.Conv1d(width, config.dimensions, 1),
        )
        self.norm = nn.BatchNorm1d(config.dimensions, affine=False)
        self.quantizer = VectorQuantizer(size, config.dimensions)
        self.speaker = nn.Embedding(speakers, config.speaker)
        up = [
            nn.Conv1d(config.dimensions + config.speaker, width, 3, padding=1),
            Residual(width),
            *doubled(width),
        ]
        self.decoder = nn.Sequential(
            *up, *(doubled(width) if factor == 4 else ()), nn.ReLU(), nn.Conv1d(width, BANDS, 1)
        )
        self.jitter = config.jitter

    def latents(self, mel: Tensor) -> Tensor:
        """What is quantized, (b, dimensions, codes), batch-normalized (Łańcucki et al. 2020)."""
        return self.norm(self.encoder(mel.transpose(1, 2)).float())

    def forward(
        self, mel: Tensor, speakers: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Quantized]:
        """The decoded spectrum (b, f, bands) for speakers (b,), and what was quantized."""
        z = self.latents(mel)
        codewords, terms, codes = self.quantizer.nearest(z)
        straight = z + (codewords - z).detach()
        rates = z.new_zeros(len(z), 1)
        quantized = Quantized(straight, (codes,), rates, terms, {}, (z.detach(),))
        voice = self.speaker(speakers)[..., None].expand(-1, -1, z.shape[-1])
        conditioned = torch.cat([jittered(straight, self.jitter, generator), voice], 1)
        return self.decoder(conditioned).transpose(1, 2), quantized


class Residual(nn.Module):
    """Two convolutions with a residual connection, on x (b, width, f)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(1, width)
        self.wide, self.narrow = (
            nn.Conv1d(width, width, BLOCK_KERNEL, padding=BLOCK_KERNEL // 2),
            nn.Conv1d(width, width, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape (b, width, f) of x."""
        return x + self.narrow(functional.relu(self.wide(functional.relu(self.norm(x)))))


def halved(width: int) -> tuple[nn.Module, ...]:
    """Layers to half the rate."""
    return nn.Conv1d(width, width, 4, stride=2, padding=1), Residual(width)


def doubled(width: int) -> tuple[nn.Module, ...]:
    """Layers to twice the rate."""
    return nn.Upsample(scale_factor=2), nn.Conv1d(width, width, 3, padding=1), Residual(width)


def jittered(z: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Z (b, d, f) with a share of its frames replaced by the previous or the next frame."""
    draw = torch.rand(len(z), z.shape[-1], generator=generator)
    step = (draw < share / 2).long() - ((draw >= share / 2) & (draw < share)).long()
    at = (torch.arange(z.shape[-1]) + step).clamp(0, z.shape[-1] - 1).to(z.device)
    return z.gather(2, at[:, None].expand_as(z))
