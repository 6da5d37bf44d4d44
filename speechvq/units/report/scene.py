"""The subject of a report: units, scored recordings, and what several sections need of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import UnitsError
from speechvq.units.boundaries.segmentation import Segments
from speechvq.units.phones.phone_table import PhoneTable, code_order, phone_table, silent
from speechvq.units.recordings import Recording, Units
from speechvq.units.usage import rates

MOST_CODES = 512
"""Codes in heat map and matrix, the most frequent ones: a picture has some thousand pixels."""


@dataclass(frozen=True, eq=False)
class Scene:
    """The subject of all sections.

    units, recordings: the units, and the scored recordings
    others: recordings that are not scored, from which the map from codes to phones is made
    segments: by the name of the recording
    """

    units: Units
    recordings: Sequence[Recording]
    others: Sequence[Recording]
    segments: Mapping[str, Segments]

    @cached_property
    def codes(self) -> list[NDArray[np.integer]]:
        """The codes of each scored recording."""
        return [self.units.codes[recording.name] for recording in self.recordings]

    @cached_property
    def usage(self) -> rates.Usage:
        """Usage of the codes in the scored recordings."""
        return rates.usage(self.codes, self.units.size)

    @cached_property
    def phones(self) -> PhoneTable | None:
        """The phone table of the scored recordings; None where their phones are unknown."""
        return phone_table(self.units, self.recordings)

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """The codes in pictures: the most frequent, by phone, or by frequency without phones."""
        counts = self.phones.counts.sum(1) if self.phones else self.usage.counts
        frequent = np.argsort(-counts, kind="stable")[
            : min(MOST_CODES, int((counts > 0).sum()))
        ].astype(np.int64)
        if not self.phones:
            return frequent
        by_phone = code_order(self.phones.counts)
        return by_phone[np.isin(by_phone, frequent)]

    @cached_property
    def silences(self) -> NDArray[np.bool_]:
        """Which codes stand for silence, (k,); none where no phones are known."""
        return silent(self.phones) if self.phones else np.zeros(self.units.size, np.bool_)


def scene(
    units: Units,
    recordings: Sequence[Recording],
    scored: Sequence[str],
    segments: Mapping[str, Segments],
) -> Scene:
    """The subject of a report from all recordings. Raises UnitsError."""
    by_name = {recording.name: recording for recording in recordings}
    names = set(scored)
    if lacking := [name for name in scored if name not in by_name or name not in units.codes]:
        raise UnitsError(
            f"{len(lacking)} of {len(scored)} scored recordings lack, or lack codes; the first is "
            f"{lacking[0]}"
        )
    about = Scene(
        units,
        [by_name[name] for name in dict.fromkeys(scored)],
        [
            recording
            for recording in recordings
            if recording.name not in names and recording.name in units.codes
        ],
        {name: segments[name] for name in segments if name in names},
    )
    if beyond := [
        name
        for name, segment in about.segments.items()
        if segment.codes.max(initial=0) >= units.size
    ]:
        raise UnitsError(
            f"{units.name}: segments of {beyond[0]} have codes beyond {units.size - 1}; give "
            "those of these units"
        )
    if not any(map(len, about.codes)):
        raise UnitsError(
            f"{units.name}: the scored recordings have no codes; there is nothing to report on"
        )
    return about
