"""Entropy coding by the prior: a range coder with the frequencies of the integer network.

The size of the bytes is the ideal code length, minus the base-2 logarithm of the codes'
probability, to about one part in a thousand.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from speechvq.codes import CodebookShape
from speechvq.codes.header import PRIOR
from speechvq.codes.range_coder import RangeDecoder, RangeEncoder, distribution
from speechvq.codes.record import CodeArrays, as_array, checked_codes
from speechvq.errors import CodesError, ModelError, shown
from speechvq.limits import CODER_BYTES, SAMPLES, instance, whole_number
from speechvq.nn.isolation import isolated
from speechvq.nn.precision import check_weights
from speechvq.prior.file import Prior
from speechvq.prior.integer.network import IntegerStream, integer_streams

CHUNK = 1024
"""Codes whose conditions and frequencies are held in memory at once."""

CodeArray = NDArray[np.uint16]
Streams = Sequence[IntegerStream]
Report = Callable[[int], None]


class PriorCoder:
    """A coder of code files (`codes.coder.Coder`) by a prior that was read from its file.

    report: called with the number of codes that were coded since its last call
    Raises ModelError for a prior without a file, and for what is none.
    """

    coding = PRIOR

    def __init__(self, prior: Prior, report: Report | None = None) -> None:
        instance(prior, Prior, ModelError, "a prior is a Prior, as speechvq.load_prior gives it")
        check_weights(prior.network)
        if len(prior.digest) != CODER_BYTES:
            raise ModelError(
                f"the prior {prior.name} was not read from a file, so no code file can refer to "
                "it: save and load it first"
            )
        self.model, self.digest = prior.model, prior.digest
        self.shapes = tuple(CodebookShape(hop, size) for hop, size in prior.network.shapes)
        self._prior, self._report = prior, report

    @cached_property
    def _streams(self) -> list[IntegerStream]:
        return integer_streams(self._prior.network)

    @isolated()
    def encode(self, codebooks: Sequence[CodeArray], speaker: bytes) -> bytes:
        """See `Coder`. Raises CodesError for what are no codes of the prior's model."""
        codebooks = self._codebooks(codebooks)
        return encode(self._streams, codebooks, self._embedding(speaker), self._report)

    @isolated()
    def decode(self, counts: Sequence[int], data: bytes, speaker: bytes) -> CodeArrays:
        """See `Coder`. Raises CodesError for what cannot have come from `encode`."""
        instance(data, bytes, CodesError, "coded codes must be bytes")
        counts, embedding = self._counts(counts), self._embedding(speaker)
        try:
            return decode(self._streams, counts, data, embedding, self._report)
        except ValueError as error:
            raise CodesError(str(error)) from error

    def _codebooks(self, codebooks: Sequence[CodeArray]) -> list[CodeArray]:
        """Codes that the prior knows. Raises CodesError."""
        if not isinstance(codebooks, list | tuple):
            raise CodesError(f"give a list of codes per codebook, not {shown(codebooks)}")
        rows = [as_array(index, codes) for index, codes in enumerate(codebooks)]
        counts = self._counts([row.size for row in rows])
        samples = counts[0] * self.shapes[0].hop
        facts = zip(rows, self.shapes, counts, strict=False)
        return [checked_codes(index, samples, *fact) for index, fact in enumerate(facts)]

    def _counts(self, counts: Sequence[int]) -> list[int]:
        """The numbers of codes of the first codebooks of a recording. Raises CodesError."""
        what, most = "the number of codes of a codebook", len(self.shapes)
        if not isinstance(counts, list | tuple) or not 1 <= len(counts) <= most:
            raise CodesError(f"give {what} for 1 to {most} codebooks, not {shown(counts)}")
        numbers = [whole_number(count, range(SAMPLES.stop), CodesError, what) for count in counts]
        ratios = [self.shapes[0].hop // shape.hop for shape in self.shapes[: len(numbers)]]
        if numbers != [numbers[0] * ratio for ratio in ratios]:
            raise CodesError(
                f"codebooks of {shown(numbers)} codes are not of one recording: for each code of "
                f"the first, they have {shown(ratios)}"
            )
        return numbers

    def _embedding(self, packed: bytes) -> NDArray[np.uint8]:
        """Raise CodesError unless these are as many bytes as the prior's embeddings have."""
        instance(packed, bytes, CodesError, "a packed speaker embedding must be bytes")
        speaker_dim = self._prior.network.speaker_dim
        if speaker_dim and len(packed) != -(-speaker_dim // 2):
            raise CodesError(f"a speaker embedding of {len(packed)} bytes does not fit the prior")
        return np.frombuffer(packed, np.uint8)


def encode(
    streams: Streams,
    codebooks: Sequence[CodeArray],
    speaker_embedding: NDArray[np.uint8] | None,
    report: Report | None = None,
) -> bytes:
    """Codes (n_l,) of the first codebooks, coarse first, to bytes.

    speaker_embedding: packed, for a prior with speakers
    Raises ValueError for more codebooks than the prior has.
    """
    _check_count(streams, len(codebooks))
    coder = RangeEncoder()
    for index, (stream, codes) in enumerate(zip(streams, codebooks, strict=False)):
        previous = np.concatenate([[stream.codebook_size], codes[:-1]]).astype(np.int64)
        state = stream.initial_state()
        for part in _chunks(len(codes)):
            conditions = stream.conditions(codebooks[:index], part, len(codes), speaker_embedding)
            rows = slice(part.start, part.stop)
            frequencies, state = stream.step(previous[rows], conditions, state)
            coder.put(codes[rows], frequencies)
            if report is not None:
                report(len(part))
    return coder.data()


def decode(
    streams: Streams,
    counts: Iterable[int],
    data: bytes,
    speaker_embedding: NDArray[np.uint8] | None,
    report: Report | None = None,
) -> tuple[CodeArray, ...]:
    """The inverse of `encode`. counts: the number of codes of each codebook.

    Raises ValueError for bytes that cannot come from `encode`. Other damage gives wrong codes,
    which the checksum of a code file detects.
    """
    counts = list(counts)
    _check_count(streams, len(counts))
    coder, codebooks = RangeDecoder(data), list[CodeArray]()
    for stream, count in zip(streams, counts, strict=False):
        codes, state = np.empty(count, np.uint16), stream.initial_state()
        previous = np.array([stream.codebook_size])
        for part in _chunks(count):
            conditions = stream.conditions(codebooks, part, count, speaker_embedding)
            for row, position in enumerate(part):
                here = [condition[row : row + 1] for condition in conditions]
                frequencies, state = stream.step(previous, here, state)
                codes[position] = code = coder.next_code(distribution(frequencies[0]))
                previous = np.array([code])
            if report is not None:
                report(len(part))
        codebooks.append(codes)
    return tuple(codebooks)


def _chunks(count: int) -> Iterator[range]:
    return (range(first, min(first + CHUNK, count)) for first in range(0, count, CHUNK))


def _check_count(streams: Streams, n_codebooks: int) -> None:
    if n_codebooks > len(streams):
        raise ValueError(f"the prior has {len(streams)} codebooks, the codes have {n_codebooks}")
