"""Units in segments as long as phones: `segmentation` at a target number of segments per second."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from speechvq.units.boundaries.segmentation import (
    LONGEST,
    Costs,
    Floats,
    Segments,
    automatic_weight,
    segment,
    segment_costs,
    squared_distances,
)
from speechvq.units.recordings import Recording, Units

PHONES = 12.5
"""Segments per second where no alignment gives a number: about the phone rate of speech."""

STEP = 1e-8
"""Share by which a weight is lowered to cross a step; more than `automatic_weight`'s accuracy."""

LONGEST_SECONDS = 0.3
"""Seconds that a segment may always last."""

SAMPLE = 60
"""Largest number of recordings that the weight is found on."""


def phone_rate(recordings: Sequence[Recording]) -> float:
    """Phones and silences per second in recordings with phones; `PHONES` where there are none."""
    known = [recording for recording in recordings if recording.phones]
    seconds = sum(recording.seconds for recording in known)
    return (
        sum(len(recording.phones.intervals) for recording in known if recording.phones) / seconds
        if seconds
        else PHONES
    )


def information(units: Units, names: Sequence[str]) -> Floats:
    """-log2 of the frequency of each code in some recordings, (size,), with add-one smoothing."""
    counts = 1 + sum(
        (np.bincount(units.codes[name], minlength=units.size) for name in names),
        np.zeros(units.size, np.int64),
    )
    return -np.log2(counts / counts.sum())


def unit_costs(units: Units, name: str, bits: Floats) -> Costs:
    """Segment costs of a recording, by features and code vectors where known, else by codes.

    bits: of each code (size,), the cost of a frame with that code in a segment of another; not used
        where features are known. With `information`, segments keep as much information on the codes
        as possible; if the cost were the same for all codes, numbers of segments would have large
        steps.

    Raises UnitsError for a recording without codes.
    """
    longest = max(LONGEST, round(LONGEST_SECONDS * units.rate))
    if units.codewords is not None and name in units.features:
        return segment_costs(squared_distances(units.features[name], units.codewords), longest)
    codes = units.codes[name]
    used, numbers = np.unique(codes, return_inverse=True)
    costs_by_code = segment_costs(
        (numbers[:, None] != np.arange(len(used))) * bits[codes][:, None], longest
    )
    return Costs(costs_by_code.costs, used.astype(np.int32)[costs_by_code.codes])


def unit_segments(
    units: Units,
    names: Sequence[str],
    fit_names: Sequence[str],
    target: float = PHONES,
    *,
    seed: int = 0,
) -> dict[str, Segments]:
    """The segments of recordings that have codes, by name.

    fit_names: the recordings on which, or on a sample of which, the weight for `target` segments
        per second is found. Where no weight gives as many segments, it is 0; where none gives as
        few, segments are as long as allowed.
    seed: of the sample

    Raises UnitsError.
    """
    fitted = [name for name in fit_names if len(units.codes[name])]
    bits = information(units, fitted)
    if len(fitted) > SAMPLE:
        fitted = np.random.default_rng(seed).permutation(np.array(fitted))[:SAMPLE].tolist()
    weight = _weight([unit_costs(units, name, bits) for name in fitted], units.rate, target)
    return {
        name: segment(unit_costs(units, name, bits), weight)
        for name in names
        if len(units.codes[name])
    }


def segmented(
    units: Units, fit_names: Sequence[str], target: float = PHONES, *, seed: int = 0
) -> Units:
    """Units whose codes are those of segments: each frame has the code of its segment.

    Kamper and van Niekerk 2021 found such codes purer than those of single frames. See
    `unit_segments`. Raises UnitsError.
    """
    cut = unit_segments(units, list(units.codes), fit_names, target, seed=seed)
    codes = {
        name: cut[name].frames() if name in cut else codes for name, codes in units.codes.items()
    }
    return replace(units, name=f"{units.name}, segments", codes=codes)


def _weight(costs: Sequence[Costs], rate: float, target: float) -> float:
    """The weight whose number of segments is nearest to the target; 0 without recordings."""
    if not costs:
        return 0.0
    seconds = sum(cost.frames for cost in costs) / rate

    def found(weight: float) -> float:
        return sum(len(segment(cost, weight).ends) for cost in costs) / seconds

    least = sum(-(-cost.frames // len(cost.costs)) for cost in costs) / seconds
    target = min(max(target, least), found(0.0))
    above = automatic_weight(costs, rate, target)
    return min(above, above * (1 - STEP), key=lambda weight: abs(found(weight) - target))
