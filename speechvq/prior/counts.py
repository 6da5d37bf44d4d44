"""Count-based models of codes, with Witten-Bell back-off smoothing.

They are the baselines of the WaveNet prior, and the static tables of code files are fitted with
the same smoothing (`witten_bell`, used by `tables` too). A context seen n times with d distinct
codes gives the weight d / (n + d) to the next shorter context (I. H. Witten and T. C. Bell 1991,
"The zero-frequency problem", method C, interpolated):

    p(x | c) = (count(c, x) + d(c) p(x | shorter c)) / (n(c) + d(c)),   p(x) = 1 / size at order -1
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

BASE = 1 << 17
"""Larger than any codebook, such that a context of three codes fits into one 64-bit integer."""

CodeArrays = Sequence[NDArray]
"""The codes of one recording: (n_l,) of every codebook, coarse first."""

Context = Callable[[CodeArrays, int], Ints]
"""Codes of a recording and the index of a codebook to an integer (n_l,) for each of its codes.

The integer stands for what is known before the code; equal integers are equal contexts.
"""


def order_0(codebooks: CodeArrays, index: int) -> Ints:
    """The empty context."""
    return np.zeros(len(codebooks[index]), np.int64)


def previous_codes(order: int) -> Context:
    """The one or two previous codes of the codebook; before the first, a code that never occurs."""

    def numbers(codebooks: CodeArrays, index: int) -> Ints:
        codes = codebooks[index].astype(np.int64)
        contexts = np.zeros(len(codes), np.int64)
        for lag in range(1, order + 1):
            previous = np.concatenate([np.full(lag, BASE - 1), codes])[: len(codes)]
            contexts = contexts * BASE + previous
        return contexts

    return numbers


def coarser_code(codebooks: CodeArrays, index: int) -> Ints:
    """The code of the next coarser codebook at the same time; 0 for the first codebook."""
    if not index:
        return order_0(codebooks, index)
    coarser = codebooks[index - 1].astype(np.int64)
    return np.repeat(coarser, len(codebooks[index]) // len(coarser))


def joint(first: Context, second: Context) -> Context:
    """The combination of two contexts."""
    return lambda codebooks, index: first(codebooks, index) * BASE**2 + second(codebooks, index)


def witten_bell(
    count: NDArray, total: NDArray, distinct: NDArray, backoff: NDArray[np.float64]
) -> Floats:
    """Smoothed probabilities of codes in their contexts; arrays of shapes that broadcast.

    count: how often the code followed the context
    total: how often the context occurred
    distinct: number of different codes that followed the context
    backoff: probability of the code in the next shorter context
    """
    interpolated = (count + distinct * backoff) / np.maximum(total + distinct, 1)
    return np.where(total > 0, interpolated, backoff)


@dataclass(frozen=True)
class Counts:
    """Counts of one kind of context, sparse.

    pairs, pair_counts: sorted (context, code) pairs as integers, and their counts
    contexts, context_counts: sorted contexts and their counts
    distinct: number of different codes after each context
    """

    pairs: Ints
    pair_counts: Ints
    contexts: Ints
    context_counts: Ints
    distinct: Ints


class CountModel:
    """Probabilities of a codebook's codes, each context smoothed by the one before it in the list.

    index: of the codebook; size: its number of codewords; contexts: the shortest first
    """

    def __init__(
        self, recordings: Sequence[CodeArrays], index: int, size: int, contexts: Sequence[Context]
    ) -> None:
        self.index, self.size, self.contexts = index, size, tuple(contexts)
        codes = np.concatenate([codebooks[index] for codebooks in recordings]).astype(np.int64)
        self.counts = [
            _count(
                np.concatenate([context(codebooks, index) for codebooks in recordings]), codes, size
            )
            for context in contexts
        ]

    def bits(self, codebooks: CodeArrays) -> Floats:
        """Negative log-likelihood in bits of every code (n_l,) of the codebook in a recording."""
        codes = codebooks[self.index].astype(np.int64)
        probability = np.full(len(codes), 1 / self.size)
        for context, counts in zip(self.contexts, self.counts, strict=True):
            numbers = context(codebooks, self.index)
            pairs = _pair_numbers(counts.contexts, numbers, codes, self.size)
            probability = witten_bell(
                _look_up(counts.pairs, counts.pair_counts, pairs),
                _look_up(counts.contexts, counts.context_counts, numbers),
                _look_up(counts.contexts, counts.distinct, numbers),
                probability,
            )
        return -np.log2(probability)


def _count(numbers: Ints, codes: Ints, size: int) -> Counts:
    """Count contexts (n,) and the codes (n,) that followed them."""
    contexts, context_counts = np.unique(numbers, return_counts=True)
    pairs = _pair_numbers(contexts, numbers, codes, size)
    pairs, pair_counts = np.unique(pairs, return_counts=True)
    distinct = np.bincount(pairs // size, minlength=len(contexts))
    return Counts(pairs, pair_counts, contexts, context_counts, distinct)


def _pair_numbers(contexts: Ints, numbers: Ints, codes: Ints, size: int) -> Ints:
    """An integer for each pair of a context, by its rank in `contexts`, and a code; -1: unknown."""
    rank = np.searchsorted(contexts, numbers).clip(max=len(contexts) - 1)
    return np.where(contexts[rank] == numbers, rank * size + codes, -1)


def _look_up(keys: Ints, values: Ints, queries: Ints) -> Ints:
    """The value of each query among sorted keys, 0 for queries that are no key."""
    rank = np.searchsorted(keys, queries).clip(max=len(keys) - 1)
    return np.where(keys[rank] == queries, values[rank], 0)
