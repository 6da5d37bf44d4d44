"""The codec as people use it: waveforms and files to codes and back."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import soxr
import torch
from torch import Tensor

from speechvq.audio import files as audio
from speechvq.audio.files import Wave
from speechvq.audio.waveform import checked, exactly, pieces, whole_rate
from speechvq.codec.network import Network
from speechvq.codec.voices import Voice, find
from speechvq.codes import CodebookShape, Codes, ModelId
from speechvq.errors import AudioError, CodesError, ConfigError, WrongModel
from speechvq.nn import speaker

Progress = Callable[[float], None]
"""Called with seconds of audio done since the last call."""

PIECE_SECONDS = 10

EXAGGERATION = 0.5
"""How far beyond a named voice a conversion goes, seen from the recording's own: its codes hold some of that one still."""


class Search(Protocol):
    """Takes the codes of a whole recording in another way than the nearest, as `speechvq.rdo.RateDistortion` does."""

    def check(self, codec: "Codec", depth: int) -> None:
        """Raises a SpeechVQError when it cannot give so many codebooks of this codec."""

    def __call__(
        self, codec: "Codec", features: Sequence[Tensor], vector: Tensor, depth: int
    ) -> list[Tensor]:
        """Codes (1, f) of the first codebooks, of features (1, d, f), one a level, and the speaker vector (1, n)."""
        ...


