"""Sessions: waveforms to codes and codes to waveforms, chunk by chunk.

    session = EncodingSession(network, n_codebooks)
    codes = session.feed(chunk)            # the codes that are known now
    codes = session.finish()               # the rest
    session.speaker_embeddings()           # of what was fed

Single waveforms, files and batches go through the same sessions, and the size of the chunks does
not change the codes. Memory does not grow with the length of a recording.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speechvq.audio.reading import Wave
from speechvq.audio.waveform import checked_samples, fixed_length
from speechvq.codec import sources
from speechvq.codec.decoding import checked_embedding, checked_rows
from speechvq.codec.network import Network, check_finite, own_network
from speechvq.codec.sources import Sources
from speechvq.codes import CodebookShape, Codes, ModelId
from speechvq.codes.record import frames
from speechvq.errors import AudioError, CodesError, ConfigError, shown
from speechvq.limits import SAMPLES, whole_number
from speechvq.nn.isolation import isolated
from speechvq.nn.precision import check_weights
from speechvq.nn.speaker import from_steps, pack, to_steps

Progress = Callable[[float], None]
"""Called with the seconds of audio done since the last call."""


def check_progress(progress: object) -> None:
    """Raise ConfigError for what cannot be called."""
    if progress is not None and not callable(progress):
        raise ConfigError(f"progress is called with seconds, but {shown(progress)} cannot be")


class Search(Protocol):
    """Chooses the codes of a recording in place of the quantizers, as `RateDistortion` does."""

    def check(self, model: ModelId, network: Network, n_codebooks: int, /) -> None:
        """Raises a SpeechVQError if it cannot choose the codes of that many codebooks."""

    def __call__(
        self,
        network: Network,
        features: Sequence[Tensor],
        speaker_embedding: Tensor,
        n_codebooks: int,
        /,
    ) -> list[Tensor]:
        """Codes (b, f) of each codebook, from features (b, d, f) of each level, coarse first."""
        ...


class EncodingSession:
    """Waveforms side by side to codes.

    n_codebooks: how many codebooks are coded
    lengths: of each waveform, in samples at the model's rate; what is fed after them is padding. By
      default there is one waveform, and it is as long as what is fed
    search: what chooses the codes, in place of the quantizers. It needs all features of a
      recording, so all codes come at the end

    Raises ConfigError for another number of codebooks, AudioError for samples, lengths or an order
    of calls that cannot be, and ModelError for a network whose weights were changed in type.
    """

    @isolated()
    def __init__(
        self,
        network: Network,
        n_codebooks: int,
        *,
        lengths: Sequence[int] | None = None,
        search: Search | None = None,
    ) -> None:
        network = own_network(network)
        self._network, self._search = network, search
        check_weights(network)
        config = network.config
        self.n_codebooks = whole_number(
            n_codebooks, range(1, len(config.codebooks) + 1), ConfigError, "codebooks"
        )
        self._lengths = None if lengths is None else _checked_lengths(lengths)
        batch = 1 if self._lengths is None else len(self._lengths)
        self._encoder = network.initial_encoder(batch)
        self._reference = network.reference.initial_state(batch)
        self._features: list[list[Tensor]] = []
        self._samples = self._frames = 0
        self._finished = False

    @isolated()
    @torch.inference_mode()
    def feed(self, samples: Wave, *, last: bool = False) -> list[Tensor]:
        """Take samples (b, n); return the codes (b, f) of each codebook that are known now.

        last: nothing follows. Zeros then stand in for what the encoder looks ahead to
        """
        network, samples = self._network, self._checked(samples)
        if self._finished:
            return []
        self._samples += samples.shape[-1]
        if last:
            samples = np.pad(samples, ((0, 0), (0, self._padding())))
            self._lengths = [self._samples] if self._lengths is None else self._lengths
            if max(self._lengths) > self._samples:
                raise AudioError(
                    f"the longest waveform has {max(self._lengths)} samples, but {self._samples} "
                    "were fed"
                )
            self._finished = True
        wave = torch.tensor(np.ascontiguousarray(samples), device=network.device).unsqueeze(1)
        self._reference = network.reference.step(wave, self._reference, self._ends())
        if self._search is None:
            codes, self._encoder = network.encode_step(wave, self._encoder, self.n_codebooks)
            return self._cut(codes)
        features, self._encoder = network.encoder.step(wave, self._encoder)
        check_finite(*features)
        self._features.append(features)
        if not last:
            return []
        levels = [torch.cat(chunks, -1) for chunks in zip(*self._features, strict=True)]
        embedding = from_steps(self._steps())
        return self._cut(self._search(network, levels, embedding, self.n_codebooks))

    def finish(self) -> list[Tensor]:
        """The codes that still waited for what follows them; none after the last chunk."""
        batch = 1 if self._lengths is None else len(self._lengths)
        return [] if self._finished else self.feed(np.zeros((batch, 0), np.float32), last=True)

    @isolated()
    @torch.inference_mode()
    def speaker_embeddings(self) -> list[bytes]:
        """The packed speaker embedding of each waveform, from what was fed so far."""
        return [pack(steps) for steps in self._steps().tolist()]

    def _checked(self, samples: object) -> Wave:
        """Samples as an array (b, n) of float32. Raises AudioError."""
        chunk, batch = checked_samples(samples), len(self._lengths or (None,))
        if self._finished and chunk.size:
            raise AudioError("the session has ended: make another one for what follows")
        if chunk.ndim != 2 or len(chunk) != batch:
            raise AudioError(f"this session takes samples of shape ({batch}, n), not {chunk.shape}")
        return chunk

    def _steps(self) -> Tensor:
        embedding = self._network.reference.finish(self._reference, self._ends())
        check_finite(embedding)
        return to_steps(embedding)

    def _ends(self) -> Tensor | None:
        lengths = self._lengths
        return None if lengths is None else torch.tensor(lengths, device=self._network.device)

    def _padding(self) -> int:
        """Zeros that the last codes wait for, and the last frames of the reference encoder."""
        network = self._network
        needed = network.frames(self._samples) * network.hop + network.encoder_lookahead
        return max(needed - self._samples, network.config.window)

    def _cut(self, codes: Sequence[Tensor]) -> list[Tensor]:
        """Codes without those of frames that begin after the end, of which padding makes some."""
        network, first_frame = self._network, self._frames
        self._frames += codes[0].shape[-1]
        if not self._finished:
            return list(codes)
        samples_left = (network.frames(self._samples) - first_frame) * network.hop
        hops = (hop for hop, _ in network.config.codebooks)
        return [row[:, : samples_left // hop] for row, hop in zip(codes, hops, strict=False)]


class DecodingSession:
    """Codes of one recording to its waveform at the model's rate.

    embedding: speaker embedding (1, n), which may be replaced between chunks

    Raises CodesError for codes or an order of calls that cannot be, SpeakerError for an embedding
    that does not fit, and ModelError for a network whose weights were changed in type.
    """

    @isolated()
    def __init__(self, network: Network, embedding: Tensor) -> None:
        network = own_network(network)
        check_weights(network)
        self._network, self.embedding = network, checked_embedding(network, embedding, 1)
        self._decoder = network.initial_decoder(1)
        self._finished = False

    @isolated()
    @torch.inference_mode()
    def feed(self, codebooks: Sequence[NDArray[np.integer]], *, last: bool = False) -> Wave:
        """Take codes (f,) of each codebook; return the samples (n,) that are complete now.

        codebooks: coarse first, a whole number of frames of the coarsest
        last: nothing follows. Zeros then stand in for what the decoder looks ahead to
        """
        network = self._network
        arrays = checked_rows(network, codebooks)
        if self._finished and arrays[0].size:
            raise CodesError("the session has ended: make another one for what follows")
        if self._finished:
            return np.zeros(0, np.float32)
        embedding = checked_embedding(network, self.embedding, 1)
        rows = [
            torch.from_numpy(codes.astype(np.int64))[None].to(network.device) for codes in arrays
        ]
        wave, self._decoder = network.decode_step(rows, embedding, self._decoder, last=last)
        self._finished = last
        check_finite(wave)
        return wave[0, 0].cpu().numpy()

    def finish(self) -> Wave:
        """The samples that still waited for what follows them; none after the last codes."""
        if self._finished:
            return np.zeros(0, np.float32)
        return self.feed([np.zeros(0, np.int64)], last=True)


def _checked_lengths(lengths: Iterable[int]) -> list[int]:
    """Raises AudioError."""
    try:
        counts = list(lengths)
    except TypeError:
        counts = []
    if not counts:
        raise AudioError(f"lengths must be one number of samples or more, not {shown(lengths)}")
    return [
        whole_number(count, SAMPLES, AudioError, "the length of a waveform") for count in counts
    ]


def encoded(
    network: Network,
    model: ModelId,
    n_codebooks: int,
    recordings: Sources,
    search: Search | None = None,
    progress: Progress | None = None,
) -> list[Codes]:
    """The codes of recordings side by side. search: as in `EncodingSession`.

    Raises what `search.check` raises.
    """
    if search is not None:
        if not callable(search) or not hasattr(search, "check"):
            raise ConfigError(
                f"a search chooses codes, as RateDistortion does; {shown(search)} does not"
            )
        search.check(model, network, n_codebooks)
    check_progress(progress)
    lengths = recordings.lengths
    session = EncodingSession(network, n_codebooks, lengths=lengths, search=search)
    chunk_codes: list[list[Tensor]] = []
    for chunk, last in fixed_length(recordings.chunks, max(lengths)):
        chunk_codes.append(session.feed(chunk, last=last))
        if progress is not None:
            progress(chunk.shape[-1] / recordings.model_rate)
    parts = zip(*(codes for codes in chunk_codes if codes), strict=True)
    rows = [torch.cat(codes, -1).cpu().numpy().astype(np.uint16) for codes in parts]
    shapes = tuple(CodebookShape(*pair) for pair in network.config.codebooks[:n_codebooks])
    records = []
    for index, embedding in enumerate(session.speaker_embeddings()):
        rates = (recordings.model_rate, recordings.rate, recordings.samples[index])
        counts = frames(shapes, *rates)
        codebooks = tuple(row[index, :count] for row, count in zip(rows, counts, strict=True))
        records.append(Codes(model, *rates, shapes, codebooks, embedding))
    return records


def decoded(
    network: Network, codes: Codes, embedding: Tensor, progress: Progress | None = None
) -> Iterator[Wave]:
    """The waveform of codes at the model's rate, in chunks, a little longer than the recording.

    embedding: speaker embedding (1, n)
    """
    check_progress(progress)
    session = DecodingSession(network, embedding)
    sample_rate, hop = network.config.sample_rate, network.hop
    step = sources.CHUNK_SECONDS * sample_rate // hop
    for first in range(0, codes.frames[0], step):
        chunk = [
            row[first * hop // shape.hop : (first + step) * hop // shape.hop]
            for shape, row in zip(codes.shapes, codes.codebooks, strict=True)
        ]
        yield session.feed(chunk, last=first + step >= codes.frames[0])
        if progress is not None:
            progress(len(chunk[0]) * hop / sample_rate)
