"""The codec as people use it: waveforms and files to codes and back."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soxr
import torch
from torch import Tensor, nn

from speechvq.audio.reading import Source, Wave
from speechvq.audio.waveform import checked_rate, checked_wave
from speechvq.audio.writing import write_mono
from speechvq.codec.decoding import STRENGTH, check, check_memory, embedding_for
from speechvq.codec.network import Network, own_network
from speechvq.codec.reconstruction import Reconstruction, reconstruct
from speechvq.codec.session import Progress, Search, decoded, encoded
from speechvq.codec.sources import checked_batch, of_file, side_by_side
from speechvq.codec.voices import Voice, checked_voices, find_voice
from speechvq.codes import CodebookShape, Codes, ModelId
from speechvq.codes.record import bitrates
from speechvq.errors import ConfigError, OutputError, SpeakerError
from speechvq.input import checked_path
from speechvq.limits import real_number, whole_number
from speechvq.nn.isolation import isolated
from speechvq.nn.precision import check_weights


class Codec:
    """A trained network with its name and its voices.

    codec = speechvq.load()
    codes = codec.encode(wave, sample_rate=16000)     # wave: (t,) in [-1, 1]
    back = codec.decode(codes)                        # (t,), as long as wave and at its rate
    other = codec.decode(codes.prefix(2), speaker="bdl")

    Waveforms of any length pass in chunks; their size does not change the codes.
    """

    def __init__(self, network: Network, model: ModelId, voices: Sequence[Voice] = ()) -> None:
        self.network, self.model = network, model
        self.network.eval()
        self.voices = checked_voices(voices, self.network.config.speaker.size)

    @property
    def network(self) -> Network:
        """The trained parts. Entry points compute with them in float32 and as they were loaded."""
        return self._network

    @network.setter
    def network(self, network: nn.Module) -> None:
        self._network = own_network(network)

    @property
    def sample_rate(self) -> int:
        """Rate in Hz at which the network works."""
        return self.network.config.sample_rate

    @property
    def shapes(self) -> tuple[CodebookShape, ...]:
        """The shapes of all codebooks, coarse first."""
        return tuple(CodebookShape(hop, size) for hop, size in self.network.config.codebooks)

    @property
    def bitrates(self) -> tuple[float, ...]:
        """Nominal bits per second of every prefix, from one codebook to all."""
        return bitrates(self.shapes, self.sample_rate)

    @property
    def content_codebooks(self) -> int:
        """The number of codebooks that `convert` keeps; finer ones carry the source's voice."""
        return self.network.config.content_codebooks

    @property
    def latent_rate(self) -> float:
        """Frames per second of `latents`: the rate of the finest codebook."""
        return self.sample_rate / self.network.config.level_hops[-1]

    def n_codebooks(self, *, codebooks: int | None = None, kbps: float | None = None) -> int:
        """How many codebooks to keep: `codebooks`, or as many as fit into `kbps`, or all.

        Raises ConfigError when both are given, when not even one codebook fits, and for what is no
        whole number or no number.
        """
        if codebooks is not None and kbps is not None:
            raise ConfigError("give the number of codebooks or the bit rate, not both")
        if codebooks is not None:
            return whole_number(codebooks, range(1, len(self.shapes) + 1), ConfigError, "codebooks")
        if kbps is None:
            return len(self.shapes)
        most = real_number(kbps, ConfigError, "kbps")
        fitting = sum(rate <= 1000 * most + 1e-6 for rate in self.bitrates)
        if not fitting:
            choices = ", ".join(f"{rate / 1000:g}" for rate in self.bitrates)
            raise ConfigError(f"no prefix has at most {most:g} kbit/s; this model has {choices}")
        return fitting

    def voice(self, name: str) -> Voice:
        """The voice of this name. Raises SpeakerError that suggests near names."""
        return find_voice(self.voices, name)

    def encode(
        self,
        wave: Wave | Tensor | Sequence[float],
        sample_rate: int | None = None,
        *,
        codebooks: int | None = None,
        kbps: float | None = None,
        search: Search | None = None,
    ) -> Codes:
        """Encode a waveform (t,) in [-1, 1].

        sample_rate: of the waveform in Hz, the model's by default
        codebooks, kbps: how many codebooks to keep, see `n_codebooks`
        search: what chooses the codes, in place of the quantizers' own search
        Raises AudioError for another shape, for no samples, and for samples that are not finite;
        ConfigError as `n_codebooks` does; and what the search raises.
        """
        n = self.n_codebooks(codebooks=codebooks, kbps=kbps)
        rate = self.sample_rate if sample_rate is None else checked_rate(sample_rate)
        sources = side_by_side([checked_wave(wave)], rate, self.sample_rate)
        return encoded(self.network, self.model, n, sources, search)[0]

    def encode_batch(
        self,
        waves: Sequence[Wave | Tensor] | Wave | Tensor,
        sample_rate: int | None = None,
        *,
        codebooks: int | None = None,
        kbps: float | None = None,
    ) -> list[Codes]:
        """Encode waveforms (t,) of any lengths together. Each has the codes that `encode` gives it.

        waves: a list of arrays or tensors, or one array or tensor (b, t)

        All are padded to the longest, so waveforms of similar lengths are the fastest. Raises what
        `encode` raises, saying which waveform it was.
        """
        n = self.n_codebooks(codebooks=codebooks, kbps=kbps)
        rate = self.sample_rate if sample_rate is None else checked_rate(sample_rate)
        checked = checked_batch(waves)
        if not checked:
            return []
        sources = side_by_side(checked, rate, self.sample_rate)
        return encoded(self.network, self.model, n, sources)

    def encode_file(
        self,
        source: str | Path | Source,
        *,
        codebooks: int | None = None,
        kbps: float | None = None,
        progress: Progress | None = None,
        search: Search | None = None,
    ) -> Codes:
        """Encode an audio file in bounded memory; a search needs 0.1 MB per second.

        Raises AudioError, ConfigError as `n_codebooks` does, and what the search raises.
        """
        n = self.n_codebooks(codebooks=codebooks, kbps=kbps)
        sources = of_file(source, self.sample_rate)
        return encoded(self.network, self.model, n, sources, search, progress)[0]

    def decode(
        self, codes: Codes, speaker: str | Voice | None = None, *, strength: float = STRENGTH
    ) -> Wave:
        """The waveform (t,) of codes, at the rate and length of the recording.

        speaker: another voice, or the name of one of the model's voices
        strength: of the conversion to that voice. 0 takes its speaker embedding as it is, 0.5 goes
          half as far again beyond it, seen from the source's embedding
        Raises WrongModel, CodesError, SpeakerError, or ConfigError for the strength; CodesError
        also for minutes at a rate that speech does not need, which `decode_file` can write.
        """
        embedding = self._embedding(codes, speaker, strength)
        check_memory(codes, self.sample_rate)
        return self._decoded(codes, embedding)

    def _decoded(self, codes: Codes, embedding: Tensor) -> Wave:
        wave = np.concatenate(list(decoded(self.network, codes, embedding)))
        if codes.source_rate != self.sample_rate:
            wave = soxr.resample(wave, self.sample_rate, codes.source_rate)
        missing = codes.samples - len(wave)
        return np.pad(wave, (0, missing)) if missing > 0 else wave[: codes.samples]

    def decode_file(
        self,
        codes: Codes,
        path: str | Path,
        *,
        speaker: str | Voice | None = None,
        strength: float = STRENGTH,
        progress: Progress | None = None,
        force: bool = False,
    ) -> None:
        """Decode as `decode` does, into an audio file and in bounded memory.

        Raises what `decode` raises, and OutputError; an existing file is overwritten only with
        `force`.
        """
        embedding = self._embedding(codes, speaker, strength)
        parts = decoded(self.network, codes, embedding, progress)
        rate, samples = codes.source_rate, codes.samples
        target = checked_path(path, OutputError, "audio file")
        write_mono(target, parts, self.sample_rate, rate=rate, samples=samples, force=force)

    def convert(
        self,
        wave: Wave | Tensor,
        speaker: str | Voice,
        sample_rate: int | None = None,
        *,
        strength: float = STRENGTH,
    ) -> Wave:
        """The same words in another voice: the content codebooks with its speaker embedding.

        Raises SpeakerError, AudioError, or ConfigError for the strength.
        """
        if speaker is None:
            raise SpeakerError("give the speaker of a conversion: the name of a voice, or a Voice")
        voice = self.voice(speaker) if isinstance(speaker, str) else speaker  # before any work
        codes = self.encode(wave, sample_rate, codebooks=self.content_codebooks)
        return self._decoded(codes, self._embedding(codes, voice, strength))

    @isolated()
    @torch.no_grad()
    def latents(self, codes: Codes, n_codebooks: int | None = None) -> Tensor:
        """The continuous features (1, d, f) that the decoder gets from the first codebooks.

        They have `latent_rate` frames per second whatever the number of codebooks, all by default.
        Raises WrongModel, or CodesError.
        """
        check(codes, self.model, self.network)
        selection = codes if n_codebooks is None else codes.prefix(n_codebooks)
        rows = [torch.from_numpy(row.astype(np.int64))[None] for row in selection.codebooks]
        check_weights(self.network)
        return self.network.topdown.decode([row.to(self.network.device) for row in rows])

    def reconstruct(
        self,
        waves: Tensor,
        *,
        n_codebooks: int | None = None,
        speaker_embedding: Tensor | None = None,
    ) -> Reconstruction:
        """Encode and decode waveforms (b, t) at the model's rate, differentiably.

        For a loss on codec output or latents, and for fine-tuning: the result is that of `encode`
        and `decode`, and gradients pass the quantizers by the straight-through estimator. They
        reach `waves`, and the weights after `codec.network.requires_grad_()`.
        speaker_embedding: (b, n) to decode with, in place of that of the waveforms
        It computes in float32 under autocast, too; to train in lower precision, call
        `codec.network` itself.
        Raises ConfigError as `n_codebooks()` does, AudioError for other waveforms and SpeakerError
        for another embedding.
        """
        n = self.n_codebooks(codebooks=n_codebooks)
        return reconstruct(self.network, waves, n, speaker_embedding)

    def _embedding(self, codes: Codes, speaker: str | Voice | None, strength: float) -> Tensor:
        """The speaker embedding (1, n) to decode codes with. Raises as `decode` does."""
        check(codes, self.model, self.network)
        voice = self.voice(speaker) if isinstance(speaker, str) else speaker
        return embedding_for(self.network, codes, voice, strength)
