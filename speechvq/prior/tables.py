"""Fitting the static tables of code files (`codes.tables`): one kind of context per codebook."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from speechvq.codes import CodebookShape
from speechvq.codes.record import CodeArrays
from speechvq.codes.tables import Context, FrequencyTable, row_count, rows
from speechvq.prior.counts import witten_bell
from speechvq.prior.tokens import Tokens

LEVELS = np.rint(2.0 ** (np.arange(256) * 16 / 255)).astype(np.uint32)
"""The 256 frequencies that a table can hold, from 1 to 2^16, each 4 % above the one before."""

MAX_TABLE = 1 << 22
"""Largest number of frequencies in a codebook's table."""

MIN_SAVING = 0.01
"""A context must save at least this fraction of the bits of order 0, or order 0 is used."""


@dataclass(frozen=True, eq=False)
class FittedTable:
    """The table of one codebook, and its bits per code on the held-out recordings."""

    table: FrequencyTable
    bits_per_code: float


def fit_tables(training: Tokens, held_out: Tokens) -> list[FittedTable]:
    """For each codebook, the table of the context that costs least on held-out codes."""
    chosen = []
    for index in range(len(training.shapes)):
        fitted = []
        for kind in get_args(Context):
            if _fits(kind, training.shapes, index):
                table = FrequencyTable(kind, _fit(training, index, kind))
                bits = table_bits(table, held_out, index).sum()
                fitted.append(FittedTable(table, float(bits / len(held_out.codebooks[index]))))
        order_0, best = fitted[0], min(fitted, key=lambda row: row.bits_per_code)
        better = best.bits_per_code < (1 - MIN_SAVING) * order_0.bits_per_code
        chosen.append(best if better else order_0)
    return chosen


def _fits(kind: Context, shapes: Sequence[CodebookShape], index: int) -> bool:
    """Whether the context exists, and its table is small enough to be stored beside a model."""
    frequencies = row_count(kind, index, shapes) * shapes[index].size
    return kind == "order 0" or 0 < frequencies <= MAX_TABLE


def _fit(tokens: Tokens, index: int, kind: Context) -> NDArray[np.uint8]:
    """Smoothed probabilities of all codes in all contexts, (contexts, size), as indices of LEVELS.

    Back-off smoothing goes from the context through order 0 to the uniform distribution.
    """
    size, n_rows = tokens.shapes[index].size, row_count(kind, index, tokens.shapes)
    numbers = np.concatenate(
        [_numbers(kind, index, codebooks, size) for codebooks in tokens.recordings()]
    )
    pairs = numbers * size + tokens.codebooks[index]
    counts = np.bincount(pairs, minlength=n_rows * size).reshape(n_rows, size)
    order_0 = _smooth(counts.sum(0, keepdims=True), np.full((1, size), 1 / size))
    probability = _smooth(counts, order_0)
    return np.rint(np.log2(probability * 2**16).clip(0, 16) * 255 / 16).astype(np.uint8)


def _smooth(counts: NDArray, backoff: NDArray[np.float64]) -> NDArray[np.float64]:
    """Counts (contexts, size) of codes to probabilities, smoothed by a shorter context's."""
    total, distinct = counts.sum(1, keepdims=True), (counts > 0).sum(1, keepdims=True)
    return witten_bell(counts, total, distinct, backoff)


def table_bits(table: FrequencyTable, tokens: Tokens, index: int) -> NDArray[np.float64]:
    """Ideal code length in bits of the codes of a codebook under its table, (recordings,)."""
    frequencies = LEVELS[table.indices].astype(np.float64)
    bits = np.log2(frequencies.sum(1, keepdims=True)) - np.log2(frequencies)
    size = tokens.shapes[index].size
    return np.array(
        [
            bits[_numbers(table.context, index, codebooks, size), codebooks[index]].sum()
            for codebooks in tokens.recordings()
        ]
    )


def _numbers(kind: Context, index: int, codebooks: CodeArrays, size: int) -> NDArray[np.intp]:
    return rows(kind, index, codebooks[index], codebooks, size)
