"""Weights and a header in one safetensors file. Nothing in it is code.

No size in the file is believed before it agrees with the others and with the limits.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speechvq.errors import ModelError, shown
from speechvq.input import read_bytes
from speechvq.limits import HEADER_BYTES, LARGEST_WEIGHT, PARAMETERS, WEIGHTS_BYTES
from speechvq.parsing import parse_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

FLOATS: Mapping[str, int] = {"F16": 2, "BF16": 2, "F32": 4}
"""Types that weights may have, and their bytes."""

INTEGERS: Mapping[str, int] = {"U8": 1, "U32": 4}
"""Types of tables of frequencies."""


@dataclass(frozen=True)
class WeightsFile:
    """A file of weights, read once and not yet unpacked.

    header: the JSON in its metadata entry
    shapes: of every tensor, by its name
    digest: the SHA-256 of the file
    """

    header: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]
    digest: bytes
    data: bytes
    path: Path
    kind: str

    @property
    def parameters(self) -> int:
        """How many numbers it holds."""
        return sum(map(math.prod, self.shapes.values()))

    def weights(self) -> "dict[str, Tensor]":
        """The weights by name, in single precision. Raises ModelError. This needs torch."""
        from safetensors.torch import load

        weights = {name: value.float() for name, value in load(self.data).items()}
        for name, value in weights.items():
            if not value.abs().amax() <= LARGEST_WEIGHT:  # also where it is not a number
                raise ModelError(
                    f"{self.path} is not a speechvq {self.kind}: its weights {shown(name)} hold "
                    f"numbers that are not finite, or beyond {LARGEST_WEIGHT:g}"
                )
        return weights

    def arrays(self) -> "dict[str, NDArray[np.integer]]":
        """The tensors of a file of integers by name. This needs no torch."""
        from safetensors.numpy import load

        return load(self.data)


def read_weights(
    path: Path, entry: str, kind: str, version: int, types: Mapping[str, int] = FLOATS
) -> WeightsFile:
    """Read a file, and check its header. This needs no torch.

    entry: the metadata entry that holds the header
    kind: "model", "prior" or "tables", for messages
    version: the format that is known
    types: which its tensors may have, and their bytes
    Raises ModelError when the file is missing, of another kind, or of another format.
    """
    data = read_bytes(
        path,
        ModelError,
        limit=WEIGHTS_BYTES,
        what=f"{kind} file",
        advice=f"give the file of a {kind}",
    )
    return parse_weights(data, path, entry, kind, version, types)


def parse_weights(
    data: bytes,
    path: Path,
    entry: str,
    kind: str,
    version: int,
    types: Mapping[str, int] = FLOATS,
) -> WeightsFile:
    """The bytes of a file that lies, or will lie, at `path`. As `read_weights`."""
    try:
        tensors = _header(data)
        metadata = tensors.pop("__metadata__", {})
        text = metadata.get(entry, "{}") if isinstance(metadata, dict) else None
        header = parse_json(text) if isinstance(text, str) else None
        shapes = _shapes(tensors, len(data) - _start(data), types)
    except ValueError as error:
        raise ModelError(f"{path} is not {_description(kind)}: {error}") from error
    if not isinstance(header, dict) or "format" not in header:
        raise ModelError(
            f"{path} is not {_description(kind)}: its header does not say that it is one"
        )
    if header["format"] != version:
        raise ModelError(
            f"{path} has {kind} format {shown(header['format'])}, this speechvq reads {version}"
        )
    return WeightsFile(header, shapes, hashlib.sha256(data).digest(), data, path, kind)


def _description(kind: str) -> str:
    return "a file of tables" if kind == "tables" else f"a speechvq {kind}"


def _start(data: bytes) -> int:
    """Where the tensors begin."""
    return 8 + int.from_bytes(data[:8], "little")


def _header(data: bytes) -> dict[str, Any]:
    """What a safetensors file says of its tensors and of itself. Raises ValueError."""
    start = _start(data)
    if len(data) < 8 or start > len(data):
        raise ValueError("it does not begin like a safetensors file, or is truncated")
    if start > HEADER_BYTES:
        raise ValueError(f"its header has {start} bytes, more than {HEADER_BYTES}")
    header = parse_json(data[8:start])
    if not isinstance(header, dict):
        raise ValueError("its header is not a JSON object")  # noqa: TRY004 - data, not an argument
    return header


def _shapes(
    tensors: dict[str, Any], size: int, types: Mapping[str, int]
) -> dict[str, tuple[int, ...]]:
    """The shapes of tensors that fill the `size` bytes behind the header. Raises ValueError."""
    shapes, spans = {}, []
    for name, facts in tensors.items():
        if not isinstance(facts, dict) or set(facts) != {"dtype", "shape", "data_offsets"}:
            raise ValueError(f"its tensor {shown(name)} is not described as it must be")
        shape, span, kind = facts["shape"], facts["data_offsets"], facts["dtype"]
        if not isinstance(kind, str) or kind not in types:
            raise ValueError(
                f"its tensor {shown(name)} is of type {shown(kind)}, not {' or '.join(types)}"
            )
        shapes[name] = _whole_numbers(shape, range(1, PARAMETERS + 1), f"shape of {shown(name)}")
        begin, end = _whole_numbers(span, range(size + 1), f"place of {shown(name)}", 2)
        if end - begin != math.prod(shapes[name]) * types[kind]:
            raise ValueError(f"its tensor {shown(name)} has a shape that does not fit its bytes")
        spans.append((begin, end))
    place = 0
    for begin, end in sorted(spans):
        if begin != place:
            raise ValueError("its tensors overlap, or leave gaps")
        place = end
    if place != size:
        raise ValueError("it is truncated, or longer than its header says")
    if (numbers := sum(map(math.prod, shapes.values()))) > PARAMETERS:
        raise ValueError(f"it holds {numbers} numbers, more than {PARAMETERS}")
    return shapes


def _whole_numbers(
    values: object, within: range, what: str, count: int | None = None
) -> tuple[int, ...]:
    """A list of at most eight whole numbers. Raises ValueError."""
    if (
        not isinstance(values, list)
        or len(values) > 8
        or count not in (None, len(values))
        or not all(type(value) is int and value in within for value in values)
    ):
        raise ValueError(f"the {what} is {shown(values)}")
    return tuple(values)
