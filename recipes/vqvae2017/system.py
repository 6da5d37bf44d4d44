"""The speech system of the VQ-VAE paper (van den Oord, Vinyals and Kavukcuoglu 2017, section 4.3), small.

Six strided convolutions turn a waveform into a latent 64 times slower, which is quantized with one
codebook of 512 codewords. The decoder is a WaveNet over mu-law samples, each drawn from 256 values
given all before it, the codes around it and who speaks. In the place of the codes there may be a
continuous latent (a VAE), or nothing: what the codes are compared with.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from recipes.vqvae2017.mu_law import mu_law_decoding, mu_law_encoding
from speechvq.config import require
from speechvq.nn.streaming import State
from speechvq.prior.sampling import CodeSampler
from speechvq.prior.wavenet import ContextNetwork, WaveNet
from speechvq.quantize.base import Quantized
from speechvq.quantize.codebook import Codebook
from speechvq.quantize.gaussian import GaussianLatent
from speechvq.quantize.identity import Identity
from speechvq.quantize.residual import ResidualVQ
from speechvq.quantize.vector import VectorQuantizer

STRIDES = 6
HOP = 2**STRIDES
"""Samples a code."""
VALUES = 256
"""Of a mu-law sample."""
LATENTS = ("codes", "gaussian", "none")
PIECE = 16_384
"""Samples whose logits are held at once; a whole number of codes."""


@dataclass(frozen=True)
class WaveNetConfig:
    """Names as in `speechvq.prior.network.PriorConfig`; `context_layers` convolutions see the codes on both sides."""

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
    """A system's shape.

    latent: "codes", a "gaussian" one, or "none"
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

    voices: how many speakers the decoder knows by number; one more stands for nobody that it knows
    """

    def __init__(self, config: SystemConfig, voices: int) -> None:
        super().__init__()
        self.config, self.voices = config, voices
        layers: list[nn.Module] = []
        for index in range(STRIDES):
            layers += [
                nn.Conv1d(config.channels if index else 1, config.channels, 4, 2, padding=1),
                nn.ReLU(),
            ]
        layers.append(nn.Conv1d(config.channels, config.width, 1))
        if (
            config.latent == "codes"
        ):  # or the commitment pulls all latents to one point while the decoder has no use for them
            layers.append(nn.BatchNorm1d(config.width, affine=False))
        self.encoder = nn.Sequential(*layers)
        latent = config.dimensions if config.latent == "gaussian" else config.width
        self.quantizer = {
            "codes": lambda: ResidualVQ([VectorQuantizer(config.size, config.width)]),
            "gaussian": lambda: GaussianLatent(config.width, out=config.dimensions),
            "none": lambda: Identity(config.width),
        }[config.latent]()
        shape = config.decoder
        self.latent = nn.Conv1d(latent, shape.width, 1)
        self.context_network = ContextNetwork(shape.width, layers=shape.context_layers)
        self.speaker = nn.Embedding(voices + 1, shape.width)
        self.before = nn.Embedding(VALUES, shape.width)
        form = {"layers": shape.layers, "cycle": shape.cycle, "condition": shape.width}
        self.wavenet = WaveNet(shape.width, shape.skip, VALUES, **form)

    @property
    def codebooks(self) -> Sequence[Codebook]:
        """The codebook, where there is one."""
        return self.quantizer.codebooks

    def encode(self, waves: Tensor) -> Quantized:
        """The latent of waveforms (b, t): drawn in training mode, else hard codes or means."""
        return self.quantizer(self.encoder(waves.unsqueeze(1)))

    def told(self, latent: Tensor, voices: Tensor) -> Tensor:
        """What the gates are told at every sample, (b, width, t): latents (b, d, f), and speakers (b,), -1 for nobody."""
        found = self.speaker(torch.where(voices < 0, self.voices, voices)).unsqueeze(-1)
        if self.config.latent == "none":
            return found.expand(-1, -1, latent.shape[-1] * HOP)
        return (self.context_network(self.latent(latent)) + found).repeat_interleave(HOP, -1)

    def nats(self, waves: Tensor, told: Tensor) -> Tensor:
        """Minus the logarithm of every mu-law sample's probability given those before it, (b, t); teacher-forced."""
        samples = mu_law_encoding(waves.clamp(-1, 1), VALUES)
        silence = samples.new_full((len(samples), 1), VALUES // 2)
        before = torch.cat([silence, samples[:, :-1]], 1)
        state, found = self.wavenet.initial_state(len(waves)), []
        for first in range(0, samples.shape[1], PIECE):
            part = slice(first, first + PIECE)
            logits, state = self.wavenet.step(
                self.before(before[:, part]).transpose(1, 2), told[..., part], state
            )
            found.append(
                nn.functional.cross_entropy(logits.float(), samples[:, part], reduction="none")
            )
        return torch.cat(found, 1)

    def step(self, before: Tensor, told: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits (b, VALUES) of the next sample: from the one before it (b,) and what is told of it (b, width, 1)."""
        logits, state = self.wavenet.step(self.before(before).unsqueeze(-1), told, state)
        return logits[..., 0], state

    @torch.no_grad()
    def draw(
        self,
        told: Tensor,
        *,
        generator: torch.Generator,
        temperature: float = 1.0,
        top_p: float = 1.0,
    ) -> Tensor:
        """Waveforms (b, t), sample after sample; the cost of one does not depend on how many came before."""
        draw = CodeSampler(generator, temperature, top_p)
        state, before = self.wavenet.initial_state(len(told)), torch.full((len(told),), VALUES // 2)
        found = torch.empty(len(told), told.shape[-1], dtype=torch.long)
        for place in range(told.shape[-1]):
            logits, state = self.step(before, told[..., place : place + 1], state)
            found[:, place] = before = draw(logits)
        return mu_law_decoding(found, VALUES)


def objective(
    system: System, waves: Tensor, voices: Tensor, commitment: float
) -> tuple[Tensor, Tensor, Quantized]:
    """What training goes down, a number; nats a sample (b,); and the quantizer's result.

    The paper's equation 3 with the mean over samples of the log likelihood and the mean over
    latents of the commitment (beta is `commitment`); of a Gaussian latent the bound itself. Entries
    of codebooks are running means.
    """
    quantized = system.encode(waves)
    nats = system.nats(waves, system.told(quantized.z, voices)).mean(1)
    loss = nats.mean() + quantized.rates.sum(1).mean() / waves.shape[1] * (
        system.config.latent == "gaussian"
    )
    for term in quantized.terms.values():
        loss = loss + commitment * term.mean() / math.prod(quantized.z.shape[1:])
    return loss, nats, quantized
