"""All scores of units: how they relate to phones, what they cost, what they tell of speakers.

Where phones are known, a map from codes to phones is fitted on some recordings and scored on
others, on which purities, ABX errors and rates are measured as well; speaker scores are measured on
both together (see `speakers.evaluation`). Boundaries have tables of their own, see
`boundaries.evaluation`.
"""

from collections.abc import Sequence

import numpy as np

from speechvq.errors import UnitsError
from speechvq.units.abx.cells import Subsample
from speechvq.units.abx.evaluation import abx_scores
from speechvq.units.alignments.alignment import SIL
from speechvq.units.evaluation.metrics import METRICS
from speechvq.units.phones.evaluation import frame_scores
from speechvq.units.recordings import Recording, Units, check_lengths
from speechvq.units.speakers.evaluation import speaker_scores
from speechvq.units.split import Split
from speechvq.units.usage.rates import bit_rates, run_lengths, usage

ABX = Subsample(max_size_group=10, max_x_across=5)
"""The part of the ABX task that is evaluated by default: as in ZeroSpeech 2021."""


def evaluate(
    units: Units,
    recordings: Sequence[Recording],
    split: Split,
    *,
    abx: Subsample | None = ABX,
    seed: int = 0,
) -> dict[str, float]:
    """The scores of `METRICS` by their keys, in that order; those not available are absent.

    recordings: all that the split names, possibly others; their phones may be unknown
    abx: what to draw for the ABX task, which takes longest; None leaves it out
    seed: of all shuffling and drawing

    Raises UnitsError when a recording has no codes or codes of another duration, or nothing is left
    to be scored; MissingExtra.
    """
    by_name = {recording.name: recording for recording in recordings}
    if lacking := [name for name in (*split.fit, *split.score) if name not in by_name]:
        raise UnitsError(
            f"there is no recording {lacking[0]}, which the split names: split these recordings"
        )
    fit, score = ([by_name[name] for name in names] for names in (split.fit, split.score))
    check_lengths(units, [*fit, *score])
    fit, score = (
        [recording for recording in group if len(units.codes[recording.name])]
        for group in (fit, score)
    )
    if not score:
        raise UnitsError(
            f"{units.name}: no recording that is to be scored has codes; are they all shorter "
            "than one code?"
        )
    scores = frame_scores(units, fit, score, seed=seed) | cost_scores(units, score)
    scores |= speaker_scores(units, [*fit, *score], seed=seed)
    scores |= abx_scores(units, score, abx) if abx else {}
    return {
        metric.key: scores[metric.key] * (100 if metric.unit == "%" else 1)
        for metric in METRICS
        if metric.key in scores
    }


def cost_scores(units: Units, recordings: Sequence[Recording]) -> dict[str, float]:
    """Bit rates, usage, and lengths of runs and phones, by their keys. Raises UnitsError."""
    codes = [units.codes[recording.name] for recording in recordings]
    rates, used = (
        bit_rates(codes, sum(recording.seconds for recording in recordings)),
        usage(codes, units.size),
    )
    scores = {
        "bits_frames": rates.frames,
        "bits_runs": rates.deduplicated,
        "bits_durations": rates.with_durations,
        "used": used.used,
        "perplexity": used.perplexity,
        "top": used.top,
        "run_ms": run_lengths(codes, units.rate).mean,
    }
    intervals = [
        interval
        for recording in recordings
        if recording.phones
        for interval in recording.phones.intervals
    ]
    lengths = [
        1000 * (interval.end - interval.start) for interval in intervals if interval.label != SIL
    ]
    return scores | ({"phone_ms": float(np.mean(lengths))} if lengths else {})
