"""The trained parts of the codec: encoder, top-down quantizers, decoder and reference encoder."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from speechvq.codec.config import CodecConfig
from speechvq.errors import ModelError
from speechvq.nn.decoder import Decoder
from speechvq.nn.encoder import Encoder
from speechvq.nn.isolation import network_init
from speechvq.nn.portable import PortableModule
from speechvq.nn.speaker import ReferenceEncoder, rounded
from speechvq.nn.streaming import State
from speechvq.quantize.base import Quantized
from speechvq.quantize.topdown import Level, TopDown


class Network(PortableModule):
    """The trained parts.

    Waveforms are (b, 1, t) at the configured sample rate, codes one tensor (b, f) per codebook.

    hop: samples per frame of the coarsest level; complete frames go through together
    encoder_lookahead: samples beyond its own frame that a code waits for
    decoder_lookahead: the same for decoded sound, once the codes are there
    latency: samples from a sound going in to the same sound coming out, when both run live
    """

    @network_init
    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        taps = [level.stage for level in config.levels]
        self.encoder = Encoder(config.window, config.hop, config.encoder, taps)
        levels = [
            Level(config.encoder[level.stage].width, config.state, level.build())
            for level in config.levels
        ]
        level_hops = config.level_hops
        factors = [coarse // fine for coarse, fine in pairwise(level_hops)]
        self.topdown = TopDown(levels, factors, config.state)
        self.decoder = Decoder(
            config.window, config.hop, config.state, config.speaker.size, config.decoder
        )
        self.reference = ReferenceEncoder(config.window, config.speaker)
        self.hop = level_hops[0]
        self.encoder_lookahead = _integer(self.encoder.lookahead)
        self.decoder_lookahead = math.ceil(self.decoder.lookahead * level_hops[-1])
        self.latency = self.hop + self.encoder_lookahead + self.decoder_lookahead

    @property
    def arguments(self) -> tuple[CodecConfig]:
        """Its configuration."""
        return (self.config,)

    def frames(self, samples: int) -> int:
        """Frames of the coarsest level for a number of samples."""
        return -(-samples // self.hop)

    def forward(
        self,
        wave: Tensor,
        speaker_embedding: Tensor,
        n_codebooks: Tensor,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        bypass: Tensor | None = None,
    ) -> tuple[Tensor, Quantized]:
        """A training pass over wave (b, 1, t), with t a multiple of hop.

        speaker_embedding: (b, n), not yet rounded
        n_codebooks: how many codebooks each example uses (b,)
        bypass: which examples skip the quantizers (b,), booleans

        Returns the reconstruction (b, 1, t) and the quantizers' result.
        """
        features = self.encoder(functional.pad(wave, (0, self.encoder_lookahead)))
        quantized = self.topdown(
            features, n_codebooks, temperature=temperature, generator=generator, bypass=bypass
        )
        return self.synthesize(quantized.z, rounded(speaker_embedding)), quantized

    def encode(self, wave: Tensor, n_codebooks: int | None = None) -> list[Tensor]:
        """Codes (b, f) of a waveform (b, 1, t), of the first `n_codebooks` codebooks or all.

        Zeros stand in for what follows it.
        """
        return self.topdown.encode(self.features(wave), n_codebooks)

    def features(self, wave: Tensor) -> list[Tensor]:
        """The encoder's features (b, d, f) of a waveform (b, 1, t), one tensor per level.

        Zeros stand in for what follows it.
        """
        missing = self.frames(wave.shape[-1]) * self.hop - wave.shape[-1] + self.encoder_lookahead
        return self.encoder(functional.pad(wave, (0, missing)))

    def decode(self, codes: Sequence[Tensor], speaker_embedding: Tensor) -> Tensor:
        """The waveform (b, 1, frames * hop) of any prefix of the codebooks.

        speaker_embedding: (b, n)
        """
        return self.synthesize(self.topdown.decode(codes), speaker_embedding)

    def synthesize(self, latents: Tensor, speaker_embedding: Tensor) -> Tensor:
        """The waveform (b, 1, t) of the decoder's input (b, state, f)."""
        wave = self.decoder(self._padded(latents), speaker_embedding)
        return wave[..., : latents.shape[-1] * self.config.level_hops[-1]]

    def initial_encoder(self, batch: int) -> State:
        """The state of `encode_step` before the first sample."""
        return self.encoder.initial_state(batch)

    def encode_step(
        self, wave: Tensor, state: State, n_codebooks: int | None = None
    ) -> tuple[list[Tensor], State]:
        """Take samples (b, 1, n); return the codes now known and the state.

        Codes are those of complete frames of the coarsest level.

        n_codebooks: only the first ones, as in `encode`
        """
        features, state = self.encoder.step(wave, state)
        check_finite(*features)
        if not features[0].shape[-1]:
            empty = features[0].new_zeros(len(wave), 0, dtype=torch.long)
            return [empty for _ in self.config.codebooks[:n_codebooks]], state
        return self.topdown.encode(features, n_codebooks), state

    def initial_decoder(self, batch: int) -> State:
        """The state of `decode_step` before the first codes."""
        return self.decoder.initial_state(batch)

    def decode_step(
        self,
        codes: Sequence[Tensor],
        speaker_embedding: Tensor,
        state: State,
        *,
        last: bool = False,
    ) -> tuple[Tensor, State]:
        """Take codes of complete coarsest frames; return samples (b, 1, n) and the state.

        last: nothing comes after these codes, so that samples which waited for more are complete,
          too
        """
        batch = len(speaker_embedding)
        if codes[0].shape[-1]:
            latents = self.topdown.decode(codes)
        elif last:
            latents = speaker_embedding.new_zeros(batch, self.config.state, 0)
        else:
            return speaker_embedding.new_zeros(batch, 1, 0), state
        latents = self._padded(latents) if last else latents
        return self.decoder.step(latents, speaker_embedding, state)

    def _padded(self, latents: Tensor) -> Tensor:
        """With the trailing padding that the decoder looks ahead into."""
        return functional.pad(latents, (0, math.ceil(self.decoder.lookahead)))


def own_network(network: object) -> Network:
    """The network itself, out of what `torch.compile` or a parallel module wraps it in.

    Raises ModelError for anything else.
    """
    inner = network
    while not isinstance(inner, Network) and isinstance(inner, nn.Module):
        inner = getattr(inner, "_orig_mod", getattr(inner, "module", None))
    if not isinstance(inner, Network):
        raise ModelError(
            f"a codec computes with a Network, as speechvq.load gives it, not with a "
            f"{type(network).__name__}"
        )
    return inner


def check_finite(*results: Tensor) -> None:
    """Raises ModelError for what is no number: weights that are each finite can still be too large.

    Codes or sound from it would be wrong, and nobody would know.
    """
    if not all(result.isfinite().all() for result in results):
        raise ModelError(
            "the model computes numbers that are not finite: its weights do not fit each other; "
            "use another model"
        )


def _integer(value: Fraction) -> int:
    if value.denominator != 1:
        raise ValueError(f"{value} is not a whole number of samples")
    return value.numerator
