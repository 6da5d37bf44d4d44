"""Frame-level scores of units: held-out accuracy of a majority map, purities, PNMI, V-measure.

Scores are shares from 0 to 1, each with its shuffled or majority-class baseline.
"""

from collections.abc import Sequence

import numpy as np

from speechvq.units.alignments.alignment import SIL
from speechvq.units.phones.frames import Labeled, labeled_frames, labels_of, phone_numbers
from speechvq.units.phones.joint import NO_LABEL, joint, shuffled
from speechvq.units.phones.mapping import (
    accuracy,
    majority_accuracy,
    majority_map,
    shuffled_accuracy,
)
from speechvq.units.recordings import Recording, Units

FINE = 100
"""Frames per second that stand for continuous time where a perfect labeler is scored."""


def frame_scores(
    units: Units, fit: Sequence[Recording], score: Sequence[Recording], *, seed: int = 0
) -> dict[str, float]:
    """All frame-level scores by their keys; empty where the scored recordings have no phones.

    fit, score: recordings that the map is made from, and that it is scored on; where the former
        have no phones there is no accuracy
    seed: of the shuffled baseline

    Raises UnitsError for alignments whose intervals overlap.
    """
    numbers = phone_numbers([*fit, *score])
    train, test = (labeled_frames(units, recordings, numbers) for recordings in (fit, score))
    if not len(test.labels):
        return {}
    table, chance = joint(test.codes, test.labels), shuffled(test.codes, test.labels, seed=seed)
    scores = {"ceiling": ceiling(score, units.rate)}
    for name in ("phone_purity", "cluster_purity", "pnmi", "v_measure"):
        scores |= {name: getattr(table, name), f"{name}_shuffled": getattr(chance, name)}
    if len(train.labels):
        scores |= {
            "accuracy": _accuracy(train, test, units.size),
            "accuracy_shuffled": shuffled_accuracy(
                train.codes, train.labels, test.codes, test.labels, units.size, seed=seed
            ),
            "accuracy_majority": majority_accuracy(train.labels, test.labels),
        }
    train, test = train.without(numbers.get(SIL)), test.without(numbers.get(SIL))
    if len(train.labels) and len(test.labels):
        scores["accuracy_speech"] = _accuracy(train, test, units.size)
        scores["accuracy_speech_majority"] = majority_accuracy(train.labels, test.labels)
    return scores


def _accuracy(train: Labeled, test: Labeled, size: int) -> float:
    """Accuracy of a map made from `train` on `test`."""
    return accuracy(test.codes, test.labels, majority_map(train.codes, train.labels, size))


def ceiling(recordings: Sequence[Recording], rate: float) -> float:
    """The share of time whose phone is that at its code's center: a perfect labeler's accuracy.

    Time is counted in steps of 10 ms; steps that are in no phone, or whose code's center is in
    none, are left out. 0 where there are none. Raises UnitsError for intervals that overlap.
    """
    numbers, right, counted = phone_numbers(recordings), 0, 0
    for recording in recordings:
        fine = labels_of(recording, int(recording.seconds * FINE), FINE, numbers)
        frame = ((np.arange(len(fine)) + 0.5) * rate / FINE).astype(np.int64)
        coarse = labels_of(recording, int(frame[-1]) + 1 if len(frame) else 0, rate, numbers)[frame]
        known = (fine != NO_LABEL) & (coarse != NO_LABEL)
        right, counted = right + int((fine == coarse)[known].sum()), counted + int(known.sum())
    return right / counted if counted else 0.0
