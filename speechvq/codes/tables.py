"""Static tables: how often each code comes, in a context that the decoder knows already, as whole numbers beside the model.

A tables file is a safetensors file. One metadata entry, `speechvq-tables`, holds JSON: {"format":
1, "model", "digest", "table", "contexts"}: whose codes these are, the codebooks' shapes, and each
codebook's context: "nothing", the code "before" in the same codebook (none before the first counts as one
more codeword), or the code "above" in the codebook before at the same time. For codebook i the tensor
`frequency<i>` (contexts, codewords), uint8, holds places in the tensor `levels`, uint32, where
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
from speechvq.codes.record import CodebookShape, ModelId
from speechvq.errors import ModelError
from speechvq.output import new_file

Context = Literal["nothing", "before", "above"]
ENTRY, FORMAT, SUFFIX = "speechvq-tables", 1, ".tables"


@dataclass(frozen=True, eq=False)
class LayerTable:
    """Of one codebook: what its context is, and of each context the place (contexts, codewords) of every frequency."""

    context: Context
    places: NDArray[np.uint8]


class Tables:
    """A coder (`coding.Coder`) by tables.

    model: whose codes they know
    shapes: the codebooks' shapes, coarse first
    levels: the frequencies there are (256,), whole numbers from 1 to 2^24
    codebooks: one table a codebook
    digest: first bytes of the SHA-256 of the file
    """

    coding = TABLES

    def __init__(
        self,
        model: ModelId,
        shapes: Sequence[CodebookShape],
        levels: NDArray[np.uint32],
        codebooks: Sequence[LayerTable],
        digest: bytes,
    ) -> None:
        self.model, self.shapes, self.codebooks, self.digest = (
            model,
            tuple(shapes),
            tuple(codebooks),
            digest,
        )
        self._levels = levels.astype(np.float64)  # whole all the same; what the range coder takes

    def encode(self, codebooks: Sequence[NDArray[np.uint16]], speaker: bytes) -> bytes:
        """See `Coder`."""
        del speaker
        coder = RangeEncoder()
        for depth, codebook in enumerate(codebooks):
            ready = self._ready(depth)
            for code, context in zip(
                codebook.tolist(), self._contexts(depth, codebook, codebooks).tolist(), strict=True
            ):
                coder.one(code, ready(context))
        return coder.data()

    def decode(self, counts: Sequence[int], data: bytes, speaker: bytes) -> Rows:
        """See `Coder`."""
        del speaker
        coder, codebooks = RangeDecoder(data), list[NDArray[np.uint16]]()
        for depth, count in enumerate(counts):
            ready, found = self._ready(depth), np.empty(count, np.uint16)
            if self.codebooks[depth].context == "before":
                code = self.shapes[depth].size
                for index in range(count):
                    found[index] = code = coder.one(ready(code))
            else:
                for index, context in enumerate(self._contexts(depth, found, codebooks).tolist()):
                    found[index] = coder.one(ready(context))
            codebooks.append(found)
        return tuple(codebooks)

    def _ready(self, depth: int) -> Callable[[int], Any]:
        """Of each context of a codebook its distribution, made once."""
        places = self.codebooks[depth].places
        return cache(lambda context: fixed(self._levels[places[context]]))

    def _contexts(
        self, depth: int, codebook: NDArray[np.uint16], codebooks: Sequence[NDArray[np.uint16]]
    ) -> NDArray[np.intp]:
        """The context of every code of a codebook, (n,)."""
        return contexts(
            self.codebooks[depth].context, depth, codebook, codebooks, self.shapes[depth].size
        )


def contexts(
    kind: Context,
    depth: int,
    codebook: NDArray[np.uint16],
    codebooks: Sequence[NDArray[np.uint16]],
    size: int,
) -> NDArray[np.intp]:
    """The number of the context of every code (n,) of a codebook, given the codebooks before it."""
    match kind:
        case "nothing":
            return np.zeros(len(codebook), np.intp)
        case "before":
            return np.concatenate([[size], codebook[:-1]]).astype(np.intp)
        case "above":
            upper = codebooks[depth - 1]
            return np.repeat(upper, len(codebook) // len(upper)).astype(np.intp)


def save_tables(
    path: Path,
    model: ModelId,
    shapes: Sequence[CodebookShape],
    levels: NDArray,
    codebooks: Sequence[LayerTable],
) -> None:
    """Write a tables file. Raises OutputError."""
    from safetensors.numpy import save

    header = {
        "format": FORMAT,
        "model": model.name,
        "digest": model.digest.hex(),
        "table": [(codebook.hop, codebook.size) for codebook in shapes],
        "contexts": [codebook.context for codebook in codebooks],
    }
    arrays = {f"frequency{index}": codebook.places for index, codebook in enumerate(codebooks)} | {
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
        shapes = [CodebookShape(int(hop), int(size)) for hop, size in header["table"]]
        pairs = enumerate(zip(header["contexts"], shapes, strict=True))
        codebooks = [
            _context_table(kind, depth, shapes, arrays[f"frequency{depth}"])
            for depth, (kind, _) in pairs
        ]
        model = ModelId(str(header["model"]), bytes.fromhex(header["digest"]))
        if header["format"] != FORMAT:
            raise ModelError(
                f"{path} has tables format {header['format']}, this speechvq reads {FORMAT}"
            )
        return Tables(
            model,
            shapes,
            _levels(arrays["levels"]),
            codebooks,
            hashlib.sha256(data).digest()[:CODER],
        )
    except (OSError, SafetensorError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is not a file of tables: {error}") from error


def _context_table(
    kind: Any,  # noqa: ANN401 - whatever JSON gave
    depth: int,
    shapes: Sequence[CodebookShape],
    places: NDArray,
) -> LayerTable:
    """Raises ValueError."""
    if kind not in get_args(Context) or (kind == "above" and not depth):
        raise ValueError(f"codebook {depth} cannot have the context {kind!r}")
    rows = {"nothing": 1, "before": shapes[depth].size + 1, "above": shapes[depth - 1].size}[kind]
    if places.shape != (rows, shapes[depth].size) or places.dtype != np.uint8:
        raise ValueError(
            f"the table of codebook {depth} has shape {places.shape}, not {(rows, shapes[depth].size)}"
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
