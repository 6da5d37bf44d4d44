"""The report on units: tables, codes with their phones, and codes to listen to."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from speechvq.output import check_writable, new_file
from speechvq.units.boundaries.segmentation import Segments
from speechvq.units.recordings import Recording, Units
from speechvq.units.report import sections, sound_sections
from speechvq.units.report.drawing import check_drawing
from speechvq.units.report.page import Row, Section, bullets, page, paragraph
from speechvq.units.report.scene import Scene, scene


def write_report(
    path: Path,
    title: str,
    units: Units,
    recordings: Sequence[Recording],
    *,
    scored: Sequence[str],
    tables: Sequence[tuple[str, Sequence[Row]]] = (),
    notes: Sequence[str] = (),
    segments: Mapping[str, Segments] | None = None,
    points: Sequence[tuple[str, float, float]] = (),
    players: int = 12,
    force: bool = False,
) -> None:
    """Write a report as a self-contained HTML file; without the tables it is always below 8 MB.

    recordings: those named by `scored` are shown; the map from codes to phones is made from the
        others, if some of these have phones
    tables: headings and rows at the start, as `page.table` takes them: column to text or number,
        `**text**` for the best
    notes: sentences at the end, on data, alignments, versions
    segments: of scored recordings, by name
    points: our systems for the plot next to published ones: name, bits per second, ABX error rate
        across speakers, 0 to 1
    players: number of codes with a player, where recordings have audio

    Raises UnitsError for unknown names or no codes, AudioError, OutputError, and MissingExtra.
    """
    check_writable(path, force=force)
    check_drawing()
    about = scene(units, recordings, scored, segments or {})
    parts = [
        sections.summary(tables),
        *sections.phones(about),
        sound_sections.examples_shown(about),
        sound_sections.codes_heard(about, players),
        sections.usage(about),
        sections.lengths(about),
        sections.order(about),
        sections.codebook(about),
        sections.published(points),
        Section("Notes", (bullets(notes),)) if notes else None,
    ]
    text = page(title, [paragraph(_lead(about))], [section for section in parts if section])
    with new_file(path, force=force) as file:
        file.write(text.encode())


def _lead(about: Scene) -> str:
    """What the report is about."""
    minutes = sum(recording.seconds for recording in about.recordings) / 60
    speakers = len({recording.speaker for recording in about.recordings})
    by = "one speaker" if speakers == 1 else f"{speakers} speakers"
    return (
        f"{about.units.name}: up to {about.units.size} different codes, {about.units.rate:g} a "
        f"second. Shown are the {len(about.recordings)} recordings that are scored, {minutes:.1f} "
        f"minutes by {by}."
    )
