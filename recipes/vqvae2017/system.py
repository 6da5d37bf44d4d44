"""The speech system of the VQ-VAE paper, small: van den Oord et al. 2017, section 4.3.

Six strided convolutions turn a waveform into a latent at 1/64 of the sample rate, which is
quantized with one codebook of 512 codewords. The decoder is a WaveNet over mu-law samples: each has
a distribution over 256 values, given all previous samples, the codes and the speaker. For
comparison, the latent may be continuous (a VAE), or absent.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from recipes.vqvae2017.mu_law import mu_law_decoding, mu_law_encoding
from speechvq.config import require
from speechvq.nn.streaming import State
from speechvq.prior.sampling import CodeSampler
from speechvq.prior.wavenet import ContextNetwork, WaveNet
from speechvq.quantize.base import Quantized, Quantizer
from speechvq.quantize.codebook import Codebook
from speechvq.quantize.gaussian import GaussianLatent
from speechvq.quantize.identity import Identity
from speechvq.quantize.residual import ResidualVQ
from speechvq.quantize.vector import VectorQuantizer

STRIDES = 6
HOP = 2**STRIDES
"""Samples per code."""
VALUES = 256
"""Number of values of a mu-law sample."""
LATENTS = ("codes", "gaussian", "none")
CHUNK = 16_384
"""Samples whose logits are held in memory at once; a multiple of HOP."""


@dataclass(frozen=True)
class WaveNetConfig:
    """Names as in `speechvq.prior.network.PriorConfig`."""

    width: int = 32
    skip: int = 64
    layers: int = 18
    cycle: int = 9
    context_layers: int = 1

    def __post_init__(self) -> None:
        for name in ("width", "skip", "layers", "cycle"):
            require(
                getattr(self, name) > 0,
                f"{name} must be positive, not {getattr(self, name)}",
            )
        require(
            self.context_layers >= 0,
            f"context_layers must not be negative, not {self.context_layers}",
        )


@dataclass(frozen=True)
class SystemConfig:
    """The size of a system.

    latent: "codes", "gaussian" or "none"
    channels: of the encoder's convolutions
    size, width: of the codebook; the Gaussian latent has `dimensions`
    """

    latent: str = "codes"
    channels: int = 128
    size: int = 512
    width: int = 64
    dimensions: int = 4
    decoder: WaveNetConfig = field(default_factory=WaveNetConfig)

    def __post_init__(self) -> None:
        require(
            self.latent in LATENTS,
            f"latent must be one of {', '.join(LATENTS)}, not {self.latent!r}",
        )
        for name in ("channels", "width", "dimensions"):
            require(getattr(self, name) > 0, f"{name} must be positive, not {getattr(self, name)}")
        require(2 <= self.size <= 65536, f"size must be 2 to 65536, not {self.size}")


class System(nn.Module):
    """Waveforms (b, t), t a multiple of HOP, to codes and to distributions of mu-law samples.

    voices: number of speakers that the decoder knows by number; one more stands for unknown
    """

    def __init__(self, config: SystemConfig, voices: int) -> None:
        super().__init__()
        self.config, self.voices = config, voices
        layers: list[nn.Module] = []
        for index in range(STRIDES):
            channels = config.channels if index else 1
            layers += [nn.Conv1d(channels, config.channels, 4, 2, padding=1), nn.ReLU()]
        layers.append(nn.Conv1d(config.channels, config.width, 1))
        if config.latent == "codes":
            # without it the commitment loss pulls all latents to one point (codebook collapse)
            layers.append(nn.BatchNorm1d(config.width, affine=False))
        self.encoder = nn.Sequential(*layers)
        self.quantizer = _quantizer(config)
        latent = config.dimensions if config.latent == "gaussian" else config.width
        decoder = config.decoder
        self.latent = nn.Conv1d(latent, decoder.width, 1)
        self.context_network = ContextNetwork(decoder.width, layers=decoder.context_layers)
        self.speaker = nn.Embedding(voices + 1, decoder.width)
        self.previous_sample_embedding = nn.Embedding(VALUES, decoder.width)
        self.wavenet = WaveNet(
            decoder.width,
            decoder.skip,
            VALUES,
            layers=decoder.layers,
            cycle=decoder.cycle,
            condition=decoder.width,
        )

    @property
    def codebooks(self) -> Sequence[Codebook]:
        """The codebook, where there is one."""
        return self.quantizer.codebooks

    def encode(self, waves: Tensor) -> Quantized:
        """The latent of waveforms (b, t): sampled in training mode, else argmax codes or means."""
        return self.quantizer(self.encoder(waves.unsqueeze(1)))

    def condition(self, latent: Tensor, voices: Tensor) -> Tensor:
        """The condition of the WaveNet at every sample, (b, width, t).

        latent: (b, d, f); voices: numbers of the speakers (b,), -1 for unknown
        """
        speaker = self.speaker(torch.where(voices < 0, self.voices, voices)).unsqueeze(-1)
        if self.config.latent == "none":
            return speaker.expand(-1, -1, latent.shape[-1] * HOP)
        return (self.context_network(self.latent(latent)) + speaker).repeat_interleave(HOP, -1)

    def nats(self, waves: Tensor, condition: Tensor) -> Tensor:
        """Negative log-likelihood in nats of every mu-law sample, (b, t); teacher-forced."""
        samples = mu_law_encoding(waves.clamp(-1, 1), VALUES)
        silence = samples.new_full((len(samples), 1), VALUES // 2)
        previous = torch.cat([silence, samples[:, :-1]], 1)
        state, chunks = self.wavenet.initial_state(len(waves)), []
        for first in range(0, samples.shape[1], CHUNK):
            part = slice(first, first + CHUNK)
            x = self.previous_sample_embedding(previous[:, part]).transpose(1, 2)
            logits, state = self.wavenet.step(x, condition[..., part], state)
            nats = functional.cross_entropy(logits.float(), samples[:, part], reduction="none")
            chunks.append(nats)
        return torch.cat(chunks, 1)

    def step(self, previous: Tensor, condition: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits (b, VALUES) of the next sample.

        previous: the sample before it (b,); condition: of the next sample, (b, width, 1)
        """
        x = self.previous_sample_embedding(previous).unsqueeze(-1)
        logits, state = self.wavenet.step(x, condition, state)
        return logits[..., 0], state

    @torch.no_grad()
    def sample(
        self,
        condition: Tensor,
        *,
        generator: torch.Generator,
        temperature: float = 1.0,
        top_p: float = 1.0,
    ) -> Tensor:
        """Waveforms (b, t), sampled one value after the other, for a condition (b, width, t)."""
        batch, length = len(condition), condition.shape[-1]
        draw = CodeSampler(generator, temperature, top_p)
        state, previous = self.wavenet.initial_state(batch), torch.full((batch,), VALUES // 2)
        samples = torch.empty(batch, length, dtype=torch.long)
        for position in range(length):
            here = condition[..., position : position + 1]
            logits, state = self.step(previous, here, state)
            samples[:, position] = previous = draw(logits)
        return mu_law_decoding(samples, VALUES)


def _quantizer(config: SystemConfig) -> Quantizer:
    """The quantizer of a kind of latent."""
    match config.latent:
        case "codes":
            return ResidualVQ([VectorQuantizer(config.size, config.width)])
        case "gaussian":
            return GaussianLatent(config.width, out=config.dimensions)
        case _:
            return Identity(config.width)


def objective(
    system: System, waves: Tensor, voices: Tensor, commitment: float
) -> tuple[Tensor, Tensor, Quantized]:
    """The training objective, a scalar; nats per sample (b,); and the quantizer's result.

    Equation 3 of the paper, with the mean over samples of the log-likelihood and the mean over
    latents of the commitment loss (beta is `commitment`); for a Gaussian latent the negative ELBO
    per sample. Codebooks are updated by exponential moving averages.
    """
    quantized = system.encode(waves)
    nats = system.nats(waves, system.condition(quantized.z, voices)).mean(1)
    loss = nats.mean()
    if system.config.latent == "gaussian":
        loss = loss + quantized.rates.sum(1).mean() / waves.shape[1]
    for term in quantized.terms.values():
        loss = loss + commitment * term.mean() / math.prod(quantized.z.shape[1:])
    return loss, nats, quantized
