"""From a corpus to a report on what was discovered in it.

    python -m recipes.phoneme_discovery.run CORPUS WORK [--align DIR] [--train more.jsonl]

CORPUS and the options on it are those of `prepare.py`. Networks learn from the recordings that are
not held out, and from those of --train, which needs no phones; clusters are fitted, and mapped to
phones, on the former alone. In WORK there will be

    report.html                        tables, pictures and codes to hear; one file
    results.md, .csv, .json            the scores of all systems
    boundaries.csv                     those of their boundaries
    textgrids/                         phones, codes and segments of the held-out recordings, for Praat
    manifest.jsonl                     what was read; spectra/, models/, units/ and scores/ what is kept between runs

Whatever is there is not made again: an interrupted run goes on with the same command.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

import speechvq
from recipes.phoneme_discovery.corpora.prepare import (
    held_out_of,
    load_recordings,
    load_waves,
    make_folder,
    prepare,
    summary,
)
from recipes.phoneme_discovery.inputs import (
    check_device,
    check_models,
    check_plan,
    check_strangers,
    more_speech,
)
from recipes.phoneme_discovery.models.encoding import by_name, cepstra
from recipes.phoneme_discovery.models.speech import Speech, speech_of
from recipes.phoneme_discovery.models.topline import topline_units
from recipes.phoneme_discovery.plan import Book, Plan, read_plan
from recipes.phoneme_discovery.systems import (
    COMPARED,
    MASKED,
    TOPLINE,
    VQVAE,
    Discovery,
    codec_units,
)
from speechvq.errors import SpeechVQError
from speechvq.output import new_file
from speechvq.units.boundaries.evaluation import BoundaryRow, boundary_rows, detector_rows
from speechvq.units.boundaries.unit_segments import phone_rate, unit_segments
from speechvq.units.evaluation.results import Results, write_results
from speechvq.units.evaluation.scores import evaluate
from speechvq.units.evaluation.tables import CHOSEN, boundary_cells, comparison, comparison_rows
from speechvq.units.recordings import Recording, Units, read_units, write_units
from speechvq.units.report.report import write_report
from speechvq.units.split import Split

HERE = Path(__file__).parent
SHOWN = (
    "accuracy_speech",
    "ceiling",
    "v_measure",
    "abx_features_across",
    "abx_vectors_within",
    "bits_runs",
    "run_ms",
    "perplexity",
)
"""What a second table shows, behind those that tell most."""


def main(
    corpus: Annotated[Path, typer.Argument(help="The folder of a corpus, or a manifest.")],
    work: Annotated[Path, typer.Argument(help="The folder to work in; it is made.")],
    name: Annotated[
        str | None, typer.Option("--corpus", help="Which corpus it is, if that is not to be told.")
    ] = None,
    align: Annotated[
        Path | None, typer.Option(help="Alignments: a folder, or a .ctm file.")
    ] = None,
    train: Annotated[
        Path | None,
        typer.Option(help="A manifest of more speech to learn from; it needs no labels."),
    ] = None,
    held_out: Annotated[
        list[str] | None, typer.Option(help="A speaker to hold out; may be given several times.")
    ] = None,
    share: Annotated[
        float, typer.Option(help="How much of the speakers to hold out, if none is named.")
    ] = 0.33,
    tier: Annotated[
        str | None, typer.Option(help="The tier of TextGrids, if not the one called phones.")
    ] = None,
    inventory: Annotated[
        int, typer.Option(help="How many phones TIMIT is folded to: 39, 48, or 61 for none.")
    ] = 39,
    stress: Annotated[
        bool, typer.Option("--stress", help="Keep the 0, 1 or 2 after vowels.")
    ] = False,
    pattern: Annotated[
        str | None,
        typer.Option(
            "--speaker-pattern", help="A regular expression: its group is the speaker in a path."
        ),
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(
            help="The work folder of a finished run whose networks are to be used: nothing is "
            "trained."
        ),
    ] = None,
    config: Annotated[Path, typer.Option(help="Sizes and steps, a TOML file.")] = HERE
    / "discovery.toml",
    codec: Annotated[
        bool, typer.Option(help="Score codebook 0 of the codec that comes along, too.")
    ] = True,
    device: Annotated[str, typer.Option(help="Where networks are trained: cpu, or cuda.")] = "cpu",
) -> None:
    """Prepare, train, encode, evaluate and report."""
    plan = read_plan(config)
    check_device(device)
    if models:
        check_models(plan, models, train)
    recordings = prepare(
        corpus, work, name=name, align=align, held_out=held_out or (), share=share, tier=tier,
        inventory=inventory, stress=stress, pattern=pattern,
    )  # fmt: skip
    print(summary(recordings, held_out_of(work)), file=sys.stderr)
    more = more_speech(train, recordings) if train else []
    if models:
        check_strangers(recordings, held_out_of(work), models)
    check_plan(plan, recordings, more, work, models)
    run = discovery(plan, work, recordings, more, device, models)
    systems = all_units(run, work, codec=codec)
    results = scored(run, work, systems)
    report(work, corpus, systems, results, notes(run, results, train, models))
    print(f"{results.text()}\n{comparison(results.scores)}\n{work / 'report.html'}")


def discovery(
    plan: Plan,
    work: Path,
    recordings: Sequence[Recording],
    more: Sequence[Recording],
    device: str,
    models: Path | None,
) -> Discovery:
    """Read the speech; who is held out is not learned from. Raises UnitsError and AudioError."""
    away = held_out_of(work)
    own = [recording for recording in recordings if recording.name not in away]
    corpus = speech_of(recordings, load_waves, work / "spectra")
    training = None if models else speech_of([*own, *more], load_waves, work / "spectra")
    fit = tuple(recording.name for recording in own if recording.name in set(corpus.names))
    return Discovery(plan, (models or work) / "models", training, corpus, fit, device)


def all_units(run: Discovery, work: Path, *, codec: bool) -> list[Units]:
    """The units of every system and book, made once; last what labels would bring, where there are some."""
    folder = work / "units"
    make_folder(folder)
    known = {recording.name: recording for recording in load_recordings(work)}
    recordings = [known[name] for name in run.corpus.names]
    systems = [kept(folder, name, book, run) for book in run.plan.books for name in COMPARED]
    if codec:
        model = speechvq.load().model.digest.hex()
        paths = [folder / f"codec-{model}-{number}.units" for number in (0, 1)]
        if not all(path.exists() for path in paths):
            made = codec_units(speechvq.load(), recordings, run.fit, seed=run.plan.seed)
            for path, units in zip(paths, made, strict=True):
                write_units(path, units, force=True)
        systems += [read_units(path) for path in paths]
    if any(known[name].phones for name in run.fit):
        systems += [
            topline(folder, recordings, rate, run)
            for rate in sorted({book.rate for book in run.plan.books})
        ]
    return systems


def topline(folder: Path, recordings: Sequence[Recording], rate: int, run: Discovery) -> Units:
    """What labels would bring at a rate, made once."""
    path = folder / f"topline-{rate}.units"
    if not path.exists():
        print(f"making {TOPLINE}, {rate} Hz", file=sys.stderr)
        features = by_name(run.corpus, cepstra(run.corpus, rate))
        labeled = [recording for recording in recordings if recording.phones]
        write_units(
            path, topline_units(features, labeled, run.fit, rate, TOPLINE, seed=run.plan.seed)
        )
    return read_units(path)


def kept(folder: Path, name: str, book: Book, run: Discovery) -> Units:
    """The units of a system, read where they are there, and else made."""
    path = folder / f"{file_name(name, book.size, book.rate)}.units"
    if not path.exists():
        print(f"making {name}, {book.size} codes at {book.rate} Hz", file=sys.stderr)
        write_units(path, run.units(name, book, lambda other: kept(folder, other, book, run)))
    return read_units(path)


def file_name(name: str, size: int, rate: float) -> str:
    return f"{name.replace(',', '').replace(' ', '-')}-{size}-{rate:g}"


def scored(run: Discovery, work: Path, systems: Sequence[Units]) -> Results:
    """The scores of all systems, and of the boundaries of those that are not shuffled; kept in WORK/scores."""
    known = {recording.name: recording for recording in load_recordings(work)}
    recordings = [known[name] for name in run.corpus.names]
    labeled = [recording for recording in recordings if recording.phones] or recordings
    split = split_of(labeled, held_out_of(work))
    mels = LogMels(run.corpus)
    folder = work / "scores"
    make_folder(folder)
    scores, boundaries = [], list[BoundaryRow]()
    for units in systems:
        path = folder / f"{file_name(units.name, units.size, units.rate)}.json"
        if not path.exists():
            print(f"scoring {units.name}, {units.size} codes at {units.rate:g} Hz", file=sys.stderr)
            facts = {"name": units.name, "rate": units.rate, "size": units.size}
            record = {
                "scores": facts | evaluate(units, labeled, split, seed=run.plan.seed),
                "boundaries": [],
            }
            if "shuffled" not in units.name:
                record["boundaries"] = boundary_rows(
                    units,
                    labeled,
                    split,
                    log_mels=mels.of(split.score),
                    baselines=units is systems[0],
                )
            keep(path, record)
        record = json.loads(path.read_text(encoding="utf-8"))
        scores.append(record["scores"])
        boundaries += [
            {**row, "units": titled(units) if row["units"] else ""} for row in record["boundaries"]
        ]
    return Results(
        split, tuple(scores), (*boundaries, *detector_scores(run, folder, labeled, split))
    )


def detector_scores(
    run: Discovery, folder: Path, labeled: Sequence[Recording], split: Split
) -> list[BoundaryRow]:
    """The scores of boundaries that a network was learned for, and of its rivals, kept in a folder; no rows without phones."""
    path = folder / "boundaries.json"
    if not path.exists():
        fit = set(split.fit)
        target = phone_rate([recording for recording in labeled if recording.name in fit])
        keep(path, detector_rows(run.boundaries(split.score, target), labeled, split))
    return json.loads(path.read_text(encoding="utf-8"))


def keep(path: Path, value: Any) -> None:  # noqa: ANN401 - whatever JSON can hold
    with new_file(path) as partial:
        partial.write_text(json.dumps(value), encoding="utf-8")


def titled(units: Units) -> str:
    return f"{units.name}, {units.size} at {units.rate:g} Hz"


def split_of(recordings: Sequence[Recording], away: frozenset[str]) -> Split:
    """Who is held out was decided when the corpus was prepared."""
    fit, score = (
        [recording for recording in recordings if (recording.name in away) is held]
        for held in (False, True)
    )
    unseen = {recording.speaker for recording in fit}.isdisjoint(
        recording.speaker for recording in score
    )
    return Split(
        tuple(recording.name for recording in fit),
        tuple(recording.name for recording in score),
        unseen,
    )


@dataclass(frozen=True)
class LogMels:
    """Spectra of recordings as the peak picker wants them."""

    speech: Speech

    def of(self, names: Sequence[str]) -> dict[str, Any]:
        """By name."""
        numbers = {name: number for number, name in enumerate(self.speech.names)}
        return {name: self.speech.log_mel(numbers[name]) for name in names}


def report(
    work: Path, corpus: Path, systems: Sequence[Units], results: Results, said: Sequence[str]
) -> None:
    """Write tables, TextGrids and the page; the first book's units by masked prediction are shown."""
    shown = next(system for system in systems if system.name == MASKED)
    recordings = [recording for recording in load_recordings(work) if recording.name in shown.codes]
    held = [recording for recording in recordings if recording.name in set(results.split.score)]
    write_results(work, results, [shown], held, force=True)
    target = phone_rate(
        [recording for recording in recordings if recording.name in set(results.split.fit)]
    )
    points = [
        (titled(units), scores["bits_frames"], scores["abx_vectors_across"] / 100)
        for units, scores in zip(systems, results.scores, strict=True)
        if units.name in (MASKED, VQVAE) and "abx_vectors_across" in scores
    ]
    write_report(
        work / "report.html",
        f"Units discovered in {corpus.resolve().name}",
        shown,
        recordings,
        scored=results.split.score,
        tables=[
            ("Systems", comparison_rows(results.scores)),
            (
                "More numbers",
                comparison_rows(results.scores, [key for key in SHOWN if key not in CHOSEN]),
            ),
            *([("Boundaries", boundary_cells(results.boundaries))] if results.boundaries else []),
        ],
        notes=said,
        segments=unit_segments(shown, results.split.score, results.split.fit, target),
        points=points,
        force=True,
    )


def notes(run: Discovery, results: Results, train: Path | None, models: Path | None) -> list[str]:
    """What must be known of a discovery to read its numbers."""
    source = f"the corpus and {train.name}" if train else "the corpus"
    hours = (
        f"{run.training.seconds / 3600:.2f} h of {source}"
        if run.training
        else f"the speech of {models}"
    )
    others = (
        "by speakers nobody learned from"
        if results.split.unseen_speakers
        else "by the same speakers"
    )
    said = [f"Networks learned from {hours}, without labels."]
    if not any("phone_purity" in result for result in results.scores):
        return [
            *said,
            f"Scores are of {len(results.split.score)} recordings, {others}. No phones are known.",
        ]
    return [
        *said,
        f"Maps from codes to phones were made from {len(results.split.fit)} recordings.",
        f"Scores are of {len(results.split.score)} others, {others}.",
        (
            "A code belongs to the phone at its center. Silence counts as a phone; the accuracy "
            "without it is in the second table."
        ),
        (
            "Shuffled codes and the most frequent phone say what a score is without any meaning: "
            "they stand in brackets."
        ),
        (
            "The reference is what the alignments say; those of an aligner are not those of a "
            "phonetician."
        ),
    ]


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"run: {error}")
