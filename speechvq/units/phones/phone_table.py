"""How often each code goes with each phone, in an order in which people can read it: the numbers behind the heat map.

Frames get phones as in `joint`: by the one at their centre, and those in no phone count nowhere.
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
"""Labels in a table; the rarest beyond them are counted together, for nobody reads a heat map of a thousand words."""

REST = "(rest)"


@dataclass(frozen=True, eq=False)
class PhoneTable:
    """How many frames each code (k) and phone (p) have in common.

    labels: the phones by manner, see `manner.ordered`
    counts: (k, p)
    """

    labels: tuple[str, ...]
    counts: Counts

    @property
    def manners(self) -> list[str]:
        """Of each phone."""
        return [manner(label) for label in self.labels]

    @property
    def best(self) -> list[str | None]:
        """The label of the most frequent phone of each code, the first of equals; None where it has none."""
        return [self.labels[row.argmax()] if row.any() else None for row in self.counts]


def phone_table(
    units: Units, recordings: Sequence[Recording], most: int = MOST
) -> PhoneTable | None:
    """The table of all recordings whose phones are known; None where no frame has a phone. Raises UnitsError like `joint`."""
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
    """Each row as shares of its sum, of the same shape: P(phone | code) of counts (k, p). Rows of zeros stay zeros."""
    return counts / np.maximum(counts.sum(1, keepdims=True), 1)


def entropies(counts: Counts) -> Floats:
    """Of each row of counts (k, p), in bits, (k,); 0 for rows of zeros."""
    known = shares(counts)
    return -(known * np.log2(np.where(known > 0, known, 1))).sum(1) + 0.0


def code_order(counts: Counts) -> NDArray[np.int64]:
    """The codes that occur in counts (k, p): by their most frequent phone, the first of equals, then by entropy.

    So the heat map shows a staircase, and in each of its steps the clearest codes come first.
    """
    order = np.lexsort((np.arange(len(counts)), entropies(counts).round(9), counts.argmax(1)))
    return order[counts[order].any(1)].astype(np.int64)


@dataclass(frozen=True)
class PhoneRecall:
    """How well the majority map finds a phone.

    label, frames: the phone, and how many frames it has
    recall: the share of them that have a code which the map takes for it
    codes: its most frequent codes, with the share of its frames that each has
    """

    label: str
    frames: int
    recall: float
    codes: tuple[tuple[int, float], ...]


def phone_recalls(table: PhoneTable, fitted: PhoneTable, top: int = 3) -> list[PhoneRecall]:
    """Of every phone of `table`, in its order.

    fitted: the table that the map from codes to phones is made from, of other recordings or the
        same. Codes that it lacks are taken for its most frequent phone, as in `mapping`.
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
    """Which codes go with silence more than with any phone, (k,)."""
    return np.array([label == SIL for label in table.best])
