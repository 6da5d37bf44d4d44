"""How often each code occurs with each phone, in a readable order: the numbers of the heat map.

Frames get phones as in `joint`: the one at their center. Frames in no phone are not counted.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechvq.units.alignments.alignment import SIL
from speechvq.units.phones.joint import NO_LABEL, frame_labels
from speechvq.units.phones.manner import manner, ordered
from speechvq.units.recordings import Recording, Units

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST = 80
"""Labels in a table; the rarest beyond them are counted together: 1000 words are unreadable."""

REST = "(rest)"


@dataclass(frozen=True, eq=False)
class PhoneTable:
    """Numbers of frames of each code (k) and phone (p).

    labels: the phones by manner, see `manner.ordered`
    counts: (k, p)
    """

    labels: tuple[str, ...]
    counts: Counts

    @property
    def manners(self) -> list[str]:
        """The manner of each phone."""
        return [manner(label) for label in self.labels]

    @property
    def best(self) -> list[str | None]:
        """The most frequent phone of each code, the first of equals; None if it has no phones."""
        return [self.labels[row.argmax()] if row.any() else None for row in self.counts]


def phone_table(
    units: Units, recordings: Sequence[Recording], most: int = MOST
) -> PhoneTable | None:
    """The table of all recordings with known phones; None where no frame has a phone.

    most: labels in the table, see `MOST`

    Raises UnitsError like `joint`.
    """
    known = [
        recording
        for recording in recordings
        if recording.phones is not None and recording.name in units.codes
    ]
    labels = sorted(
        {
            interval.label
            for recording in known
            if recording.phones
            for interval in recording.phones.intervals
        }
    )
    places = {label: place for place, label in enumerate(labels)}
    counts = np.zeros((units.size, len(labels)), np.int64)
    for recording in known:
        codes = units.codes[recording.name]
        intervals = (
            [(start, end, places[label]) for start, end, label in recording.phones.intervals]
            if recording.phones
            else []
        )
        labels_of_frames = frame_labels(intervals, len(codes), units.rate)
        np.add.at(
            counts,
            (codes[labels_of_frames != NO_LABEL], labels_of_frames[labels_of_frames != NO_LABEL]),
            1,
        )
    frames = Counter(
        {label: int(count) for label, count in zip(labels, counts.sum(0), strict=True) if count}
    )
    if not frames:
        return None
    kept = dict(
        sorted(frames.items(), key=lambda item: (-item[1], item[0]))[
            : most if len(frames) <= most else most - 1
        ]
    )
    shown = ordered(kept)
    table = counts[:, [places[label] for label in shown]]
    if rest := frames.total() - sum(kept.values()):
        shown.append(REST)
        table = np.column_stack([table, counts.sum(1) - table.sum(1)])
        assert table[:, -1].sum() == rest
    return PhoneTable(tuple(shown), table)


def shares(counts: Counts) -> Floats:
    """Rows of counts (k, p) as shares of their sums, P(phone | code). Zero rows stay zero."""
    return counts / np.maximum(counts.sum(1, keepdims=True), 1)


def entropies(counts: Counts) -> Floats:
    """Entropy of each row of counts (k, p), in bits, (k,); 0 for zero rows."""
    known = shares(counts)
    return -(known * np.log2(np.where(known > 0, known, 1))).sum(1) + 0.0


def code_order(counts: Counts) -> NDArray[np.int64]:
    """The codes that occur in counts (k, p), by most frequent phone, then by entropy.

    So the heat map shows a staircase, and each of its steps starts with the least ambiguous codes.
    """
    order = np.lexsort((np.arange(len(counts)), entropies(counts).round(9), counts.argmax(1)))
    return order[counts[order].any(1)].astype(np.int64)


@dataclass(frozen=True)
class PhoneRecall:
    """Recall of a phone under the majority map.

    label, frames: the phone, and its number of frames
    recall: the share of these whose code maps to the phone
    codes: its most frequent codes, each with its share of the phone's frames
    """

    label: str
    frames: int
    recall: float
    codes: tuple[tuple[int, float], ...]


def phone_recalls(table: PhoneTable, fitted: PhoneTable, top: int = 3) -> list[PhoneRecall]:
    """The recall of every phone of `table`, in its order.

    fitted: the table that the map from codes to phones is made from, of other recordings or the
        same; codes that it lacks map to its most frequent phone, as in `mapping`
    top: number of codes per phone
    """
    sums = fitted.counts.sum(0)
    mapped = np.where(fitted.counts.any(1), fitted.counts.argmax(1), sums.argmax())
    recalls = []
    for place, label in enumerate(table.labels):
        column = table.counts[:, place]
        right = np.array([fitted.labels[number] == label for number in mapped])
        first = [code for code in np.argsort(-column, kind="stable")[:top].tolist() if column[code]]
        frames = int(column.sum())
        codes = tuple((code, float(column[code] / frames)) for code in first)
        recalls.append(PhoneRecall(label, frames, float(column[right].sum() / frames), codes))
    return recalls


def silent(table: PhoneTable) -> NDArray[np.bool_]:
    """Which codes occur with silence more than with any phone, (k,)."""
    return np.array([label == SIL for label in table.best])
