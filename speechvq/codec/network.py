"""The codec: encoder, top-down quantizers, decoder and speaker vector."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from speechvq.config import require
from speechvq.nn.decoder import Decoder
from speechvq.nn.encoder import Encoder, StageConfig, hops
from speechvq.nn.speaker import ReferenceEncoder, SpeakerConfig, rounded
from speechvq.nn.streaming import State
from speechvq.quantize.base import Quantized
from speechvq.quantize.config import CODEC, LevelConfig, build
from speechvq.quantize.topdown import Level, TopDown


@dataclass(frozen=True)
class CodecConfig:
    """The whole network. Rates follow from `sample_rate`, `hop` and the strides.

    encoder: stages fine to coarse
    levels: coarse to fine
    decoder: stages coarse to fine
    window, hop: of the short-time Fourier transforms at both ends, in samples
    state: width of what the top-down path has decoded, the decoder's input
    content_codebooks: how many codebooks carry the words, what a conversion keeps
    """

    encoder: tuple[StageConfig, ...]
    levels: tuple[LevelConfig, ...]
    decoder: tuple[StageConfig, ...]
    sample_rate: int = 16_000
    window: int = 640
    hop: int = 160
    state: int = 256
    speaker: SpeakerConfig = field(default_factory=SpeakerConfig)
    content_codebooks: int = 1

    def __post_init__(self) -> None:
        for name in ("encoder", "levels", "decoder"):
            require(bool(getattr(self, name)), f"{name} must not be empty")
        require(
            self.window % 2 == 0 and self.window >= 2 * self.hop,
            "window must be even and at least twice the hop",
        )
        for level in self.levels:
            require(
                level.quantizer in CODEC,
                f"levels.quantizer of a codec must be one of {', '.join(CODEC)}, not "
                f"{level.quantizer!r}",
            )
        require(
            self.speaker.size <= 64,
            f"speaker.size is at most 64 (32 bytes in a file), not {self.speaker.size}",
        )
        stages = [level.stage for level in self.levels]
        allowed = f"between 0 and {len(self.encoder) - 1} and fall from level to level"
        require(
            all(0 <= stage < len(self.encoder) for stage in stages)
            and stages == sorted(set(stages), reverse=True),
            f"levels: stages must be {allowed}, not {stages}",
        )
        require(
            1 <= self.content_codebooks <= len(self.codebooks),
            f"content_codebooks must be between 1 and {len(self.codebooks)}, not {self.content_codebooks}",
        )
        up = math.prod(stage.stride for stage in self.decoder) * Fraction(self.hop)
        require(
            up == self.level_hops[-1],
            f"decoder: strides must multiply to {self.level_hops[-1] / self.hop:g}, from the "
            "finest level to the hop, "
            f"not to {up / self.hop}",
        )

    @property
    def level_hops(self) -> tuple[int, ...]:
        """Samples per frame of each level, coarse first."""
        every = hops(self.hop, self.encoder)
        return tuple(int(every[level.stage]) for level in self.levels)

    @property
    def codebooks(self) -> tuple[tuple[int, int], ...]:
        """(samples per frame, codebook codewords) of every codebook, coarse first."""
        pairs = zip(self.level_hops, self.levels, strict=True)
        return tuple((hop, level.size) for hop, level in pairs for _ in range(level.codebooks))


class Network(nn.Module):
    """The trained parts. Waveforms are (b, 1, t) at the config's sample rate, codes one (b, f) tensor a codebook.

    hop: samples per frame of the coarsest level; whole frames go through together
    encoder_lookahead: samples beyond its own frame that a code waits for
    decoder_lookahead: the same for decoded sound, once the codes are there
    latency: samples from a sound going in to the same sound coming out, when both run live
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        taps = [level.stage for level in config.levels]
        self.encoder = Encoder(config.window, config.hop, config.encoder, taps)
        levels = [
            Level(config.encoder[one.stage].width, config.state, build(one))
            for one in config.levels
        ]
        level_hops = config.level_hops
        factors = [coarse // fine for coarse, fine in pairwise(level_hops)]
        self.topdown = TopDown(levels, factors, config.state)
        self.decoder = Decoder(
            config.window, config.hop, config.state, config.speaker.size, config.decoder
        )
        self.reference = ReferenceEncoder(config.window, config.speaker)
        self.hop = level_hops[0]
        self.encoder_lookahead = _whole(self.encoder.lookahead)
        self.decoder_lookahead = math.ceil(self.decoder.lookahead * level_hops[-1])
        self.latency = self.hop + self.encoder_lookahead + self.decoder_lookahead

    def frames(self, samples: int) -> int:
        """Frames of the coarsest level for a number of samples."""
        return -(-samples // self.hop)

    def forward(
        self,
        wave: Tensor,
        vector: Tensor,
        depth: Tensor,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        bypass: Tensor | None = None,
    ) -> tuple[Tensor, Quantized]:
        """A training pass: wave (b, 1, t) with t a multiple of hop, speaker vector (b, n), codebooks used by each example (b,).

        bypass: which examples skip the quantizers, (b,). Returns the reconstruction (b, 1, t) and
          the quantizers' result.
        """
        features = self.encoder(functional.pad(wave, (0, self.encoder_lookahead)))
        quantized = self.topdown(
            features, depth, temperature=temperature, generator=generator, bypass=bypass
        )
        return self._synthesize(quantized.z, rounded(vector)), quantized

    def encode(self, wave: Tensor, depth: int | None = None) -> list[Tensor]:
        """Codes of the first `depth` codebooks, or all, of a whole waveform (b, 1, t), zeros standing in for what follows it."""
        return self.topdown.encode(self.features(wave), depth)

    def features(self, wave: Tensor) -> list[Tensor]:
        """What the top-down path sees of a whole waveform (b, 1, t), one a level, zeros standing in for what follows it."""
        missing = self.frames(wave.shape[-1]) * self.hop - wave.shape[-1] + self.encoder_lookahead
        return self.encoder(functional.pad(wave, (0, missing)))

    def decode(self, codes: Sequence[Tensor], vector: Tensor) -> Tensor:
        """The waveform (b, 1, frames * hop) of any prefix of the codebooks, with a speaker vector (b, n)."""
        return self._synthesize(self.topdown.decode(codes), vector)

    def _synthesize(self, latents: Tensor, vector: Tensor) -> Tensor:
        wave = self.decoder(self._ended(latents), vector)
        return wave[..., : latents.shape[-1] * self.config.level_hops[-1]]

    def initial_encoder(self, batch: int) -> State:
        """The state of `encode_step` before the first sample."""
        return self.encoder.initial_state(batch)

    def encode_step(
        self, wave: Tensor, state: State, depth: int | None = None
    ) -> tuple[list[Tensor], State]:
        """Take samples (b, 1, n); return the codes now known, a whole number of coarsest frames, and the state.

        depth: only the first so many codebooks, as in `encode`
        """
        features, state = self.encoder.step(wave, state)
        if not features[0].shape[-1]:
            return [
                features[0].new_zeros(len(wave), 0, dtype=torch.long)
                for _ in self.config.codebooks[:depth]
            ], state
        return self.topdown.encode(features, depth), state

    def initial_decoder(self, batch: int) -> State:
        """The state of `decode_step` before the first codes."""
        return self.decoder.initial_state(batch)

    def decode_step(
        self, codes: Sequence[Tensor], vector: Tensor, state: State, *, last: bool = False
    ) -> tuple[Tensor, State]:
        """Take codes, a whole number of coarsest frames; return the samples (b, 1, n) now complete and the state.

        last: nothing comes after these codes, so what was still waiting for it is complete, too
        """
        some = codes[0].shape[-1] > 0
        latents = (
            self.topdown.decode(codes)
            if some
            else vector.new_zeros(len(vector), self.config.state, 0)
        )
        if not some and not last:
            return vector.new_zeros(len(vector), 1, 0), state
        return self.decoder.step(self._ended(latents) if last else latents, vector, state)

    def _ended(self, latents: Tensor) -> Tensor:
        """With the silence behind that the decoder looks ahead into."""
        return functional.pad(latents, (0, math.ceil(self.decoder.lookahead)))


def _whole(value: Fraction) -> int:
    if value.denominator != 1:
        raise ValueError(f"{value} is not a whole number of samples")
    return value.numerator
