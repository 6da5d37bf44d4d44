"""Speaker scores of all recordings of an evaluation: probes and leakage, with their baselines."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from speechvq.extras import needed
from speechvq.units.phones.frames import labels_of, phone_numbers
from speechvq.units.phones.joint import NO_LABEL
from speechvq.units.recordings import Recording, Units
from speechvq.units.speakers.probe import leakage, phone_leakage, speaker_probe, vector_probe


def speaker_scores(
    units: Units, recordings: Sequence[Recording], *, seed: int = 0
) -> dict[str, float]:
    """All scores that need speakers, as shares by their keys.

    Empty unless two speakers have two recordings each; speakers with a single recording are left
    out. Probes are trained on some recordings of each speaker and name the speakers of others, so
    the recordings that a phone map is fitted on and those that are scored are taken together.
    Raises UnitsError, and MissingExtra without scikit-learn.
    """
    counts = Counter(recording.speaker for recording in recordings)
    repeated = [recording for recording in recordings if counts[recording.speaker] > 1]
    codes, speakers = (
        [units.codes[recording.name] for recording in repeated],
        [recording.speaker for recording in repeated],
    )
    if len(set(speakers)) < 2:
        return {}
    with needed("naming speakers from codes", "train"):
        probe = speaker_probe(codes, speakers, seed=seed)
    scores = {
        "speaker_codes": probe.accuracy,
        "speaker_majority": probe.majority,
        "speaker_chance": probe.chance,
    }
    if all(recording.name in units.features for recording in repeated):
        means = np.stack(
            [units.features[recording.name].mean(0, dtype=np.float64) for recording in repeated]
        )
        scores["speaker_features"] = vector_probe(means, speakers, seed=seed).accuracy
    leak = leakage(codes, speakers, seed=seed)
    return (
        scores
        | {"leakage": leak.share, "leakage_shuffled": leak.shuffled}
        | _given_phones(units, repeated, seed)
    )


def _given_phones(units: Units, recordings: Sequence[Recording], seed: int) -> dict[str, float]:
    """The leakage given the phone, of recordings with phones. Raises UnitsError."""
    numbers = phone_numbers(recordings)
    labels = {
        recording.name: labels_of(recording, len(units.codes[recording.name]), units.rate, numbers)
        for recording in recordings
    }
    labeled = [recording for recording in recordings if (labels[recording.name] != NO_LABEL).any()]
    counts = Counter(recording.speaker for recording in labeled)
    labeled = [recording for recording in labeled if counts[recording.speaker] > 1]
    if len({recording.speaker for recording in labeled}) < 2:
        return {}
    leak = phone_leakage(
        [units.codes[recording.name] for recording in labeled],
        [labels[recording.name] for recording in labeled],
        [recording.speaker for recording in labeled],
        seed=seed,
    )
    return {"phone_leakage": leak.share, "phone_leakage_shuffled": leak.shuffled}
