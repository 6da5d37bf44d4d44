"""Static frequency tables: how often each code comes in a context, in integers.

The decoder knows the context as well. A tables file is a safetensors file. Its metadata entry
`speechvq-tables` holds JSON: {"format": 1, "model", "digest", "shapes", "contexts"}, which name the
model whose codes these are, the codebooks' shapes, and the context of each codebook:

- "order 0": none, every code has the same table;
- "previous code": the code before in the same codebook; the first code has a context of its own,
  numbered like one more codeword;
- "coarser code": the code at the same time in the codebook before.

For codebook i the tensor `frequency<i>` (contexts, codewords), uint8, holds indices into the tensor
`levels` (256,), uint32, which holds the frequencies.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from glob import escape
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from speechvq import shipped
from speechvq.codes.header import TABLES
from speechvq.codes.range_coder import RangeDecoder, RangeEncoder, distribution
from speechvq.codes.record import CodeArrays, CodebookShape, ModelId
from speechvq.errors import ModelError, SpeechVQError, shown
from speechvq.limits import CODEBOOKS, CODER_BYTES, whole_number
from speechvq.output import new_file
from speechvq.weights import INTEGERS, WeightsFile, parse_weights, read_weights

Context = Literal["order 0", "previous code", "coarser code"]
ENTRY, KIND, FORMAT, SUFFIX = "speechvq-tables", "tables", 1, ".tables"

EARLIER_NAMES = {"nothing": "order 0", "before": "previous code", "above": "coarser code"}
"""What contexts are called in files of the first months, such as the bundled one."""


@dataclass(frozen=True, eq=False)
class FrequencyTable:
    """The table of one codebook.

    context: what its rows stand for
    indices: (contexts, codewords), of the frequencies among the 256 that there are
    """

    context: Context
    indices: NDArray[np.uint8]


class TablesCoder:
    """A `Coder` by frequency tables.

    model: the model whose codes they know
    shapes: the codebooks' shapes, coarse first
    frequencies: those that there are (256,), integers from 1 to 2^24
    tables: one per codebook
    digest: the first bytes of the SHA-256 of their file
    """

    coding = TABLES

    def __init__(
        self,
        model: ModelId,
        shapes: Sequence[CodebookShape],
        frequencies: NDArray[np.uint32],
        tables: Sequence[FrequencyTable],
        digest: bytes,
    ) -> None:
        self.model, self.shapes, self.tables = model, tuple(shapes), tuple(tables)
        self.digest = digest
        self._frequencies = frequencies.astype(
            np.float64
        )  # integers, as the range coder takes them

    def encode(self, codebooks: Sequence[NDArray[np.uint16]], speaker_embedding: bytes) -> bytes:
        """See `Coder`."""
        del speaker_embedding
        coder = RangeEncoder()
        for index, codes in enumerate(codebooks):
            distribution_in = self._distributions(index)
            rows = self._rows(index, codes, codebooks)
            for code, row in zip(codes.tolist(), rows.tolist(), strict=True):
                coder.put_code(code, distribution_in(row))
        return coder.data()

    def decode(self, counts: Sequence[int], data: bytes, speaker_embedding: bytes) -> CodeArrays:
        """See `Coder`."""
        del speaker_embedding
        coder, codebooks = RangeDecoder(data), list[NDArray[np.uint16]]()
        for index, count in enumerate(counts):
            distribution_in, codes = self._distributions(index), np.empty(count, np.uint16)
            if self.tables[index].context == "previous code":
                code = self.shapes[index].size
                for place in range(count):
                    codes[place] = code = coder.next_code(distribution_in(code))
            else:
                for place, row in enumerate(self._rows(index, codes, codebooks).tolist()):
                    codes[place] = coder.next_code(distribution_in(row))
            codebooks.append(codes)
        return tuple(codebooks)

    def _distributions(self, index: int) -> Callable[[int], Any]:
        """The distribution of each row of a codebook's table, made once."""
        indices = self.tables[index].indices
        return cache(lambda row: distribution(self._frequencies[indices[row]]))

    def _rows(
        self, index: int, codes: NDArray[np.uint16], codebooks: Sequence[NDArray[np.uint16]]
    ) -> NDArray[np.intp]:
        """The row of every code (n,) of a codebook."""
        return rows(self.tables[index].context, index, codes, codebooks, self.shapes[index].size)


