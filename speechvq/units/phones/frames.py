"""The phone of each frame: numbers for labels, and codes with the labels of the same frames.

The label of a frame is that of the phone at its center; silence is a label, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechvq.units.phones.joint import NO_LABEL, frame_labels
from speechvq.units.recordings import Recording, Units

Ints = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Labeled:
    """Codes (n,) and labels (n,) of all frames of some recordings that have a phone."""

    codes: Ints
    labels: Ints

    def without(self, label: int | None) -> "Labeled":
        """Only the frames of other labels."""
        kept = self.labels != (NO_LABEL if label is None else label)
        return Labeled(self.codes[kept], self.labels[kept])


def phone_numbers(recordings: Sequence[Recording]) -> dict[str, int]:
    """The number of each label, from 0 on, in alphabetical order."""
    labels = {
        interval.label
        for recording in recordings
        if recording.phones
        for interval in recording.phones.intervals
    }
    return {label: number for number, label in enumerate(sorted(labels))}


def labels_of(recording: Recording, frames: int, rate: float, numbers: Mapping[str, int]) -> Ints:
    """The number of the phone at the center of each frame (frames,); NO_LABEL where there is none.

    Raises UnitsError.
    """
    intervals = recording.phones.intervals if recording.phones else ()
    return frame_labels(
        [(start, end, numbers[label]) for start, end, label in intervals], frames, rate
    )


def labeled_frames(
    units: Units, recordings: Sequence[Recording], numbers: Mapping[str, int]
) -> Labeled:
    """Codes and labels of the recordings' frames that have a label. Raises UnitsError."""
    codes = [np.zeros(0, np.int64), *(units.codes[recording.name] for recording in recordings)]
    labels = [
        np.zeros(0, np.int64),
        *(
            labels_of(recording, len(units.codes[recording.name]), units.rate, numbers)
            for recording in recordings
        ),
    ]
    return Labeled(np.concatenate(codes), np.concatenate(labels)).without(None)
