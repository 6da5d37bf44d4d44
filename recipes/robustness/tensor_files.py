"""Safetensors files, damaged: their headers as JSON, the JSON within, their weights, their bytes.

8 bytes: length n of the header; n bytes: {"__metadata__": {ENTRY: "JSON"}, NAME: {"dtype",
"shape", "data_offsets"}, ...}; the weights
"""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np

from recipes.robustness.damage import damaged
from recipes.robustness.trees import as_json, changed, raw

METADATA = "__metadata__"
WEIGHTS = (0.0, 1.0, -1.0, 1e-8, 6e4, -6e4, float("nan"), float("inf"), float("-inf"))
"""Weights in half precision."""

LARGE_WEIGHTS = (3e38, -3e38, 1e30, 1e-45, float("nan"), float("inf"))
"""Weights in single precision."""


class TensorFile:
    """A good file in its parts.

    entry: of its metadata, which holds JSON
    header: the JSON in it
    tensors: what it says of its tensors, by their names
    weights: all their bytes
    """

    def __init__(self, data: bytes, entry: str) -> None:
        start = 8 + int.from_bytes(data[:8], "little")
        self.data, self.entry, self.weights = data, entry, data[start:]
        self.tensors: dict[str, Any] = json.loads(data[8:start])
        self.header: dict[str, Any] = json.loads(self.tensors.pop(METADATA)[entry])

    def damaged(self, random: Random, others: Sequence[bytes] = ()) -> tuple[str, bytes]:
        """How the file is damaged in a word, and the damaged file."""
        pick = random.random()
        if pick < 0.03:
            return "good", self.data
        if pick < 0.18:
            return "bytes", damaged(random, self.data, others)
        if pick < 0.70:
            header = as_json(random, changed(random, self.header))
            return "header", self._written(random, header, self.tensors, self.weights)
        if pick < 0.85:
            tensors = changed(random, self.tensors)
            return "tensors", self._written(random, None, tensors, self.weights)
        if pick < 0.90:
            return "single", self._single(random)
        weights = _other_weights(random, self.weights)
        return "weights", self._written(random, None, self.tensors, weights)

    def _written(
        self, random: Random, header: str | None, tensors: dict[str, Any], weights: bytes
    ) -> bytes:
        """A file of these parts, whose header may be damaged further as bytes."""
        entry = json.dumps(self.header) if header is None else header
        # a text in JSON must be valid itself: what is no UTF-8 goes in by its escapes
        metadata = {self.entry: raw(json.dumps(entry))}
        text = as_json(random, {METADATA: metadata, **tensors})
        head = text.encode("utf-8", "surrogatepass")
        if random.random() < 0.03:
            head = damaged(random, head)
        return len(head).to_bytes(8, "little") + head + weights

    def _single(self, random: Random) -> bytes:
        """The weights in single precision, some of them huge."""
        values = np.frombuffer(self.weights, "<f2").astype("<f4")
        for _ in range(random.choice((1, 5, len(values)))):
            values[random.randrange(len(values))] = random.choice(LARGE_WEIGHTS)
        tensors = {
            name: facts
            | {"dtype": "F32", "data_offsets": [2 * place for place in facts["data_offsets"]]}
            for name, facts in self.tensors.items()
        }
        return self._written(random, None, tensors, values.tobytes())


def _other_weights(random: Random, weights: bytes) -> bytes:
    """Some, or all, of the weights changed."""
    values = np.frombuffer(weights, np.uint8).copy()
    if random.random() < 0.3:
        return np.full(len(values) // 2, random.choice(WEIGHTS), "<f2").tobytes()
    halves = values[: len(values) // 2 * 2].view("<f2")
    for _ in range(random.choice((1, 10, 100))):
        halves[random.randrange(len(halves))] = random.choice(WEIGHTS)
    return values.tobytes()
