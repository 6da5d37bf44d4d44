"""Units cut into segments as long as phones: `segmentation` with a weight that gives a wanted number of segments a second."""

from collections.abc import Mapping, Sequence

import numpy as np

from speechvq.units.recordings import Recording, Units
from speechvq.units.segmentation import LONGEST, Costs, Segments, automatic_weight, segment, segment_costs, squared_distances

PHONES = 12.5
"""Segments a second where no alignment says how many there should be: about as many phones as people say."""

LONGEST_SECONDS = 0.3
"""Segments may last so long at least."""

SAMPLE = 60
"""Recordings that the weight is found on, at most."""


def phone_rate(recordings: Sequence[Recording]) -> float:
    """Phones and silences a second in those of the recordings that have phones; `PHONES` where there are none."""
    known = [one for one in recordings if one.phones]
    seconds = sum(one.seconds for one in known)
    return sum(len(one.phones.intervals) for one in known if one.phones) / seconds if seconds else PHONES


def unit_costs(units: Units, name: str) -> Costs:
    """What segments of a recording cost: by features and code vectors, or where these are not known, frames of other codes.

    Raises UnitsError for a recording without codes.
    """
    codes = units.codes[name]
    if units.codebook is not None and name in units.features:
        distances = squared_distances(units.features[name], units.codebook)
        return segment_costs(distances, _longest(units.rate))
    used, numbers = np.unique(codes, return_inverse=True)
    found = segment_costs((numbers[:, None] != np.arange(len(used))).astype(np.float64), _longest(units.rate))
    return Costs(found.costs, used.astype(np.int32)[found.codes])


def unit_segments(
    units: Units, names: Sequence[str], fit_names: Sequence[str], target: float = PHONES, *, seed: int = 0
) -> Mapping[str, Segments]:
    """The segments of recordings that have codes, by name.

    fit_names: the recordings, or some of them, on which the weight is found that gives `target` segments a second. Where none
        gives so many, the weight is 0; where none gives so few, segments are as long as they may be.
    Raises UnitsError.
    """
    some = [name for name in fit_names if len(units.codes[name])]
    if len(some) > SAMPLE:
        some = np.random.default_rng(seed).permutation(np.array(some))[:SAMPLE].tolist()
    weight = _weight([unit_costs(units, name) for name in some], units.rate, target)
    return {name: segment(unit_costs(units, name), weight) for name in names if len(units.codes[name])}


def _weight(costs: Sequence[Costs], rate: float, target: float) -> float:
    """The weight for the target, or the nearest number of segments that there can be; 0 without recordings."""
    if not costs:
        return 0.0
    seconds = sum(one.frames for one in costs) / rate
    most = sum(len(segment(one, 0.0).ends) for one in costs) / seconds
    least = sum(-(-one.frames // len(one.costs)) for one in costs) / seconds
    return automatic_weight(costs, rate, min(max(target, least), most))


def _longest(rate: float) -> int:
    """Frames in a segment at most."""
    return max(LONGEST, round(LONGEST_SECONDS * rate))
