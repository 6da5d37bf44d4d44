"""Fitting the static tables of code files (`codes.tables`): one context a codebook, smoothed counts, 256 levels of frequencies."""

from collections.abc import Sequence
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from speechvq.codes import CodebookShape
from speechvq.codes.tables import Context, LayerTable, contexts
from speechvq.prior.tokens import CodeArrays, Tokens

LEVELS = np.rint(2.0 ** (np.arange(256) * 16 / 255)).astype(np.uint32)
"""Frequencies from 1 to 2^16, each 4 % above the one before."""

LARGEST = 1 << 22
"""Numbers in a codebook's table."""

WORTH = 0.01
"""A context has to save so much of a codebook's bits, or the codebook does without."""


def fitted(learned: Tokens, held: Tokens) -> tuple[list[LayerTable], list[float]]:
    """Tables of the contexts that cost least on held-out codes, and bits a code of each codebook there."""
    tables, bits = [], []
    for depth in range(len(learned.shapes)):
        kinds = [kind for kind in get_args(Context) if _small(kind, learned.shapes, depth)]
        tried = [LayerTable(kind, _places(learned, depth, kind)) for kind in kinds]
        costs = [_bits(one, held, depth) for one in tried]
        best = int(np.argmin(costs))
        best = best if costs[best] < (1 - WORTH) * costs[0] else 0
        tables.append(tried[best])
        bits.append(costs[best])
    return tables, bits


def _rows(kind: Context, table: Sequence[CodebookShape], depth: int) -> int:
    """How many contexts there are; none above the first codebook."""
    upper = table[depth - 1].size if depth else 0
    return {"nothing": 1, "before": table[depth].size + 1, "above": upper}[kind]


def _small(kind: Context, table: Sequence[CodebookShape], depth: int) -> bool:
    """Whether a table is there and can be kept beside a model."""
    return kind == "nothing" or 0 < _rows(kind, table, depth) * table[depth].size <= LARGEST


def _places(tokens: Tokens, depth: int, kind: Context) -> NDArray[np.uint8]:
    """Witten and Bell's estimate (see `counts`) for every context and code, as places among the levels."""
    size, rows = tokens.shapes[depth].size, _rows(kind, tokens.shapes, depth)
    numbers = np.concatenate(
        [_numbers(kind, depth, codebooks, size) for codebooks in tokens.recordings()]
    )
    joint = np.bincount(numbers * size + tokens.codebooks[depth], minlength=rows * size).reshape(
        rows, size
    )
    chance = _smoothed(joint, _smoothed(joint.sum(0, keepdims=True), np.full((1, size), 1 / size)))
    return np.rint(np.log2(chance * 2**16).clip(0, 16) * 255 / 16).astype(np.uint8)


def _smoothed(counts: NDArray, shorter: NDArray) -> NDArray:
    """Counts (rows, size) as probabilities, the less is known the nearer to those of a shorter context."""
    total, different = counts.sum(1, keepdims=True), (counts > 0).sum(1, keepdims=True)
    return np.where(
        total > 0, (counts + different * shorter) / np.maximum(total + different, 1), shorter
    )


def _bits(one: LayerTable, tokens: Tokens, depth: int) -> float:
    """Bits a code of a codebook under its table."""
    levels = LEVELS[one.places].astype(np.float64)
    costs = np.log2(levels.sum(1, keepdims=True)) - np.log2(levels)
    size, total, count = tokens.shapes[depth].size, 0.0, 0
    for codebooks in tokens.recordings():
        total += float(costs[_numbers(one.context, depth, codebooks, size), codebooks[depth]].sum())
        count += len(codebooks[depth])
    return total / count


def _numbers(kind: Context, depth: int, codebooks: CodeArrays, size: int) -> NDArray[np.intp]:
    return contexts(kind, depth, codebooks[depth], codebooks, size)


def table(
    held: Tokens, bits: Sequence[float], tables: Sequence[LayerTable], sample_rate: int
) -> list[str]:
    """Markdown lines: context and bits a code of every codebook, and bits a second of every prefix beside fixed width."""
    lines = [
        "| codebook | context | bits a code | kbit/s up to here | fixed width |",
        "|--:|---|--:|--:|--:|",
    ]
    total = fixed = 0.0
    for depth, (codebook, cost, one) in enumerate(zip(held.shapes, bits, tables, strict=True)):
        total += cost * sample_rate / codebook.hop
        fixed += codebook.bits * sample_rate / codebook.hop
        lines.append(
            f"| {depth} | {one.context} | {cost:.3f} | {total / 1000:.3f} | {fixed / 1000:.3f} |"
        )
    return lines
