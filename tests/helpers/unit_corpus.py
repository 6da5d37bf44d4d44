"""A synthetic corpus with known scores: phones on a grid of frames, and codes with errors."""

from itertools import pairwise

import numpy as np

from speechvq.units.alignments.alignment import SIL, Alignment, Interval
from speechvq.units.recordings import Recording, Units

PHONES = (SIL, "a", "k", "s", "u")
RATE = 25


def spoken(random, frames):
    """The phone of each frame: runs of 1 to 4 frames of different phones, silence at both ends."""
    result = [0, 0]
    while len(result) < frames - 2:
        other = random.choice([item for item in range(1, len(PHONES)) if item != result[-1]])
        result += [int(other)] * int(random.integers(1, 5))
    return np.array([*result[: frames - 2], 0, 0])


def phones_of(labels):
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1), len(labels)]
    return Alignment(
        tuple(Interval(a / RATE, b / RATE, PHONES[labels[a]]) for a, b in pairwise(edges))
    )


def corpus(speakers=4, each=4, frames=100, seed=0):
    """Recordings s0-0, s0-1, ... of 4 s, and the number of each frame's phone, by their names."""
    random = np.random.default_rng(seed)
    names = [
        (f"s{speaker}", f"s{speaker}-{number}")
        for speaker in range(speakers)
        for number in range(each)
    ]
    labels = {name: spoken(random, frames) for _, name in names}
    return [
        Recording(name, who, frames / RATE, phones_of(labels[name])) for who, name in names
    ], labels


def alignment_of(recording):
    """The phones of a recording that has some."""
    assert recording.phones is not None
    return recording.phones


def noisy(labels, errors, seed=0):
    """Units whose code is the phone's number, except in a share of all frames."""
    random = np.random.default_rng(seed)
    codes = {
        name: np.where(
            random.random(len(row)) < errors,
            (row + random.integers(1, len(PHONES), len(row))) % len(PHONES),
            row,
        )
        for name, row in labels.items()
    }
    return Units("noisy", RATE, len(PHONES), codes)
