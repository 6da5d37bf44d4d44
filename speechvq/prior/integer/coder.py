"""Codes to bytes and back by the prior: a range coder that spends minus the logarithm of its probability on each code.

What reaches the coder are the whole numbers of `integer`, the same on every machine.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from speechvq.codes import CodebookShape
from speechvq.codes.coder import Rows
from speechvq.codes.header import CODER, PRIOR
from speechvq.codes.range_coder import RangeDecoder, RangeEncoder, fixed
from speechvq.errors import ModelError
from speechvq.prior.file import NamedPrior
from speechvq.prior.integer.network import IntegerStream, integer_streams

PIECE = 1024
"""Codes whose conditions and frequencies are held at once."""

CodeArray = NDArray[np.uint16]
Streams = Sequence[IntegerStream]
Report = Callable[[int], None]


class PriorCoder:
    """A coder of code files (`codes.coding.Coder`) by a prior that was read from its file.

    report: told on the way how many more codes are done, of all that a file holds
    """

    coding = PRIOR

    def __init__(self, named: NamedPrior, report: Report | None = None) -> None:
        if len(named.digest) != CODER:
            raise ModelError(
                f"the prior {named.name} was not read from a file, so no code file can name it: "
                "save it first"
            )
        self.model, self.digest, self._speaker = named.model, named.digest, named.prior.speaker
        self.shapes = tuple(CodebookShape(hop, size) for hop, size in named.prior.shapes)
        self._prior, self._report = named.prior, report

    @cached_property
    def _streams(self) -> list[IntegerStream]:
        return integer_streams(self._prior)

    def encode(self, codebooks: Sequence[CodeArray], speaker: bytes) -> bytes:
        """See `Coder`."""
        return encode(self._streams, codebooks, self._packed(speaker), self._report)

    def decode(self, counts: Sequence[int], data: bytes, speaker: bytes) -> Rows:
        """See `Coder`."""
        return decode(self._streams, counts, data, self._packed(speaker), self._report)

    def _packed(self, speaker: bytes) -> NDArray[np.uint8]:
        """Raises ValueError for a vector of another length than the prior's."""
        if self._speaker and len(speaker) != -(-self._speaker // 2):
            raise ValueError(f"a speaker vector of {len(speaker)} bytes does not fit the prior")
        return np.frombuffer(speaker, np.uint8)


def encode(
    streams: Streams,
    codebooks: Sequence[CodeArray],
    speaker: NDArray[np.uint8] | None,
    report: Report | None = None,
) -> bytes:
    """Codes of some first codebooks, coarse first, to bytes. speaker: the packed speaker vector, for a prior that knows voices.

    Raises ValueError for more codebooks than the prior has.
    """
    _enough(streams, len(codebooks))
    coder = RangeEncoder()
    for depth, (stream, codebook) in enumerate(zip(streams, codebooks, strict=False)):
        before, state = (
            np.concatenate([[stream.size], codebook[:-1]]).astype(np.int64),
            stream.initial_state(),
        )
        for part in _parts(len(codebook)):
            told = stream.told(codebooks[:depth], part, len(codebook), speaker)
            found, state = stream.step(before[part.start : part.stop], told, state)
            coder.put(codebook[part.start : part.stop], found)
            if report is not None:
                report(len(part))
    return coder.data()


def decode(
    streams: Streams,
    counts: Iterable[int],
    data: bytes,
    speaker: NDArray[np.uint8] | None,
    report: Report | None = None,
) -> tuple[CodeArray, ...]:
    """The inverse; counts: how many codes each codebook has.

    Raises ValueError for bytes that cannot have come from `encode`. Others may give wrong codes: a
    file's checksum tells.
    """
    counts = list(counts)
    _enough(streams, len(counts))
    coder, codebooks = RangeDecoder(data), list[CodeArray]()
    for stream, count in zip(streams, counts, strict=False):
        codebook, before, state = (
            np.empty(count, np.uint16),
            np.array([stream.size]),
            stream.initial_state(),
        )
        for part in _parts(count):
            told = stream.told(codebooks, part, count, speaker)
            for row, place in enumerate(part):
                found, state = stream.step(before, [one[row : row + 1] for one in told], state)
                before = np.array([coder.one(fixed(found[0]))])
                codebook[place] = before[0]
            if report is not None:
                report(len(part))
        codebooks.append(codebook)
    return tuple(codebooks)


def _parts(count: int) -> Iterator[range]:
    """Frames in pieces."""
    return (range(first, min(first + PIECE, count)) for first in range(0, count, PIECE))


def _enough(streams: Streams, codebooks: int) -> None:
    if codebooks > len(streams):
        raise ValueError(f"the prior has {len(streams)} codebooks, the codes have {codebooks}")
