"""The files of a discovery for people: tables, TextGrids and the report."""

from collections.abc import Sequence
from pathlib import Path

from recipes.phoneme_discovery.corpora.prepared import load_recordings
from recipes.phoneme_discovery.scoring import titled
from recipes.phoneme_discovery.systems import MASKED, VQVAE, Discovery
from speechvq.units.boundaries.unit_segments import phone_rate, unit_segments
from speechvq.units.evaluation.results import Results, write_results
from speechvq.units.evaluation.tables import CHOSEN, boundary_cells, comparison_rows
from speechvq.units.recordings import Units
from speechvq.units.report.report import write_report

MORE = (
    "accuracy_speech",
    "ceiling",
    "v_measure",
    "abx_features_across",
    "abx_vectors_within",
    "bits_runs",
    "run_ms",
    "perplexity",
)
"""The metrics of a further table, after the most informative ones."""


def report(
    work: Path, corpus: Path, systems: Sequence[Units], results: Results, notes: Sequence[str]
) -> None:
    """Write tables, TextGrids and the report, with pictures of masked prediction's first units."""
    shown = next(units for units in systems if units.name == MASKED)
    fit, score = set(results.split.fit), set(results.split.score)
    recordings = [recording for recording in load_recordings(work) if recording.name in shown.codes]
    scored = [recording for recording in recordings if recording.name in score]
    write_results(work, results, [shown], scored, force=True)
    target = phone_rate([recording for recording in recordings if recording.name in fit])
    points = [
        (titled(units), scores["bits_frames"], scores["abx_vectors_across"] / 100)
        for units, scores in zip(systems, results.scores, strict=True)
        if units.name in (MASKED, VQVAE) and "abx_vectors_across" in scores
    ]
    tables = [
        ("Systems", comparison_rows(results.scores)),
        (
            "More metrics",
            comparison_rows(results.scores, [key for key in MORE if key not in CHOSEN]),
        ),
    ]
    if results.boundaries:
        tables.append(("Boundaries", boundary_cells(results.boundaries)))
    write_report(
        work / "report.html",
        f"Units discovered in {corpus.resolve().name}",
        shown,
        recordings,
        scored=results.split.score,
        tables=tables,
        notes=notes,
        segments=unit_segments(shown, results.split.score, results.split.fit, target),
        points=points,
        force=True,
    )


def notes_of(
    run: Discovery, results: Results, train: Path | None, models: Path | None
) -> list[str]:
    """What a reader must know to interpret the scores."""
    source = f"the corpus and {train.name}" if train else "the corpus"
    speech = (
        f"{run.training.seconds / 3600:.2f} h of {source}"
        if run.training
        else f"the speech of {models}"
    )
    speakers = "unseen speakers" if results.split.unseen_speakers else "the same speakers"
    notes = [f"Networks were trained on {speech}, without labels."]
    count = len(results.split.score)
    if not any("phone_purity" in scores for scores in results.scores):
        return [*notes, f"Scores are of {count} recordings by {speakers}. No phones are known."]
    return [
        *notes,
        f"Maps from codes to phones were fitted on {len(results.split.fit)} recordings.",
        f"Scores are of {count} others by {speakers}.",
        "A code belongs to the phone at its center.",
        "Silence counts as a phone; the accuracy without it is in the second table.",
        "In brackets are the shuffled baseline and the majority-class baseline.",
        "The reference is the given alignments; an aligner's are not a phonetician's.",
    ]
