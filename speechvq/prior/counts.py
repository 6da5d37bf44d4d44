"""Models of codes that count: how often each code followed each context, smoothed by shorter contexts.

They are what the WaveNet is compared with, and smooth as the static tables of code files do
(`static`). Smoothing is Witten and Bell's (1991, method C, interpolated): a context seen n times
with d different codes gives the weight d / (n + d) to the next shorter one.

    p(x | c) = (count(c, x) + d(c) p(x | shorter c)) / (n(c) + d(c)),  p(x | nothing at all) = 1 /
    size
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

ENTRIES = 1 << 17
"""More than any codebook has codewords; three codes fit into one number."""

CodeArrays = Sequence[NDArray]
"""The codes of one recording: (n_l,) of every codebook, coarse first."""

Context = Callable[[CodeArrays, int], Ints]
"""A number (n_l,) for what is known before each code of a codebook of a recording; contexts with equal numbers are the same."""


def nothing(codebooks: CodeArrays, depth: int) -> Ints:
    """The context of those that know nothing."""
    return np.zeros(len(codebooks[depth]), np.int64)


def past(order: int) -> Context:
    """The one or two codes before; where there are not so many, one that does not exist."""

    def numbers(codebooks: CodeArrays, depth: int) -> Ints:
        found = np.zeros(len(codebooks[depth]), np.int64)
        for back in range(1, order + 1):
            before = np.concatenate(
                [np.full(back, ENTRIES - 1), codebooks[depth].astype(np.int64)]
            )[: len(found)]
            found = found * ENTRIES + before
        return found

    return numbers


def above(codebooks: CodeArrays, depth: int) -> Ints:
    """The code of the codebook before at the same time, 0 for the first codebook."""
    if not depth:
        return nothing(codebooks, depth)
    upper = codebooks[depth - 1].astype(np.int64)
    return np.repeat(upper, len(codebooks[depth]) // len(upper))


def both(one: Context, other: Context) -> Context:
    """Two contexts together."""
    return lambda codebooks, depth: one(codebooks, depth) * ENTRIES**2 + other(codebooks, depth)


@dataclass(frozen=True)
class Counts:
    """One context's counts: of (context, code) pairs and of contexts, each sorted; and in how many ways contexts went on."""

    pairs: Ints
    pair_counts: Ints
    contexts: Ints
    context_counts: Ints
    different: Ints


class CountModel:
    """Probabilities of a codebook's codes from contexts, the shortest first, each smoothed by the one before.

    size: codewords of the codebook
    """

    def __init__(
        self, recordings: Sequence[CodeArrays], depth: int, size: int, contexts: Sequence[Context]
    ) -> None:
        self.depth, self.size, self.contexts = depth, size, tuple(contexts)
        codes = np.concatenate([codebooks[depth] for codebooks in recordings]).astype(np.int64)
        self.counts = [
            counted(
                np.concatenate([context(codebooks, depth) for codebooks in recordings]), codes, size
            )
            for context in contexts
        ]

    def bits(self, codebooks: CodeArrays) -> Floats:
        """Of every code of the codebook in a recording, minus the binary logarithm of its probability."""
        codes = codebooks[self.depth].astype(np.int64)
        chance = np.full(len(codes), 1 / self.size)
        for context, counts in zip(self.contexts, self.counts, strict=True):
            numbers = context(codebooks, self.depth)
            together = looked_up(
                counts.pairs, counts.pair_counts, joined(counts.contexts, numbers, codes, self.size)
            )
            alone = looked_up(counts.contexts, counts.context_counts, numbers)
            ways = looked_up(counts.contexts, counts.different, numbers)
            chance = np.where(
                alone > 0, (together + ways * chance) / np.maximum(alone + ways, 1), chance
            )
        return -np.log2(chance)


def counted(numbers: Ints, codes: Ints, size: int) -> Counts:
    """Count contexts (n,) and the codes (n,) that followed them."""
    contexts, context_counts = np.unique(numbers, return_counts=True)
    pairs, pair_counts = np.unique(joined(contexts, numbers, codes, size), return_counts=True)
    return Counts(
        pairs,
        pair_counts,
        contexts,
        context_counts,
        np.bincount(pairs // size, minlength=len(contexts)),
    )


def joined(contexts: Ints, numbers: Ints, codes: Ints, size: int) -> Ints:
    """A number for each pair of a context, by its place among the known, and a code; -1 for unknown contexts."""
    place = np.searchsorted(contexts, numbers).clip(max=len(contexts) - 1)
    return np.where(contexts[place] == numbers, place * size + codes, -1)


def looked_up(keys: Ints, values: Ints, wanted: Ints) -> Ints:
    """The value of each wanted key among sorted ones, 0 where there is none."""
    place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[place] == wanted, values[place], 0)
