"""Weights and a header in one safetensors file. Nothing in it is code."""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from speechvq.errors import ModelError

if TYPE_CHECKING:
    from torch import Tensor


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

        try:
            return {name: value.float() for name, value in load(self.data).items()}
        except (SafetensorError, ValueError) as error:
            raise ModelError(f"{self.path} is not a speechvq {self.kind}: {error}") from error


def read_weights(path: Path, entry: str, kind: str, version: int) -> WeightsFile:
    """Read a file, and check its header. This needs no torch.

    entry: the metadata entry that holds the header
    kind: "model" or "prior", for messages
    version: the format that is known
    Raises ModelError when the file is missing, of another kind, or of another format.
    """
    if not path.is_file():
        raise ModelError(f"there is no {kind} file {path}")
    try:
        data = path.read_bytes()
        tensors = _tensors(data)
        header = json.loads(tensors.pop("__metadata__", {}).get(entry, "{}"))
        shapes = {name: tuple(map(int, facts["shape"])) for name, facts in tensors.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelError(f"{path} is not a speechvq {kind}: {error}") from error
    if not isinstance(header, dict) or "format" not in header:
        raise ModelError(f"{path} is not a speechvq {kind}: its header does not say that it is one")
    if header["format"] != version:
        raise ModelError(
            f"{path} has {kind} format {header['format']}, this speechvq reads {version}"
        )
    return WeightsFile(header, shapes, hashlib.sha256(data).digest(), data, path, kind)


def _tensors(data: bytes) -> dict[str, Any]:
    """What a safetensors file says of its tensors and of itself. Raises ValueError."""
    start = 8 + int.from_bytes(data[:8], "little")
    if len(data) < 8 or start > len(data):
        raise ValueError("it does not begin like a safetensors file, or is truncated")
    tensors = json.loads(data[8:start])
    if not isinstance(tensors, dict):
        raise ValueError("its header is not a JSON object")  # noqa: TRY004 - data, not an argument
    ends = [facts["data_offsets"][1] for name, facts in tensors.items() if name != "__metadata__"]
    if max(ends, default=0) != len(data) - start:
        raise ValueError("it is truncated, or longer than its header says")
    return tensors
