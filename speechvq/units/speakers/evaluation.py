"""What codes tell of the speaker, for all recordings of an evaluation: probes and leakage, with what chance would get."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from speechvq.errors import MissingExtra
from speechvq.units.phones.frames import labels_of, phone_numbers
from speechvq.units.phones.joint import NO_LABEL
from speechvq.units.recordings import Recording, Units
from speechvq.units.speakers.probe import leakage, phone_leakage, speaker_probe, vector_probe


def speaker_scores(
    units: Units, recordings: Sequence[Recording], *, seed: int = 0
) -> dict[str, float]:
    """All scores that need speakers, as shares by their keys; empty unless two speakers have two recordings each.

    Speakers with a single recording are left out. Probes learn some recordings of each speaker and
    name the speakers of others, so the recordings that a map is fitted on and those that are scored
    are taken together. Raises UnitsError, and MissingExtra without scikit-learn.
    """
    counts = Counter(one.speaker for one in recordings)
    some = [one for one in recordings if counts[one.speaker] > 1]
    codes, speakers = [units.codes[one.name] for one in some], [one.speaker for one in some]
    if len(set(speakers)) < 2:
        return {}
    try:
        probe = speaker_probe(codes, speakers, seed=seed)
    except ModuleNotFoundError as error:
        raise MissingExtra(
            f"naming speakers from codes needs {error.name}: pip install 'speechvq[train]'"
        ) from error
    found = {
        "speaker_codes": probe.accuracy,
        "speaker_prior": probe.prior,
        "speaker_chance": probe.chance,
    }
    if all(one.name in units.features for one in some):
        means = np.stack([units.features[one.name].mean(0, dtype=np.float64) for one in some])
        found["speaker_features"] = vector_probe(means, speakers, seed=seed).accuracy
    leak = leakage(codes, speakers, seed=seed)
    return (
        found
        | {"leakage": leak.share, "leakage_floor": leak.floor}
        | _given_phones(units, some, seed)
    )


def _given_phones(units: Units, recordings: Sequence[Recording], seed: int) -> dict[str, float]:
    """The leakage beside what the phone tells, of recordings with phones. Raises UnitsError."""
    numbers = phone_numbers(recordings)
    labels = {
        one.name: labels_of(one, len(units.codes[one.name]), units.rate, numbers)
        for one in recordings
    }
    some = [one for one in recordings if (labels[one.name] != NO_LABEL).any()]
    counts = Counter(one.speaker for one in some)
    some = [one for one in some if counts[one.speaker] > 1]
    if len({one.speaker for one in some}) < 2:
        return {}
    found = phone_leakage(
        [units.codes[one.name] for one in some],
        [labels[one.name] for one in some],
        [one.speaker for one in some],
        seed=seed,
    )
    return {"phone_leakage": found.share, "phone_leakage_floor": found.floor}