class Codec:
    """A trained network with its name and voices.

    codec = speechvq.load()
    codes = codec.encode(wave, sample_rate=16000)     # wave: (t,) in [-1, 1]
    back = codec.decode(codes)                        # (t,), as long as wave and at its rate
    other = codec.decode(codes.prefix(2), speaker="bdl")

    Waveforms of any length pass in pieces of some seconds; the codes do not depend on the size of
    the pieces.
    """

    def __init__(self, network: Network, model: ModelId, voices: Sequence[Voice] = ()) -> None:
        self.network, self.model, self.voices = network.eval(), model, tuple(voices)

    @property
    def sample_rate(self) -> int:
        """Rate in Hz at which the network works."""
        return self.network.config.sample_rate

    @property
    def shapes(self) -> tuple[CodebookShape, ...]:
        """All codebooks, coarse first."""
        return tuple(CodebookShape(hop, size) for hop, size in self.network.config.codebooks)

    @property
    def rates(self) -> tuple[float, ...]:
        """Nominal bits per second of every prefix, from one codebook to all."""
        rates = np.cumsum(
            [codebook.bits * self.sample_rate / codebook.hop for codebook in self.shapes]
        )
        return tuple(float(rate) for rate in rates)

    def depth(self, *, codebooks: int | None = None, kbps: float | None = None) -> int:
        """How many codebooks to keep: `codebooks`, or as many as fit into `kbps` (codes alone), or all.

        Raises ConfigError when both are given or nothing fits.
        """
        if codebooks is not None and kbps is not None:
            raise ConfigError("give the number of codebooks or the rate, not both")
        if codebooks is not None:
            if not 1 <= codebooks <= len(self.shapes):
                raise ConfigError(
                    f"codebooks must be between 1 and {len(self.shapes)}, not {codebooks}"
                )
            return codebooks
        if kbps is None:
            return len(self.shapes)
        fitting = sum(rate <= 1000 * kbps + 1e-6 for rate in self.rates)
        if not fitting or math.isnan(kbps):
            choices = ", ".join(f"{rate / 1000:g}" for rate in self.rates)
            raise ConfigError(f"no prefix has at most {kbps:g} kbit/s; this model has {choices}")
        return fitting

    def encode(
        self,
        wave: Wave | Tensor,
        sample_rate: int | None = None,
        *,
        codebooks: int | None = None,
        kbps: float | None = None,
        search: Search | None = None,
    ) -> Codes:
        """Encode a waveform (t,) in [-1, 1].

        search: what chooses the codes, if not the model's own search
        Raises AudioError for another shape, nothing at all, or samples that are not finite;
        ConfigError as `depth`; and what the search raises.
        """
        rate = self.sample_rate if sample_rate is None else whole_rate(sample_rate)
        samples = checked(wave)
        depth = self.depth(codebooks=codebooks, kbps=kbps)
        at_rate = (
            samples if rate == self.sample_rate else soxr.resample(samples, rate, self.sample_rate)
        )
        blocks = pieces(at_rate[None], PIECE_SECONDS * self.sample_rate)
        return self._encode(blocks, [len(samples)], rate, depth, search=search)[0]

    def encode_batch(
        self,
        waves: Sequence[Wave | Tensor],
        sample_rate: int | None = None,
        *,
        codebooks: int | None = None,
        kbps: float | None = None,
    ) -> list[Codes]:
        """Encode waveforms (t,) of any lengths together; each one's codes are those that `encode` gives it alone.

        The waveforms go through the network side by side, as long as the longest: give it some of
        about the same length. Raises what `encode` raises, saying which waveform it was.
        """
        rate = self.sample_rate if sample_rate is None else whole_rate(sample_rate)
        depth = self.depth(codebooks=codebooks, kbps=kbps)
        if not waves:
            return []
        given = []
        for index, wave in enumerate(waves):
            try:
                given.append(checked(wave))
            except AudioError as error:
                raise AudioError(f"waveform {index}: {error}") from error
        lengths = [len(wave) for wave in given]
        rates = (rate, self.sample_rate)
        wanted = [self._at_rate(length, rate) for length in lengths]
        batch = np.zeros((len(given), max(wanted)), np.float32)
        for row, wave, length in zip(batch, given, wanted, strict=True):
            at_rate = (wave if rate == self.sample_rate else soxr.resample(wave, *rates))[:length]
            row[: len(at_rate)] = at_rate
        return self._encode(pieces(batch, PIECE_SECONDS * self.sample_rate), lengths, rate, depth)

    def encode_file(
        self,
        source: audio.Source,
        *,
        depth: int | None = None,
        progress: Progress | None = None,
        search: Search | None = None,
    ) -> Codes:
        """Encode an audio file in bounded memory, with a search in 0.1 MB a second.

        Raises AudioError, and what the search raises.
        """
        blocks = (block[None] for block in audio.pieces(source, self.sample_rate))
        rate, depth = whole_rate(source.rate), depth or len(self.shapes)
        return self._encode(blocks, [source.samples], rate, depth, progress, search)[0]

    def _at_rate(self, samples: int, rate: int) -> int:
        """How many samples a recording has at the model's rate."""
        return -(-samples * self.sample_rate // rate)

    @torch.inference_mode()
    def _encode(
        self,
        blocks: Iterable[Wave],
        samples: Sequence[int],
        rate: int,
        depth: int,
        progress: Progress | None = None,
        search: Search | None = None,
    ) -> list[Codes]:
        """Codes of waveforms that come side by side in blocks (b, n) at the model's rate, zeros after the end of each.

        search: for a single waveform; it is given all features at once
        """
        network = self.network
        if search is not None:
            search.check(self, depth)
        wanted = [self._at_rate(length, rate) for length in samples]
        padded = network.frames(max(wanted)) * network.hop + network.encoder_lookahead
        silence = max(
            padded - max(wanted), network.config.window
        )  # what codes, and the last frames of the voice, wait for
        state, voice = (
            network.initial_encoder(len(wanted)),
            network.reference.initial_state(len(wanted)),
        )
        lengths = torch.tensor(wanted, device=self._device)
        found: list[list[Tensor]] = []
        left = max(wanted)
        for block in exactly(blocks, max(wanted), silence):
            wave = self._tensor(block)
            voice = network.reference.step(wave, voice, lengths)
            if search is None:
                codes, state = network.encode_step(wave, state, depth)
            else:
                codes, state = network.encoder.step(wave, state)  # features, for the time being
            found.append(codes)
            if progress is not None:
                progress(min(left, block.shape[-1]) / self.sample_rate)
            left -= block.shape[-1]
        steps = speaker.to_steps(network.reference.finish(voice, lengths))
        whole = [torch.cat(parts, -1) for parts in zip(*found, strict=True)]
        if search is not None:
            whole = search(self, whole, speaker.from_steps(steps), depth)
        codebooks, vectors = [row.cpu().numpy().astype(np.uint16) for row in whole], steps.tolist()
        shapes = self.shapes[:depth]
        return [
            Codes(
                self.model,
                self.sample_rate,
                rate,
                samples[index],
                shapes,
                tuple(
                    row[index, : network.frames(wanted[index]) * network.hop // codebook.hop]
                    for row, codebook in zip(codebooks, shapes, strict=True)
                ),
                speaker.pack(vectors[index]),
            )
            for index in range(len(wanted))
        ]

    def decode(self, codes: Codes, speaker: str | None = None) -> Wave:
        """The waveform (t,) of codes, at the recording's rate and length; `speaker` names another voice.

        Raises WrongModel, SpeakerError.
        """
        wave = np.concatenate(list(self.decoded(codes, speaker)))
        if codes.source_rate != self.sample_rate:
            wave = soxr.resample(wave, self.sample_rate, codes.source_rate)
        return np.pad(wave, (0, max(0, codes.samples - len(wave))))[: codes.samples]

    def decode_file(
        self,
        codes: Codes,
        path: Path,
        *,
        speaker: str | None = None,
        progress: Progress | None = None,
    ) -> None:
        """Decode into an audio file in bounded memory. Raises WrongModel, SpeakerError, OutputError."""
        waves = self.decoded(codes, speaker, progress)
        audio.write_mono(
            path, waves, self.sample_rate, rate=codes.source_rate, samples=codes.samples
        )

    @torch.inference_mode()
    def decoded(
        self, codes: Codes, speaker: str | None = None, progress: Progress | None = None
    ) -> Iterator[Wave]:
        """The waveform at the model's rate, some seconds at a time, a little longer than the recording."""
        self._check(codes)
        network = self.network
        vector = self._vector(codes.speaker)
        if speaker is not None:
            vector = beyond(vector, self._vector(find(self.voices, speaker).vector))
        state = network.initial_decoder(1)
        whole = PIECE_SECONDS * self.sample_rate // network.hop
        for first in range(0, codes.frames[0], whole):
            part = [
                row[
                    first * network.hop // codebook.hop : (first + whole)
                    * network.hop
                    // codebook.hop
                ]
                for codebook, row in zip(codes.shapes, codes.codebooks, strict=True)
            ]
            tensors = [
                torch.from_numpy(row.astype(np.int64))[None].to(vector.device) for row in part
            ]
            wave, state = network.decode_step(
                tensors, vector, state, last=first + whole >= codes.frames[0]
            )
            yield wave[0, 0].cpu().numpy()
            if progress is not None:
                progress(len(part[0]) * codes.shapes[0].hop / self.sample_rate)

    def convert(self, wave: Wave | Tensor, speaker: str, sample_rate: int | None = None) -> Wave:
        """The same words in a named voice: the content codebooks with its speaker vector. Raises SpeakerError, AudioError."""
        find(self.voices, speaker)
        return self.decode(
            self.encode(wave, sample_rate, codebooks=self.content_codebooks), speaker
        )

    @property
    def content_codebooks(self) -> int:
        """The codebooks that `convert` keeps: finer ones carry the source's voice along."""
        return self.network.config.content_codebooks

    def _check(self, codes: Codes) -> None:
        if codes.model != self.model:
            raise WrongModel(
                f"the codes were made by model {codes.model}, this is {self.model}; give the "
                "right one with --model"
            )
        fits = (
            codes.sample_rate == self.sample_rate
            and codes.shapes == self.shapes[: len(codes.shapes)]
        )
        if not fits or len(codes.speaker) * 2 < self.network.config.speaker.size:
            raise CodesError(
                "the codes' rate, codebooks or speaker vector do not fit the model that they name"
            )

    def _vector(self, packed: bytes) -> Tensor:
        steps = speaker.unpack(packed, self.network.config.speaker.size)
        return speaker.from_steps(torch.tensor([steps])).to(self._device)

    def _tensor(self, wave: Wave) -> Tensor:
        return torch.tensor(np.ascontiguousarray(wave), device=self._device).unsqueeze(
            1
        )  # a copy: wave may be read-only

    @property
    def _device(self) -> torch.device:
        return next(self.network.parameters()).device


def beyond(own: Tensor, other: Tensor) -> Tensor:
    """From a recording's own speaker vector (b, n) through another's and EXAGGERATION as far again, on the file's grid."""
    return speaker.rounded((other + EXAGGERATION * (other - own)).clamp(-1, 1))
