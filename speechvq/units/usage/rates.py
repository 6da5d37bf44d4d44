"""Bit rates of codes, run lengths, and usage of the codebook.

The bit rate is that of the ZeroSpeech Challenge 2019 (Dunbar et al. 2019): with N symbols in D
seconds and s one symbol,

    B = (N / D) H(s),   H(s) = - sum_s p(s) log2 p(s)

over the whole set. N counts what is sent: all frames, or one symbol for each run of equal frames.
The second, deduplicated rate omits the lengths of runs, which a decoder needs; the rate with
durations counts pairs of code and length as symbols.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import UnitsError

Ints = NDArray[np.integer]


def runs(codes: Ints) -> tuple[Ints, NDArray[np.int64]]:
    """Runs of equal codes of an utterance: their codes, and their lengths in frames, (r,) each.

    codes: (f,), or (f, n_codebooks); then the codes of runs are (r, n_codebooks)
    """
    if not len(codes):
        return codes, np.zeros(0, np.int64)
    differ = codes[1:] != codes[:-1]
    changed = differ.any(1) if codes.ndim > 1 else differ
    starts = np.concatenate([[0], np.flatnonzero(changed) + 1])
    return codes[starts], np.diff(starts, append=len(codes))


def bit_rate(utterances: Iterable[Ints], seconds: float) -> float:
    """B of symbols that last `seconds` together, in bits per second.

    utterances: the symbols of each, (n,), or (n, n_codebooks) for tuples of codes: then their joint
        entropy counts, which is at most the sum over codebooks

    Raises UnitsError when there are no symbols or no seconds.
    """
    rows = [symbols_of.reshape(len(symbols_of), -1) for symbols_of in utterances if len(symbols_of)]
    symbols = np.concatenate(rows) if rows else np.zeros((0, 1))
    if not len(symbols) or not seconds > 0:
        raise UnitsError(
            f"{len(symbols)} symbols in {seconds:g} s have no bit rate: give some codes and how "
            "long they last"
        )
    shares = np.unique(symbols, axis=0, return_counts=True)[1] / len(symbols)
    return len(symbols) / seconds * max(0.0, float(-(shares * np.log2(shares)).sum()))


@dataclass(frozen=True)
class BitRates:
    """Bits per second of all frames, of runs, and of runs with their lengths."""

    frames: float
    deduplicated: float
    with_durations: float


def bit_rates(utterances: Sequence[Ints], seconds: float) -> BitRates:
    """All three rates of codes (f,), or (f, n_codebooks), of each utterance.

    Raises UnitsError like `bit_rate`.
    """
    every = [runs(codes) for codes in utterances]
    timed = [
        np.column_stack([codes.reshape(len(codes), -1), lengths])
        for codes, lengths in every
        if len(codes)
    ]
    return BitRates(
        bit_rate(utterances, seconds),
        bit_rate((codes for codes, _ in every), seconds),
        bit_rate(timed, seconds),
    )


@dataclass(frozen=True, eq=False)
class RunLengths:
    """Lengths of runs.

    mean, median: in ms
    frame: duration of a frame in ms
    counts: number of runs of 1, 2, ... frames
    """

    mean: float
    median: float
    frame: float
    counts: NDArray[np.int64]

    @property
    def histogram(self) -> list[tuple[float, int]]:
        """Every length that occurs, in ms, and its number of runs."""
        return [
            ((index + 1) * self.frame, int(count))
            for index, count in enumerate(self.counts)
            if count
        ]


def run_lengths(utterances: Iterable[Ints], rate: float) -> RunLengths:
    """Run lengths of the codes (f,) of each utterance at `rate` frames per second.

    Runs end where utterances do. Raises UnitsError when there are no codes.
    """
    lengths = np.concatenate([np.zeros(0, np.int64), *(runs(codes)[1] for codes in utterances)])
    if not len(lengths) or not rate > 0:
        raise UnitsError(
            f"{len(lengths)} runs at {rate:g} frames per second have no lengths: give some codes "
            "and their rate"
        )
    frame = 1000 / rate
    return RunLengths(
        float(lengths.mean()) * frame,
        float(np.median(lengths)) * frame,
        frame,
        np.bincount(lengths)[1:],
    )


@dataclass(frozen=True, eq=False)
class Usage:
    """How often each codeword of a codebook is used, counts (size,)."""

    counts: NDArray[np.int64]

    @property
    def used(self) -> int:
        """The number of codewords that occur."""
        return int((self.counts > 0).sum())

    @property
    def top(self) -> float:
        """The share of frames with the most frequent code; above 0.3 suggests codebook collapse."""
        return float(self.counts.max() / self.counts.sum())

    @property
    def perplexity(self) -> float:
        """2 to the entropy of the codes in bits: the number of equally frequent codes alike."""
        shares = self.counts[self.counts > 0] / self.counts.sum()
        return float(2 ** -(shares * np.log2(shares)).sum())


def usage(utterances: Iterable[Ints], size: int) -> Usage:
    """Usage of the codes (f,) of utterances, from 0 to size - 1.

    Raises UnitsError for no codes or others.
    """
    codes = np.concatenate([np.zeros(0, np.int64), *utterances]).astype(np.int64)
    if not len(codes):
        raise UnitsError("there are no codes to count: give those of at least one utterance")
    if codes.min() < 0 or codes.max() >= size:
        raise UnitsError(
            f"codes from {codes.min()} to {codes.max()} exceed a codebook of {size}: give its size"
        )
    return Usage(np.bincount(codes, minlength=size))
