"""Static tables: how often each code comes, in a context that the decoder knows already, as whole numbers beside the model.

A tables file is a safetensors file. One metadata entry, `speechvq-tables`, holds JSON: {"format":
1, "model", "digest", "table", "contexts"}: whose codes these are, the layers' shapes, and each
layer's context: "nothing", the code "before" in the same layer (none before the first counts as one
more entry), or the code "above" in the layer before at the same time. For layer i the tensor
`frequency<i>` (contexts, entries), uint8, holds places in the tensor `levels`, uint32, where
frequencies stand.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from speechvq.codes.coder import Rows
from speechvq.codes.header import CODER, TABLES
from speechvq.codes.range_coder import RangeDecoder, RangeEncoder, fixed
from speechvq.codes.record import Layer, ModelId
from speechvq.errors import ModelError
from speechvq.output import new_file

Context = Literal["nothing", "before", "above"]
ENTRY, FORMAT, SUFFIX = "speechvq-tables", 1, ".tables"


@dataclass(frozen=True, eq=False)
class LayerTable:
    """Of one layer: what its context is, and of each context the place (contexts, entries) of every frequency."""

    context: Context
    places: NDArray[np.uint8]


class Tables:
    """A coder (`coding.Coder`) by tables.

    model: whose codes they know
    table: the layers' shapes, coarse first
    levels: the frequencies there are (256,), whole numbers from 1 to 2^24
    layers: one table a layer
    digest: first bytes of the SHA-256 of the file
    """

    coding = TABLES

    def __init__(
        self,
        model: ModelId,
        table: Sequence[Layer],
        levels: NDArray[np.uint32],
        layers: Sequence[LayerTable],
        digest: bytes,
    ) -> None:
        self.model, self.table, self.layers, self.digest = (
            model,
            tuple(table),
            tuple(layers),
            digest,
        )
        self._levels = levels.astype(np.float64)  # whole all the same; what the range coder takes

    def encode(self, layers: Sequence[NDArray[np.uint16]], speaker: bytes) -> bytes:
        """See `Coder`."""
        del speaker
        coder = RangeEncoder()
        for depth, layer in enumerate(layers):
            ready = self._ready(depth)
            for code, context in zip(
                layer.tolist(), self._contexts(depth, layer, layers).tolist(), strict=True
            ):
                coder.one(code, ready(context))
        return coder.data()

    def decode(self, counts: Sequence[int], data: bytes, speaker: bytes) -> Rows:
        """See `Coder`."""
        del speaker
        coder, layers = RangeDecoder(data), list[NDArray[np.uint16]]()
        for depth, count in enumerate(counts):
            ready, found = self._ready(depth), np.empty(count, np.uint16)
            if self.layers[depth].context == "before":
                code = self.table[depth].size
                for index in range(count):
                    found[index] = code = coder.one(ready(code))
            else:
                for index, context in enumerate(self._contexts(depth, found, layers).tolist()):
                    found[index] = coder.one(ready(context))
            layers.append(found)
        return tuple(layers)

    def _ready(self, depth: int) -> Callable[[int], Any]:
        """Of each context of a layer its distribution, made once."""
        places = self.layers[depth].places
        return cache(lambda context: fixed(self._levels[places[context]]))

    def _contexts(
        self, depth: int, layer: NDArray[np.uint16], layers: Sequence[NDArray[np.uint16]]
    ) -> NDArray[np.intp]:
        """The context of every code of a layer, (n,)."""
        return contexts(self.layers[depth].context, depth, layer, layers, self.table[depth].size)


def contexts(
    kind: Context,
    depth: int,
    layer: NDArray[np.uint16],
    layers: Sequence[NDArray[np.uint16]],
    size: int,
) -> NDArray[np.intp]:
    """The number of the context of every code (n,) of a layer, given the layers before it."""
    match kind:
        case "nothing":
            return np.zeros(len(layer), np.intp)
        case "before":
            return np.concatenate([[size], layer[:-1]]).astype(np.intp)
        case "above":
            upper = layers[depth - 1]
            return np.repeat(upper, len(layer) // len(upper)).astype(np.intp)


def save_tables(
    path: Path,
    model: ModelId,
    table: Sequence[Layer],
    levels: NDArray,
    layers: Sequence[LayerTable],
) -> None:
    """Write a tables file. Raises OutputError."""
    from safetensors.numpy import save

    header = {
        "format": FORMAT,
        "model": model.name,
        "digest": model.digest.hex(),
        "table": [(layer.hop, layer.size) for layer in table],
        "contexts": [layer.context for layer in layers],
    }
    arrays = {f"frequency{index}": layer.places for index, layer in enumerate(layers)} | {
        "levels": levels.astype(np.uint32)
    }
    with new_file(path) as partial:
        partial.write_bytes(save(arrays, {ENTRY: json.dumps(header)}))


def load_tables(path: str | Path) -> Tables:
    """Read a tables file. Raises ModelError."""
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    try:
        data = path.read_bytes()
        with safe_open(path, "np") as file:
            header = json.loads((file.metadata() or {})[ENTRY])
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
        table = [Layer(int(hop), int(size)) for hop, size in header["table"]]
        pairs = enumerate(zip(header["contexts"], table, strict=True))
        layers = [
            _layer(kind, depth, table, arrays[f"frequency{depth}"]) for depth, (kind, _) in pairs
        ]
        model = ModelId(str(header["model"]), bytes.fromhex(header["digest"]))
        if header["format"] != FORMAT:
            raise ModelError(
                f"{path} has tables format {header['format']}, this speechvq reads {FORMAT}"
            )
        return Tables(
            model, table, _levels(arrays["levels"]), layers, hashlib.sha256(data).digest()[:CODER]
        )
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is not a file of tables: {error}") from error


def _layer(kind: Any, depth: int, table: Sequence[Layer], places: NDArray) -> LayerTable:  # noqa: ANN401 - whatever JSON gave
    """Raises ValueError."""
    if kind not in get_args(Context) or (kind == "above" and not depth):
        raise ValueError(f"layer {depth} cannot have the context {kind!r}")
    rows = {"nothing": 1, "before": table[depth].size + 1, "above": table[depth - 1].size}[kind]
    if places.shape != (rows, table[depth].size) or places.dtype != np.uint8:
        raise ValueError(
            f"the table of layer {depth} has shape {places.shape}, not {(rows, table[depth].size)}"
        )
    return LayerTable(kind, places)


def _levels(levels: NDArray) -> NDArray[np.uint32]:
    """Raises ValueError."""
    if (
        levels.shape != (256,)
        or levels.dtype != np.uint32
        or not ((levels >= 1) & (levels <= 1 << 24)).all()
    ):
        raise ValueError("its levels are not 256 whole numbers from 1 to 2^24")
    return levels


@cache
def shipped() -> tuple[Tables, ...]:
    """The tables that come with the package."""
    return tuple(
        load_tables(path)
        for path in sorted((Path(__file__).parent.parent / "models").glob(f"*{SUFFIX}"))
    )
