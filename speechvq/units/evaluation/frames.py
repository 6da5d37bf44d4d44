"""How codes go with phones, frame by frame: the accuracy of a map made from other recordings, purities, and their floors.

Labels are those of the phone at the centre of each code's time, silence being one of them. Shares
are from 0 to 1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechvq.units.alignments.alignment import SIL
from speechvq.units.phones.joint import NO_LABEL, frame_labels, joint, shuffled
from speechvq.units.phones.mapping import accuracy, floor, majority_map, prior
from speechvq.units.recordings import Recording, Units

Ints = NDArray[np.integer]

FINE = 100
"""Frames a second that stand for time itself where a perfect labeller is scored."""


@dataclass(frozen=True, eq=False)
class Labelled:
    """Codes (n,) and labels (n,) of all frames of some recordings that have a phone."""

    codes: Ints
    labels: Ints

    def without(self, label: int | None) -> "Labelled":
        """Only the frames of other labels."""
        kept = self.labels != (NO_LABEL if label is None else label)
        return Labelled(self.codes[kept], self.labels[kept])


def phone_numbers(recordings: Sequence[Recording]) -> dict[str, int]:
    """A number for each label, from 0 on, in the order of the alphabet."""
    found = {
        one.label
        for recording in recordings
        if recording.phones
        for one in recording.phones.intervals
    }
    return {label: number for number, label in enumerate(sorted(found))}


def labels_of(recording: Recording, frames: int, rate: float, numbers: Mapping[str, int]) -> Ints:
    """The number of the phone at the centre of each frame (frames,); NO_LABEL where there is none. Raises UnitsError."""
    intervals = recording.phones.intervals if recording.phones else ()
    return frame_labels(
        [(start, end, numbers[label]) for start, end, label in intervals], frames, rate
    )


def labelled_frames(
    units: Units, recordings: Sequence[Recording], numbers: Mapping[str, int]
) -> Labelled:
    """Codes and labels of the recordings' frames that have a label. Raises UnitsError."""
    codes = [np.zeros(0, np.int64), *(units.codes[one.name] for one in recordings)]
    labels = [
        np.zeros(0, np.int64),
        *(labels_of(one, len(units.codes[one.name]), units.rate, numbers) for one in recordings),
    ]
    return Labelled(np.concatenate(codes), np.concatenate(labels)).without(None)


def frame_scores(
    units: Units, fit: Sequence[Recording], score: Sequence[Recording], *, seed: int = 0
) -> dict[str, float]:
    """All scores of frames, by their keys; empty where the scored recordings have no phones.

    fit, score: recordings the map is made from, and scored on; where the former have no phones
    there is no accuracy Raises UnitsError for alignments whose intervals overlap.
    """
    numbers = phone_numbers([*fit, *score])
    train, test = (labelled_frames(units, some, numbers) for some in (fit, score))
    if not len(test.labels):
        return {}
    table, chance = joint(test.codes, test.labels), shuffled(test.codes, test.labels, seed=seed)
    found = {"ceiling": ceiling(score, units.rate)}
    for name in ("phone_purity", "cluster_purity", "pnmi", "v_measure"):
        found |= {name: getattr(table, name), f"{name}_floor": getattr(chance, name)}
    if len(train.labels):
        found |= {
            "accuracy": _accuracy(train, test, units.size),
            "accuracy_floor": floor(
                train.codes, train.labels, test.codes, test.labels, units.size, seed=seed
            ),
            "accuracy_prior": prior(train.labels, test.labels),
        }
    train, test = train.without(numbers.get(SIL)), test.without(numbers.get(SIL))
    if len(train.labels) and len(test.labels):
        found["accuracy_speech"] = _accuracy(train, test, units.size)
        found["accuracy_speech_prior"] = prior(train.labels, test.labels)
    return found


def _accuracy(train: Labelled, test: Labelled, size: int) -> float:
    """Of the map made from the one and scored on the other."""
    return accuracy(test.codes, test.labels, majority_map(train.codes, train.labels, size))


def ceiling(recordings: Sequence[Recording], rate: float) -> float:
    """The share of time whose phone is that at the centre of its code: what naming all codes' phones rightly can get.

    Time is counted in steps of 10 ms; steps that are in no phone, or whose code's centre is in
    none, are left out. 0 where there are none. Raises UnitsError for intervals that overlap.
    """
    numbers, right, counted = phone_numbers(recordings), 0, 0
    for one in recordings:
        fine = labels_of(one, int(one.seconds * FINE), FINE, numbers)
        frame = ((np.arange(len(fine)) + 0.5) * rate / FINE).astype(np.int64)
        coarse = labels_of(one, int(frame[-1]) + 1 if len(frame) else 0, rate, numbers)[frame]
        known = (fine != NO_LABEL) & (coarse != NO_LABEL)
        right, counted = right + int((fine == coarse)[known].sum()), counted + int(known.sum())
    return right / counted if counted else 0.0
