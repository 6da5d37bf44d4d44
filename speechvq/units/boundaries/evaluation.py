"""Boundaries of units against those of phones, next to baselines without units: a table of methods.

Reference boundaries are the edges of phones and silences inside a recording. They are scored twice:

    all       every edge
    phones    edges between two phones only. Edges at silence, or at time without a label, are left
              out, and with them all boundaries within the tolerance of one that are not nearer to
              an edge between phones; boundaries inside a silence count as wrong in both scores

Methods called "best" are oracle baselines: the fixed grid and the peaks of the mel spectrogram get
the spacing and the prominence with the best R-value over all edges.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from speechvq.units.alignments.alignment import SIL, TOLERANCE, Alignment
from speechvq.units.boundaries.baselines import best_grid, best_mel_peaks, grid, mel_peaks
from speechvq.units.boundaries.scores import ROUNDING, Rule, Span, Times, changes, inside, score
from speechvq.units.boundaries.scores import TOLERANCE as NEAR
from speechvq.units.boundaries.unit_segments import phone_rate, unit_segments
from speechvq.units.features import RATE
from speechvq.units.recordings import Recording, Units, check_lengths
from speechvq.units.split import Split

BoundaryRow = dict[str, str | float]
Method = tuple[str, str]
"""The name of units, empty where there are none, and the method."""

RULES: tuple[Rule, Rule] = ("strict", "lenient")
MEASURES = ("precision", "recall", "f1", "over_segmentation", "r_value")


def boundary_rows(
    units: Units,
    recordings: Sequence[Recording],
    split: Split,
    *,
    finer: Units | None = None,
    log_mels: Mapping[str, NDArray[np.floating]] | None = None,
    target: float | None = None,
    baselines: bool = True,
    seed: int = 0,
) -> list[BoundaryRow]:
    """Scores of all methods on the scored recordings that have phones; no rows where none has.

    finer: units of another rate to segment as well: features at their own rate, for example
    log_mels: of each scored recording, log mel power (f, bands) at 100 frames per second, for the
        peak picker
    target: segments per second; by default the rate of phones and silences in the recordings to fit
        on
    baselines: include methods that need no units
    seed: of drawn recordings and random boundaries

    A row has the name of `units` ("" for baselines), `method`, `boundaries` ("all" or "phones"),
    `per_second`: hypothesized boundaries per second, and in percent the `MEASURES` by the strict
    rule and, prefixed with `lenient_`, by the lenient rule. Raises UnitsError.
    """
    by_name = {recording.name: recording for recording in recordings}
    scored, fit = ([by_name[name] for name in names] for names in (split.score, split.fit))
    scored = [recording for recording in scored if recording.phones]
    spans = [(0.0, recording.seconds) for recording in scored]
    edges = [_edges(recording.phones) for recording in scored if recording.phones]
    if not _some([every for every, _ in edges], spans):
        return []
    target = phone_rate(fit) if target is None else target
    hypotheses = _unit_boundaries(units, finer, scored, fit, target, seed)
    if baselines:
        mels = [log_mels[recording.name] for recording in scored] if log_mels is not None else None
        hypotheses |= _baselines([every for every, _ in edges], spans, mels, target, seed)
    return [
        row for method, times in hypotheses.items() for row in _rows(method, edges, times, spans)
    ]


def detector_rows(
    hypotheses: Mapping[str, Mapping[str, Times]], recordings: Sequence[Recording], split: Split
) -> list[BoundaryRow]:
    """The same rows for boundary detectors without units.

    hypotheses: by method the times in seconds in each of the scored recordings that have phones

    No rows where no scored recording has phones. Raises UnitsError.
    """
    names = set(split.score)
    scored = [recording for recording in recordings if recording.name in names and recording.phones]
    spans = [(0.0, recording.seconds) for recording in scored]
    edges = [_edges(recording.phones) for recording in scored if recording.phones]
    if not _some([every for every, _ in edges], spans):
        return []
    pairs = (
        (method, [times[recording.name] for recording in scored])
        for method, times in hypotheses.items()
    )
    return [row for method, times in pairs for row in _rows(("", method), edges, times, spans)]


def _some(references: Sequence[Times], spans: Sequence[Span]) -> bool:
    """Whether any boundary lies inside its recording."""
    return any(len(inside(times, span)) for times, span in zip(references, spans, strict=True))


def _unit_boundaries(
    units: Units,
    finer: Units | None,
    scored: Sequence[Recording],
    fit: Sequence[Recording],
    target: float,
    seed: int,
) -> dict[Method, list[Times]]:
    """The boundaries of units in each of the scored recordings, by method. Raises UnitsError."""
    names, fit_names = ([recording.name for recording in selected] for selected in (scored, fit))
    hypotheses: dict[Method, list[Times]] = {}
    for system in (units, finer):
        if system is None:
            continue
        check_lengths(system, [*fit, *scored])
        cut = unit_segments(system, names, fit_names, target, seed=seed)
        if system is units:
            hypotheses[system.name, "changes of codes"] = [
                changes(system.codes[name], system.rate) for name in names
            ]
        ends = [cut[name].boundaries(system.rate) if name in cut else np.zeros(0) for name in names]
        hypotheses[system.name, f"segments at {system.rate:g} Hz"] = ends
    return hypotheses


def _baselines(
    references: Sequence[Times],
    spans: Sequence[Span],
    mels: Sequence[NDArray[np.floating]] | None,
    target: float,
    seed: int,
) -> dict[Method, list[Times]]:
    """The boundaries of methods without units, by method. Raises UnitsError."""
    spacing, _ = best_grid(references, spans)
    methods = {("", f"grid, best: {1000 * spacing:g} ms"): [grid(span, spacing) for span in spans]}
    if mels is not None:
        prominence, _ = best_mel_peaks(references, mels, RATE, spans)
        methods["", "peaks of mel change"] = [mel_peaks(mel, RATE) for mel in mels]
        methods["", f"peaks of mel change, best: {prominence:g}"] = [
            mel_peaks(mel, RATE, prominence=prominence) for mel in mels
        ]
    random = np.random.default_rng(seed)
    methods["", "random"] = [
        random.uniform(0, end, max(0, round(target * end) - 1)) for _, end in spans
    ]
    return methods


def _rows(
    method: Method,
    edges: Sequence[tuple[Times, Times]],
    hypotheses: Sequence[Times],
    spans: Sequence[Span],
) -> list[BoundaryRow]:
    """The rows of a method: over all edges, and over those between phones if there are any.

    Raises UnitsError.
    """
    rows, rate = list[BoundaryRow](), sum(map(len, hypotheses)) / sum(end for _, end in spans)
    for scope, choose in SCOPES.items():
        pairs = [
            choose(every, silent, times)
            for (every, silent), times in zip(edges, hypotheses, strict=True)
        ]
        references, guesses = (
            [reference for reference, _ in pairs],
            [hypothesis for _, hypothesis in pairs],
        )
        if not _some(references, spans):
            continue
        strict, lenient = (score(references, guesses, edges=spans, rule=rule) for rule in RULES)
        row: BoundaryRow = {
            "units": method[0],
            "method": method[1],
            "boundaries": scope,
            "per_second": rate,
        }
        row |= {name: 100 * float(getattr(strict, name)) for name in MEASURES}
        rows.append(
            row | {f"lenient_{name}": 100 * float(getattr(lenient, name)) for name in MEASURES}
        )
    return rows


def _edges(phones: Alignment) -> tuple[Times, Times]:
    """All edges of an alignment in seconds, and those at silence or at time without a label."""
    first, last = phones.intervals[0], phones.intervals[-1]
    every, silent = [first.start, last.end], [first.start, last.end]
    for before, after in pairwise(phones.intervals):
        here = [after.start] if after.start - before.end <= TOLERANCE else [before.end, after.start]
        every += here
        silent += here if len(here) > 1 or SIL in {before.label, after.label} else []
    return np.unique(every), np.unique(silent)


def _all(every: Times, silent: Times, hypothesis: Times) -> tuple[Times, Times]:
    """Reference and hypothesized boundaries as they are."""
    del silent
    return every, hypothesis


def _between_phones(every: Times, silent: Times, hypothesis: Times) -> tuple[Times, Times]:
    """Both without those at silence."""
    between = np.setdiff1d(every, silent)
    to_silence, to_phones = _distances(hypothesis, silent), _distances(hypothesis, between)
    return between, hypothesis[(to_silence > NEAR + ROUNDING) | (to_phones < to_silence)]


SCOPES: dict[str, Callable[[Times, Times, Times], tuple[Times, Times]]] = {
    "all": _all,
    "phones": _between_phones,
}


def _distances(times: Times, others: Times) -> Times:
    """The distance from each time to the nearest of the others in seconds, or infinity."""
    if not len(others):
        return np.full(len(times), np.inf)
    place = np.searchsorted(others, times)
    return np.minimum(
        abs(times - others[np.maximum(place - 1, 0)]),
        abs(times - others[np.minimum(place, len(others) - 1)]),
    )
