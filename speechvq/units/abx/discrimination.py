"""ABX discrimination: how often an item is nearer to one of another phone than to one of its own.

Of a triple A, B, X, where A and X have one phone and B has another, d(A, X) > d(B, X) is an error,
and equality is half an error (Schatz et al. 2013). Chance is 50 %. Definitions are those of
ZeroSpeech 2021 as in fastabx: exact slices including the last frame (which Libri-Light's own code
drops), dynamic time warping, and means in a fixed order.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import UnitsError
from speechvq.units.abx.cells import Cell, Context, Speaker, Subsample, cells
from speechvq.units.abx.dtw import Indices, Sequences, pair_distances
from speechvq.units.abx.frame_distance import Distance, comparison, prepared
from speechvq.units.abx.items import Item

BLOCK = 1 << 20  # pairs of items that are compared at a time, each pair once
ROOM = 1 << 22  # triples that are looked at at a time


@dataclass(frozen=True)
class AbxResult:
    """The result of an ABX task.

    error: the error rate, 0 to 1; chance is 0.5
    pairs: the error rate of each phone and other phone
    triples, cells: numbers evaluated
    items: number of items to take triples from
    left_out: number of items that hold no frame, because they are shorter than one
    cut: number of items that extend beyond the last frame of their file, and end there
    """

    error: float
    pairs: Mapping[tuple[str, str], float]
    triples: int
    cells: int
    items: int
    left_out: int
    cut: int


def abx(
    features: Mapping[str, NDArray[Any]],
    rate: float | Fraction,
    items: Sequence[Item],
    *,
    distance: Distance = "angular",
    speaker: Speaker = "within",
    context: Context = "triphone",
    subsample: Subsample | None = None,
) -> AbxResult:
    """Evaluate frames on an ABX task.

    features: of each file that items name, its frames (n, d), or codes (n,) for "identical"
    rate: frames per second
    items: of triphones for `triphone` context, of triphones or phones for `any`
    distance: of frames: "angular" (ZeroSpeech's cosine), "euclidean", "kl_symmetric", or
        "identical"
    speaker: whether X has the speaker of A and B, or another
    context: whether A, B and X must have the same neighboring phones
    subsample: what to draw; by default every triple counts

    Raises UnitsError for files without features, frames that the distance cannot compare, items
    that start after the end of their file, and when there is no triple.
    """
    sequences, kept, cut = _slices(features, rate, items, distance)
    errors: list[tuple[Cell, float]] = []
    for block in _blocks(cells(kept, speaker, context, subsample or Subsample())):
        errors += zip(block, _cell_errors(block, sequences, distance), strict=True)
    if not errors:
        raise UnitsError(
            f"{len(kept)} items make no triple {speaker} speakers in {context} context: there "
            "must be two phones "
            f"{'between the same neighbors ' if context == 'triphone' else ''}from one speaker, "
            f"and one of them {'twice' if speaker == 'within' else 'from another speaker too'}"
        )
    pairs = _collapsed(errors, context)
    triples = sum(cell.triples for cell, _ in errors)
    return AbxResult(
        _mean(pairs.values()), pairs, triples, len(errors), len(kept), len(items) - len(kept), cut
    )


def frame_range(onset: float, offset: float, rate: float | Fraction) -> tuple[int, int]:
    """The first and the last frame between two times in seconds, both included.

    Without any the last is before the first. Frame i is at (i + 1/2) / rate. Times and rate are
    taken as the decimals that they print as: 0.29 s at 50 Hz is exactly frame 14, which floats
    would miss.
    """
    begin, end = (
        Fraction(str(time)) * Fraction(str(rate)) - Fraction(1, 2) for time in (onset, offset)
    )
    return max(0, math.ceil(begin)), math.floor(end)


def _slices(
    features: Mapping[str, NDArray[Any]],
    rate: float | Fraction,
    items: Sequence[Item],
    distance: Distance,
) -> tuple[Sequences, list[Item], int]:
    """The frames of items, the items with any, and the number of cut ones. Raises UnitsError."""
    if not 0 < rate < math.inf:
        raise UnitsError(
            f"{rate} frames per second are invalid: give the rate of the features in Hz"
        )
    files = list(dict.fromkeys(item.file for item in items))
    if lacking := [file for file in files if file not in features]:
        raise UnitsError(
            f"{len(lacking)} of {len(files)} files that items name have no features, the first is "
            f"{lacking[0]}"
        )
    frames = {file: prepared(features[file], distance, file) for file in files}
    if len({array.shape[1] for array in frames.values()}) > 1:
        widths = sorted({features[file].shape[1] for file in files})
        raise UnitsError(
            f"features of different files have different widths: {', '.join(map(str, widths))}"
        )
    ends = np.cumsum([0, *map(len, frames.values())])
    begins = dict(zip(frames, ends.tolist(), strict=False))
    kept, starts, lengths, cut = list[Item](), list[int](), list[int](), 0
    for item in items:
        count = len(frames[item.file])
        first, last = frame_range(item.onset, item.offset, rate)
        if item.onset * float(rate) >= count:
            raise UnitsError(
                f"{item.phone!r} of {item.file} starts at {item.onset} s, after its end: {count} "
                f"frames are {count / float(rate):.2f} s at {float(rate):g} per second. Do rate "
                "and items belong to these features?"
            )
        if (length := min(last, count - 1) - first + 1) > 0:
            cut += last >= count
            kept.append(item)
            starts.append(begins[item.file] + first)
            lengths.append(length)
    joined = np.concatenate(list(frames.values())) if frames else np.empty((0, 1))
    return Sequences(joined, np.array(starts, np.intp), np.array(lengths, np.intp)), kept, cut


def _blocks(cells_in_order: Iterable[Cell]) -> Iterator[list[Cell]]:
    """Blocks of successive cells with many pairs to compare."""
    block, pairs = list[Cell](), 0
    for cell in cells_in_order:
        block.append(cell)
        pairs += len(cell.x) * (len(cell.a) + len(cell.b))
        if pairs >= BLOCK:
            yield block
            block, pairs = [], 0
    if block:
        yield block


def _cell_errors(block: Sequence[Cell], sequences: Sequences, distance: Distance) -> list[float]:
    """The error rate of each cell. Pairs of items that several cells need are compared once."""
    count = len(sequences.starts)
    keys = list(chain.from_iterable(_keys(cell, count) for cell in block))
    unique, places = np.unique(np.concatenate([key.ravel() for key in keys]), return_inverse=True)
    distances = pair_distances(sequences, unique // count, unique % count, comparison(distance))[
        places
    ]
    parts = iter(np.split(distances, np.cumsum([key.size for key in keys])[:-1]))
    shaped = (part.reshape(key.shape) for part, key in zip(parts, keys, strict=True))
    return [
        _errors(next(shaped), next(shaped), symmetric=cell.symmetric) / cell.triples
        for cell in block
    ]


def _keys(cell: Cell, count: int) -> tuple[Indices, Indices]:
    """Numbers of the pairs X, A (x, a) and X, B (x, b).

    X gives the rows of the warping matrix, which matters where paths of equal cost differ in
    length; fastabx does the same. In the code of Libri-Light the earlier of two items that are both
    A and X gives the rows, so that the score depends on the order of items.
    """
    x = cell.x[:, None]
    return x * count + cell.a, x * count + cell.b


def _errors(to_a: NDArray[np.float32], to_b: NDArray[np.float32], *, symmetric: bool) -> float:
    """The number of errors of a cell, from the distances of X to A (x, a) and to B (x, b)."""
    if symmetric:
        np.fill_diagonal(to_a, -np.inf)  # no item is both; so it adds no error
    total, rows = 0.0, max(1, ROOM // (to_a.shape[1] * to_b.shape[1]))
    for row in range(0, len(to_a), rows):
        a, b = to_a[row : row + rows, :, None], to_b[row : row + rows, None]
        total += float((a > b).sum()) + float((a == b).sum()) / 2
    return total


def _collapsed(
    errors: Iterable[tuple[Cell, float]], context: Context
) -> dict[tuple[str, str], float]:
    """The error of each phone and other phone: mean over speakers of the mean over contexts.

    The speaker of X is not a level of its own: its cells count like those of contexts, as in
    fastabx. In any context there is one mean over all cells.
    """
    flat = (
        (
            (cell.phone, cell.other),
            cell.speaker if context == "triphone" else (cell.speaker, cell.x_speaker),
            error,
        )
        for cell, error in errors
    )
    by_speaker = _means(((pair, speaker), error) for pair, speaker, error in flat)
    return _means((pair, error) for (pair, _), error in by_speaker.items())


def _means(values: Iterable[tuple[Any, float]]) -> dict[Any, float]:
    """The mean of the values of each key."""
    grouped: dict[Any, list[float]] = defaultdict(list)
    for key, value in values:
        grouped[key].append(value)
    return {key: _mean(group) for key, group in grouped.items()}


def _mean(values: Iterable[float]) -> float:
    """The mean."""
    return float(np.mean(list(values)))
