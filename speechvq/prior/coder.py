"""Codes to bytes and back by the prior: a range coder that spends minus the logarithm of its probability on each code.

The coder is constriction's (Bamler 2022); what reaches it are the whole numbers of `integer`, the same on every machine.
"""

from collections.abc import Iterable, Sequence

import constriction
import numpy as np
from numpy.typing import NDArray

from speechvq.prior.integer import IntegerStream

PIECE = 1024
"""Codes whose frequencies are held at once while encoding."""

Layer = NDArray[np.uint16]
Streams = Sequence[IntegerStream]
Categorical = constriction.stream.model.Categorical  # type: ignore[attr-defined] - it has no stubs
RangeEncoder = constriction.stream.queue.RangeEncoder  # type: ignore[attr-defined]
RangeDecoder = constriction.stream.queue.RangeDecoder  # type: ignore[attr-defined]


def encode(streams: Streams, layers: Sequence[Layer], speaker: NDArray[np.uint8] | None) -> bytes:
    """Codes of some first layers, coarse first, to bytes. speaker: the packed speaker vector, for a prior that knows voices."""
    coder, family = RangeEncoder(), Categorical(perfect=False)
    for depth, (stream, layer) in enumerate(zip(streams, layers, strict=False)):
        told, state = stream.condition(layers[:depth], len(layer), speaker), stream.initial_state()
        before = np.concatenate([[stream.size], layer[:-1]]).astype(np.int64)
        for first in range(0, len(layer), PIECE):
            part = slice(first, first + PIECE)
            found, state = stream.step(before[part], [one[part] for one in told], state)
            coder.encode(layer[part].astype(np.int32), family, found.astype(np.float64))
    return coder.get_compressed().astype("<u4").tobytes()


def decode(streams: Streams, counts: Iterable[int], data: bytes, speaker: NDArray[np.uint8] | None) -> tuple[Layer, ...]:
    """The inverse; counts: how many codes each layer has.

    Raises ValueError for bytes that are no whole number of words. Damaged words give wrong codes: the file's checksum tells.
    """
    if len(data) % 4:
        raise ValueError(f"{len(data)} bytes are not a whole number of words")
    coder = RangeDecoder(np.frombuffer(data, "<u4").astype(np.uint32))
    layers: list[Layer] = []
    for stream, count in zip(streams, counts, strict=False):
        told, state = stream.condition(layers, count, speaker), stream.initial_state()
        layer, before = np.empty(count, np.uint16), np.array([stream.size])
        for place in range(count):
            part = slice(place, place + 1)
            found, state = stream.step(before, [one[part] for one in told], state)
            before = np.array([coder.decode(Categorical(found[0].astype(np.float64), perfect=False))])
            layer[place] = before[0]
        layers.append(layer)
    return tuple(layers)
