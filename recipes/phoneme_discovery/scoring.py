"""The scores of all systems of a discovery, each computed once and kept in WORK/scores."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from recipes import script
from recipes.phoneme_discovery.corpora.prepared import held_out_of, load_recordings
from recipes.phoneme_discovery.made_units import file_name
from recipes.phoneme_discovery.systems import Discovery
from speechvq.output import make_folder, new_file
from speechvq.units.boundaries.evaluation import BoundaryRow, boundary_rows, detector_rows
from speechvq.units.boundaries.unit_segments import phone_rate
from speechvq.units.evaluation.results import Results
from speechvq.units.evaluation.scores import evaluate
from speechvq.units.recordings import Recording, Units
from speechvq.units.split import Split


def scored(run: Discovery, work: Path, systems: Sequence[Units]) -> Results:
    """The scores of all systems, and of their boundaries except those of shuffled codes."""
    by_recording = {recording.name: recording for recording in load_recordings(work)}
    recordings = [by_recording[name] for name in run.corpus.names]
    labeled = [recording for recording in recordings if recording.phones] or recordings
    split = split_of(labeled, held_out_of(work))
    folder = work / "scores"
    make_folder(folder)
    scores, boundaries = [], list[BoundaryRow]()
    for units in systems:
        path = folder / f"{file_name(units.name, units.size, units.rate)}.json"
        if not path.exists():
            print(f"scoring {units.name}, {units.size} codes at {units.rate:g} Hz", file=sys.stderr)
            keep(path, _scores(run, units, labeled, split, baselines=units is systems[0]))
        record = script.read_result(path)
        scores.append(record["scores"])
        boundaries += [
            {**row, "units": titled(units) if row["units"] else ""} for row in record["boundaries"]
        ]
    boundaries += detector_scores(run, folder, labeled, split)
    return Results(split, tuple(scores), tuple(boundaries))


def _scores(
    run: Discovery, units: Units, recordings: Sequence[Recording], split: Split, *, baselines: bool
) -> dict[str, Any]:
    """The scores of a system and of its boundaries."""
    facts = {"name": units.name, "rate": units.rate, "size": units.size}
    scores = facts | evaluate(units, recordings, split, seed=run.plan.seed)
    if "shuffled" in units.name:
        return {"scores": scores, "boundaries": []}
    numbers = {name: number for number, name in enumerate(run.corpus.names)}
    mels = {name: run.corpus.log_mel(numbers[name]) for name in split.score}
    rows = boundary_rows(units, recordings, split, log_mels=mels, baselines=baselines)
    return {"scores": scores, "boundaries": rows}


def detector_scores(
    run: Discovery, folder: Path, recordings: Sequence[Recording], split: Split
) -> list[BoundaryRow]:
    """The scores of boundary detectors without units; no rows without phones."""
    path = folder / "boundaries.json"
    if not path.exists():
        fit = set(split.fit)
        target = phone_rate([recording for recording in recordings if recording.name in fit])
        keep(path, detector_rows(run.boundaries(split.score, target), recordings, split))
    return script.read_result(path)


def keep(path: Path, record: Any) -> None:  # noqa: ANN401 - any JSON
    """Write a record as JSON."""
    with new_file(path, force=True) as file:
        file.write(json.dumps(record).encode())


def titled(units: Units) -> str:
    """The name of units with their size and rate, for tables."""
    return f"{units.name}, {units.size} at {units.rate:g} Hz"


def split_of(recordings: Sequence[Recording], held_out: frozenset[str]) -> Split:
    """The split that was chosen when the corpus was prepared, given the held-out names."""
    fit = [recording for recording in recordings if recording.name not in held_out]
    score = [recording for recording in recordings if recording.name in held_out]
    speakers = {recording.speaker for recording in fit}
    unseen = speakers.isdisjoint(recording.speaker for recording in score)
    return Split(
        tuple(recording.name for recording in fit),
        tuple(recording.name for recording in score),
        unseen,
    )