def rows(
    context: Context,
    index: int,
    codes: NDArray[np.uint16],
    codebooks: Sequence[NDArray[np.uint16]],
    size: int,
) -> NDArray[np.intp]:
    """The row of the table for every code (n,) of codebook `index`, given those before it."""
    match context:
        case "order 0":
            return np.zeros(len(codes), np.intp)
        case "previous code":
            return np.concatenate([[size], codes[:-1]]).astype(np.intp)
        case "coarser code":
            coarser = codebooks[index - 1]
            return np.repeat(coarser, len(codes) // len(coarser)).astype(np.intp)


def row_count(context: Context, index: int, shapes: Sequence[CodebookShape]) -> int:
    """Rows of the table of a codebook; none for the coarser code of the first."""
    match context:
        case "order 0":
            return 1
        case "previous code":
            return shapes[index].size + 1
        case "coarser code":
            return shapes[index - 1].size if index else 0


def save_tables(
    path: Path,
    model: ModelId,
    shapes: Sequence[CodebookShape],
    frequencies: NDArray,
    tables: Sequence[FrequencyTable],
    *,
    force: bool = False,
) -> None:
    """Write a tables file; replace one only with `force`.

    Raises OutputError, or ModelError for one that could not be read.
    """
    from safetensors.numpy import save

    header = {
        "format": FORMAT,
        "model": model.name,
        "digest": model.digest.hex(),
        "shapes": [(shape.hop, shape.size) for shape in shapes],
        "contexts": [table.context for table in tables],
    }
    arrays: dict[str, NDArray] = {"levels": frequencies.astype(np.uint32)}
    arrays |= {f"frequency{index}": table.indices for index, table in enumerate(tables)}
    data = save(arrays, {ENTRY: json.dumps(header)})
    _tables_of(parse_weights(data, path, ENTRY, KIND, FORMAT, INTEGERS))
    with new_file(path, force=force) as result:
        result.write(data)


def load_tables(path: str | Path) -> TablesCoder:
    """Read a tables file. Raises ModelError."""
    path = Path(path)
    return _tables_of(read_weights(path, ENTRY, KIND, FORMAT, INTEGERS))


def _tables_of(file: WeightsFile) -> TablesCoder:
    header, arrays = file.header, file.arrays()
    try:
        pairs = header["table"] if "table" in header else header["shapes"]
        whole_number(len(pairs), range(1, CODEBOOKS + 1), ModelError, "the number of its codebooks")
        shapes = [CodebookShape(hop, size) for hop, size in pairs]
        if any(coarse.hop % fine.hop for coarse, fine in pairwise(shapes)):
            raise ModelError("the hop of each codebook must be a multiple of the next one's")
        contexts = [EARLIER_NAMES.get(str(name), name) for name in header["contexts"]]
        tables = [
            _table(context, index, shapes, arrays[f"frequency{index}"])
            for index, (context, _) in enumerate(zip(contexts, shapes, strict=True))
        ]
        model = ModelId(header["model"], bytes.fromhex(header["digest"]))
        digest = file.digest[:CODER_BYTES]
        return TablesCoder(model, shapes, _frequencies(arrays["levels"]), tables, digest)
    except KeyError as error:
        raise ModelError(
            f"{file.path} is not a file of {KIND}: it lacks {shown(error.args[0])}"
        ) from error
    except (ValueError, TypeError, SpeechVQError) as error:
        raise ModelError(f"{file.path} is not a file of {KIND}: {error}") from error


def tables_beside(path: str | Path | None) -> list[TablesCoder]:
    """The tables for codes of the model file NAME.safetensors.

    They lie in NAME.tables, and earlier ones, which are kept, in NAME.<digest>.tables. The default
    model, for which `path` is None, has bundled tables, which are used anyway. Raises ModelError.
    """
    if path is None:
        return []
    path = Path(path)
    earlier = sorted(path.parent.glob(f"{escape(path.stem)}.????????{SUFFIX}"))
    files = [path.with_suffix(SUFFIX), *earlier]
    return [load_tables(file) for file in files if file.is_file()]


@cache
def shipped_tables() -> tuple[TablesCoder, ...]:
    """The bundled tables."""
    return tuple(load_tables(path) for path in shipped.TABLES)


def _table(
    context: Any,  # noqa: ANN401 - whatever the file says
    index: int,
    shapes: Sequence[CodebookShape],
    indices: NDArray,
) -> FrequencyTable:
    """Raises ValueError."""
    coarser = shapes[index - 1].hop
    if context not in get_args(Context) or (
        context == "coarser code" and (not index or coarser % shapes[index].hop)
    ):
        raise ValueError(f"codebook {index} cannot have the context {shown(context)}")
    expected = row_count(context, index, shapes), shapes[index].size
    if indices.shape != expected or indices.dtype != np.uint8:
        raise ValueError(
            f"the table of codebook {index} has shape {indices.shape}, not {expected}, or is not "
            "of 8-bit integers"
        )
    return FrequencyTable(context, indices)


def _frequencies(levels: NDArray) -> NDArray[np.uint32]:
    """Raises ValueError."""
    fits = levels.shape == (256,) and levels.dtype == np.uint32
    if not fits or not ((levels >= 1) & (levels <= 1 << 24)).all():
        raise ValueError("its levels are not 256 integers from 1 to 2^24")
    return levels
