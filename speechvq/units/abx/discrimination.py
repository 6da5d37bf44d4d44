"""ABX discrimination: how often an item is nearer to one of another phone than to one of its own.

Of a triple A, B, X, where A and X are of one phone and B is of another, it is an error that d(A, X)
> d(B, X), and half an error that they are equal (Schatz et al. 2013). By chance it is 50 %.
Definitions are those of ZeroSpeech 2021 as fastabx has
them: exact slices with the last frame (which Libri-Light's own code drops), dynamic time warping,
  and means in a fixed order.
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
    """What an ABX task gave.

    error: the rate of errors, 0 to 1; chance is .5
    pairs: of each phone and other phone, the rate of errors
    triples, cells: how many were looked at
    items: how many there were to take triples from
    left_out: how many items hold no frame, being shorter than one
    cut: how many of them reach beyond the last frame of their file, and end there
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
    """Score frames by an ABX task.

    features: of each file that items name, its frames (n, d), or codes (n,) for "identical"
    rate: frames a second
    items: of triphones for `triphone` context, of triphones or phones for `any`
    distance: of frames: "angular" (ZeroSpeech's cosine), "euclidean", "kl_symmetric", or
      "identical"
    speaker: whether X is of the speaker of A and B, or of another
    context: whether A, B and X must have the same phones around them
    subsample: what to draw; without it every triple counts

    Raises UnitsError when files lack, when frames are not what the distance compares, when items
    begin behind the end of their file, or when there is not a single triple.
    """
    sequences, kept, cut = _slices(features, rate, items, distance)
    errors: list[tuple[Cell, float]] = []
    for block in _blocks(cells(kept, speaker, context, subsample or Subsample())):
        errors += zip(block, _cell_errors(block, sequences, distance), strict=True)
    if not errors:
        raise UnitsError(
            f"{len(kept)} items make no triple {speaker} speakers in {context} context: there "
            "must be two phones "
            f"{'between the same neighbours ' if context == 'triphone' else ''}from one speaker, "
            "and one of them "
            f"{'twice' if speaker == 'within' else 'from another speaker too'}"
        )
    pairs = _collapsed(errors, context)
    triples = sum(cell.triples for cell, _ in errors)
    return AbxResult(
        _mean(pairs.values()), pairs, triples, len(errors), len(kept), len(items) - len(kept), cut
    )


def frame_range(onset: float, offset: float, rate: float | Fraction) -> tuple[int, int]:
    """The first and the last frame between two times in seconds, both included; with none, the last is before the first.

    Frame i stands for the time (i + 1/2) / rate. Times and rate are taken for the decimals that
    they print as: 0.29 s at 50 Hz is frame 14 exactly, which floats would miss.
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
    """The frames of items, the items that have any, and how many were cut. Raises UnitsError."""
    if not 0 < rate < math.inf:
        raise UnitsError(f"{rate} frames a second cannot be: give the rate of the features in Hz")
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
                f"{item.phone!r} of {item.file} begins at {item.onset} s, behind its end: {count} "
                "frames are "
                f"{count / float(rate):.2f} s at {float(rate):g} a second. Do rate and items "
                "belong to these features?"
            )
        if (length := min(last, count - 1) - first + 1) > 0:
            cut += last >= count
            kept.append(item)
            starts.append(begins[item.file] + first)
            lengths.append(length)
    joined = np.concatenate(list(frames.values())) if frames else np.empty((0, 1))
    return Sequences(joined, np.array(starts, np.intp), np.array(lengths, np.intp)), kept, cut


def _blocks(cells_in_order: Iterable[Cell]) -> Iterator[list[Cell]]:
    """Cells one after the other, until they have many pairs to compare."""
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
    """The rate of errors of each cell. Pairs of items that several cells need are compared once."""
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

    X gives the rows that are warped, which matters where paths of equal cost differ in length. So
    fastabx has it. In the code of Libri-Light the earlier of two items that are both A and X gives
    the rows, and so the order of items shows in the score.
    """
    x = cell.x[:, None]
    return x * count + cell.a, x * count + cell.b


def _errors(to_a: NDArray[np.float32], to_b: NDArray[np.float32], *, symmetric: bool) -> float:
    """How many errors all triples of a cell give, from the distances of X to A (x, a) and to B (x, b)."""
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
    """Of each phone and other phone: the mean over speakers of the mean over contexts, each cell and each mean counting alike.

    The speaker of X is no level of its own: its cells count like those of contexts, as in fastabx.
    In any context there is one mean over all cells.
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
