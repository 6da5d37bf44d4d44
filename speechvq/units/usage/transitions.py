"""Transitions between codes, and lengths of runs and phones: the numbers of pictures."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from speechvq.units.alignments.alignment import SIL
from speechvq.units.recordings import Recording
from speechvq.units.usage.rates import runs

Ints = NDArray[np.integer]
Floats = NDArray[np.float64]


def transitions(utterances: Iterable[Ints], order: Ints) -> NDArray[np.int64]:
    """How often a run of one code is followed by a run of another, (n, n).

    utterances: the codes (f,) of each; nothing follows the last run
    order: n different codes, the rows and columns; runs of other codes are skipped with both of
        their transitions

    The diagonal is 0, for a run of the same code is the same run.
    """
    places = {code: place for place, code in enumerate(np.asarray(order).tolist())}
    counts = np.zeros((len(places), len(places)), np.int64)
    for codes in utterances:
        numbers = np.array([places.get(code, -1) for code in runs(codes)[0].tolist()], np.int64)
        before, after = numbers[:-1], numbers[1:]
        both = (before >= 0) & (after >= 0)
        np.add.at(counts, (before[both], after[both]), 1)
    return counts


def run_seconds(
    utterances: Iterable[Ints], rate: float, leave_out: NDArray[np.bool_] | None = None
) -> Floats:
    """Lengths of all runs of equal codes in seconds.

    leave_out: marks codes whose runs are left out, (k,)
    """
    seconds = [np.zeros(0)]
    for codes in utterances:
        values, lengths = runs(codes)
        seconds.append(
            lengths[~leave_out[values]] / rate
            if leave_out is not None and len(values)
            else lengths / rate
        )
    return np.concatenate(seconds)


def phone_seconds(recordings: Sequence[Recording]) -> Floats:
    """Lengths of all phones in seconds, without silences."""
    intervals = [
        interval
        for recording in recordings
        if recording.phones is not None
        for interval in recording.phones.intervals
    ]
    return np.array([end - start for start, end, label in intervals if label != SIL], np.float64)


def length_shares(seconds: Floats, frame: float, longest: int) -> Floats:
    """The shares of lengths that round to 1, 2, ... `longest` frames of `frame` s, (longest,).

    Shorter and longer ones count as the first and the last; halves are rounded up. All zeros where
    there are no lengths.
    """
    frames = np.clip(np.floor(seconds / frame + 0.5 + 1e-9), 1, longest).astype(np.int64)
    return np.bincount(frames, minlength=longest + 1)[1:] / max(1, len(seconds))
