"""Codes to bytes and back by the prior: a range coder that spends minus the logarithm of its probability on each code.

The coder is constriction's (Bamler 2022); what reaches it are the whole numbers of `integer`, the same on every machine.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

from speechvq.prior.integer import IntegerStream

PIECE = 1024
"""Codes whose conditions and frequencies are held at once."""

Layer = NDArray[np.uint16]
Streams = Sequence[IntegerStream]
Categorical = constriction.stream.model.Categorical  # type: ignore[attr-defined] - it has no stubs
RangeEncoder = constriction.stream.queue.RangeEncoder  # type: ignore[attr-defined]
RangeDecoder = constriction.stream.queue.RangeDecoder  # type: ignore[attr-defined]


def encode(streams: Streams, layers: Sequence[Layer], speaker: NDArray[np.uint8] | None) -> bytes:
    """Codes of some first layers, coarse first, to bytes. speaker: the packed speaker vector, for a prior that knows voices.

    Raises ValueError for more layers than the prior has.
    """
    _enough(streams, len(layers))
    coder, family = RangeEncoder(), Categorical(perfect=False)
    for depth, (stream, layer) in enumerate(zip(streams, layers, strict=False)):
        before, state = np.concatenate([[stream.size], layer[:-1]]).astype(np.int64), stream.initial_state()
        for part in _parts(len(layer)):
            told = stream.told(layers[:depth], part, len(layer), speaker)
            found, state = stream.step(before[part.start : part.stop], told, state)
            coder.encode(layer[part.start : part.stop].astype(np.int32), family, found.astype(np.float64))
    return coder.get_compressed().astype("<u4").tobytes()


def decode(streams: Streams, counts: Iterable[int], data: bytes, speaker: NDArray[np.uint8] | None) -> tuple[Layer, ...]:
    """The inverse; counts: how many codes each layer has.

    Raises ValueError for bytes that cannot have come from `encode`. Others may give wrong codes: a file's checksum tells.
    """
    counts = list(counts)
    _enough(streams, len(counts))
    if len(data) % 4:
        raise ValueError(f"{len(data)} bytes are not a whole number of words")
    coder = RangeDecoder(np.frombuffer(data, "<u4").astype(np.uint32))
    layers: list[Layer] = []
    for stream, count in zip(streams, counts, strict=False):
        layer, before, state = np.empty(count, np.uint16), np.array([stream.size]), stream.initial_state()
        for part in _parts(count):
            told = stream.told(layers, part, count, speaker)
            for row, place in enumerate(part):
                found, state = stream.step(before, [one[row : row + 1] for one in told], state)
                before = np.array([_next(coder, found[0])])
                layer[place] = before[0]
        layers.append(layer)
    return tuple(layers)


def _parts(count: int) -> Iterator[range]:
    """Frames in pieces."""
    return (range(first, min(first + PIECE, count)) for first in range(0, count, PIECE))


def _next(coder: Any, frequencies: NDArray[np.int64]) -> int:  # noqa: ANN401 - constriction has no types
    """The next code. Raises ValueError."""
    try:
        return coder.decode(Categorical(frequencies.astype(np.float64), perfect=False))
    except AssertionError as error:  # what constriction says of words that it would never write
        raise ValueError("the coded bytes are damaged or of another prior") from error


def _enough(streams: Streams, layers: int) -> None:
    if layers > len(streams):
        raise ValueError(f"the prior has {len(streams)} layers, the codes have {layers}")
