"""Results of all systems: scores, boundaries, and the files with both."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from speechvq.errors import OutputError
from speechvq.output import check_writable, make_folder, new_folder
from speechvq.units.abx.cells import Subsample
from speechvq.units.alignments.alignment import Alignment, from_codes
from speechvq.units.alignments.writers import write_textgrid
from speechvq.units.boundaries.evaluation import BoundaryRow, boundary_rows
from speechvq.units.boundaries.unit_segments import phone_rate, unit_segments
from speechvq.units.evaluation.scores import ABX, evaluate
from speechvq.units.evaluation.tables import boundary_sheet, csv_text, json_text, sheet
from speechvq.units.recordings import Recording, Units
from speechvq.units.split import Split

FILES = ("results.md", "results.csv", "results.json", "boundaries.csv")
TEXTGRIDS = "textgrids"


@dataclass(frozen=True)
class Results:
    """The results of an evaluation.

    split: the recordings that maps were fitted on, and those scored
    scores: of each system, with its `name`, `rate` and `size`
    boundaries: rows of all systems and baselines
    """

    split: Split
    scores: tuple[dict[str, Any], ...]
    boundaries: tuple[BoundaryRow, ...]

    def text(self) -> str:
        """Both as markdown."""
        return sheet(self.scores) + (
            "\n" + boundary_sheet(self.boundaries) if self.boundaries else ""
        )


def scored(
    systems: Sequence[Units],
    recordings: Sequence[Recording],
    split: Split,
    *,
    abx: Subsample | None = ABX,
    seed: int = 0,
    report: Callable[[Units], None] = lambda _: None,
) -> Results:
    """Score the units of each system, see `evaluate`.

    report: called with each system before it is scored

    Raises UnitsError, MissingExtra.
    """
    scores: list[dict[str, Any]] = []
    boundaries: list[BoundaryRow] = []
    for units in systems:
        report(units)
        facts = {"name": units.name, "rate": units.rate, "size": units.size}
        scores.append(facts | evaluate(units, recordings, split, abx=abx, seed=seed))
        boundaries += boundary_rows(
            units, recordings, split, baselines=units is systems[-1], seed=seed
        )
    return Results(split, tuple(scores), tuple(boundaries))


def check_folder(
    folder: Path,
    recordings: Sequence[Recording],
    *,
    force: bool,
    sources: Iterable[Path] = (),
) -> None:
    """Raises OutputError where results could not be written, or need `force` to overwrite files.

    sources: the files that the results are made from
    """
    sources = list(sources)
    if not folder.exists() and not folder.parent.is_dir():
        raise OutputError(f"the folder {folder.parent} does not exist; make it first")
    if folder.exists() and not folder.is_dir():
        raise OutputError(f"{folder} is a file; give a folder for the results")
    textgrids = _textgrids(folder, recordings)
    if folder.is_dir():
        for name in FILES:
            check_writable(folder / name, force=force, sources=sources)
        for path in textgrids.values():
            if path.parent.is_dir():
                check_writable(path, force=force, sources=sources)


def write_results(
    folder: Path,
    results: Results,
    systems: Sequence[Units],
    recordings: Sequence[Recording],
    *,
    force: bool = False,
) -> None:
    """Write results as markdown, CSV and JSON, and a TextGrid for each recording.

    TextGrids have tiers of phones, codes and segments. A new folder appears with all of them.
    Raises OutputError.
    """
    check_folder(folder, recordings, force=force)
    facts = {
        "split": asdict(results.split),
        "scores": results.scores,
        "boundaries": results.boundaries,
    }
    texts = (
        results.text(),
        csv_text(results.scores),
        json_text(facts),
        csv_text(results.boundaries),
    )
    tiers = unit_tiers(systems, recordings, results.split)
    with new_folder(folder, force=force) as new:
        for name, text in zip(FILES, texts, strict=True):
            (new / name).write_text(text, encoding="utf-8", newline="\n")
        make_folder(new / TEXTGRIDS)
        paths = _textgrids(new, recordings)
        for recording in recordings:
            path = paths[recording.name]
            phones = [Alignment(recording.phones.intervals, "phones")] if recording.phones else []
            write_textgrid(path, [*phones, *tiers[recording.name]], seconds=recording.seconds)


def _textgrids(folder: Path, recordings: Sequence[Recording]) -> dict[str, Path]:
    """The TextGrid file of each recording. Raises OutputError where two have the same."""
    paths: dict[str, Path] = {}
    names: dict[str, str] = {}
    for recording in recordings:
        file = f"{recording.name.replace('/', '-')}.TextGrid"
        if (other := names.setdefault(file, recording.name)) != recording.name:
            raise OutputError(
                f"{other} and {recording.name} would both be written into {file}; rename one"
            )
        paths[recording.name] = folder / TEXTGRIDS / file
    return paths


def unit_tiers(
    systems: Sequence[Units], recordings: Sequence[Recording], split: Split
) -> Mapping[str, list[Alignment]]:
    """Of each recording, by its name, a tier of codes and one of segments for each system.

    Raises UnitsError.
    """
    tiers: dict[str, list[Alignment]] = {recording.name: [] for recording in recordings}
    target = phone_rate([recording for recording in recordings if recording.name in set(split.fit)])
    for number, units in enumerate(systems):
        behind = "" if len(systems) == 1 else f" {number}"
        cut = unit_segments(units, list(tiers), split.fit, target)
        for name, segments in cut.items():
            tiers[name].append(from_codes(units.codes[name], 1 / units.rate, f"codes{behind}"))
            tiers[name].append(segments.alignment(units.rate, f"segments{behind}"))
    return tiers
