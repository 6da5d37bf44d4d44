"""ABX errors of units: of the quantized features, of the code vectors, and of the codes."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from speechvq.units.abx.cells import Speaker, Subsample, cells
from speechvq.units.abx.discrimination import abx, frame_range
from speechvq.units.abx.frame_distance import Distance
from speechvq.units.abx.items import Item, triphone_items
from speechvq.units.alignments.alignment import SIL
from speechvq.units.recordings import Recording, Units


def abx_scores(
    units: Units, recordings: Sequence[Recording], subsample: Subsample
) -> dict[str, float]:
    """ABX errors by their keys, as shares: triphones within and across speakers.

    Features and code vectors are compared by their angle, codes for equality. What is unknown has
    no key, and where no triple can be made there are no keys; `abx_items`, `abx_group` and
    `abx_x_speakers` say what was compared. Raises UnitsError.
    """
    items = _items(units, recordings)
    scores: dict[str, float] = {"abx_items": len(items)}
    if subsample.max_size_group is not None:
        scores["abx_group"] = subsample.max_size_group
    if subsample.max_x_across is not None:
        scores["abx_x_speakers"] = subsample.max_x_across
    speakers: tuple[Speaker, ...] = ("within", "across")
    possible: list[Speaker] = [
        kind
        for kind in speakers
        if next(cells(items, kind, "triphone", subsample), None) is not None
    ]
    for name, (frames, distance) in _representations(units, recordings).items():
        for speaker in possible:
            error = abx(
                frames, units.rate, items, distance=distance, speaker=speaker, subsample=subsample
            ).error
            scores[f"abx_{name}_{speaker}"] = error
    return scores if possible else {}


def _items(units: Units, recordings: Sequence[Recording]) -> list[Item]:
    """Triphones that hold the center of a code."""
    spoken = {
        recording.name: (recording.speaker, recording.phones.intervals)
        for recording in recordings
        if recording.phones
    }
    return [
        item
        for item in triphone_items(spoken, {SIL})
        if _holds_frames(item, len(units.codes[item.file]), units.rate)
    ]


def _holds_frames(item: Item, count: int, rate: float) -> bool:
    """Whether an item holds one of the first `count` frames."""
    first, last = frame_range(item.onset, item.offset, rate)
    return first <= min(last, count - 1)


def _representations(
    units: Units, recordings: Sequence[Recording]
) -> Mapping[str, tuple[Mapping[str, NDArray[Any]], Distance]]:
    """What can be compared, and the distance for it."""
    names = [recording.name for recording in recordings if recording.phones]
    frames: dict[str, tuple[Mapping[str, NDArray[Any]], Distance]] = {}
    if all(name in units.features for name in names):
        frames["features"] = {name: units.features[name] for name in names}, "angular"
    if units.codewords is not None:
        frames["vectors"] = {name: units.codewords[units.codes[name]] for name in names}, "angular"
    frames["codes"] = {name: units.codes[name] for name in names}, "identical"
    return frames
