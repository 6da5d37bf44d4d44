"""The alignment of a row: from a folder of alignments, from a file next to the audio, or inline."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from unicodedata import normalize

from recipes.phoneme_discovery.corpora.naming import stem
from speechvq.data.folders import tree
from speechvq.data.manifest import Utterance
from speechvq.errors import AlignmentError
from speechvq.units.alignments.alignment import Alignment, Interval, checked
from speechvq.units.alignments.readers import read_alignment, read_ctm

SUFFIXES = (".textgrid", ".phn", ".phones", ".lab", ".tsv", ".txt")
"""Suffixes of alignments of one recording; those that surely are of phones come first."""


class Labels(NamedTuple):
    """An alignment.

    source: where it was found
    of_file: whether its times count from the start of the audio file, not of the row
    """

    alignment: Alignment
    source: str
    of_file: bool


@dataclass(frozen=True)
class Folder:
    """The alignments in a folder.

    files: by their stems
    utterances: those of all its .ctm files, with the file
    """

    path: Path
    files: dict[str, list[Path]]
    utterances: dict[str, tuple[Alignment, Path]]


def folder_of(path: Path) -> Folder:
    """All alignments below a folder, or in one .ctm file.

    Raises AlignmentError when there are none.
    """
    if not path.exists():
        raise AlignmentError(f"there is no folder of alignments {path}")
    files: dict[str, list[Path]] = defaultdict(list)
    utterances: dict[str, tuple[Alignment, Path]] = {}
    advice = "give a folder of alignments or a .ctm file"
    suffixes = {".ctm", *SUFFIXES}
    below = tree(path, suffixes, AlignmentError, advice).files if path.is_dir() else [path]
    for file in below:
        if file.suffix.lower() == ".ctm":
            named = read_ctm(file)
            if both := utterances.keys() & named.keys():
                other = utterances[min(both)][1]
                raise AlignmentError(
                    f"{other} and {file} could both be of {min(both)}; keep one, or give it alone"
                )
            utterances |= {name: (alignment, file) for name, alignment in named.items()}
        elif file.suffix.lower() in SUFFIXES and file.is_file():
            files[normalize("NFC", file.stem)].append(file)
    if not files and not utterances:
        raise AlignmentError(
            f"there are no alignments in {path}; looked for .ctm, {', '.join(SUFFIXES)}"
        )
    return Folder(path, dict(files), utterances)


def labels_of(row: Utterance, folder: Folder | None, tier: str | None = None) -> Labels | None:
    """The alignment of a row, from the folder if given, else from the row; or None.

    A row has it inline as "phones", or the path of a file as "align".

    tier: of TextGrids, see `textgrid.read_textgrid`

    Raises AlignmentError for one that cannot be read, and where two could be meant.
    """
    if folder is not None:
        return next(
            (
                labels
                for name, of_file in keys(row)
                if (labels := _named(row, folder, name, tier, of_file=of_file))
            ),
            None,
        )
    if row.metadata.get("phones") is not None:
        return Labels(inline(row), f"the phones of {row.audio}", of_file=False)
    if row.metadata.get("align") is not None:
        path = Path(str(row.metadata["align"]))
        return Labels(read_alignment(path, tier), str(path), of_file=True)
    return None


def keys(row: Utterance) -> Iterator[tuple[str, bool]]:
    """The possible names of a row's alignment, and whether it is then one of the audio file."""
    names = dict.fromkeys(
        [stem(row), row.audio.stem, str(row.metadata.get("name", row.audio.stem))]
    )
    for name in names:
        of_file = not row.start or name != stem(row)
        yield name, of_file
        for mark in ("-", "_") if row.speaker else ():
            yield f"{row.speaker}{mark}{name}", of_file


def _named(
    row: Utterance, folder: Folder, name: str, tier: str | None, *, of_file: bool
) -> Labels | None:
    """The alignment in a folder under a name. Raises AlignmentError."""
    if name in folder.utterances:
        alignment, path = folder.utterances[name]
        return Labels(alignment, str(path), of_file)
    files = folder.files.get(
        normalize("NFC", name), []
    )  # some systems write the dots of letters apart
    own = [
        path for path in files if row.speaker and path.parent.name.lower() == row.speaker.lower()
    ]
    likely = own or files
    if len({path.parent for path in likely}) > 1:
        raise AlignmentError(
            f"{likely[0]} and {likely[1]} could both be of {row.audio}; put them into folders "
            "named after the speakers, and keep one of each"
        )
    best = min(likely, key=lambda path: SUFFIXES.index(path.suffix.lower()), default=None)
    return None if best is None else Labels(read_alignment(best, tier), str(best), of_file)


def inline(row: Utterance) -> Alignment:
    """The intervals [start, end, label] of a row's "phones". Raises AlignmentError."""
    rows: Any = row.metadata["phones"]
    source = f"the phones of {row.audio}"
    try:
        intervals = [Interval(float(start), float(end), str(label)) for start, end, label in rows]
    except (TypeError, ValueError) as error:
        raise AlignmentError(
            f"{source} are not a list of [start, end, label] in seconds; fix the manifest"
        ) from error
    return checked(intervals, "phones", source)


def segment(alignment: Alignment, start: float, seconds: float) -> Alignment | None:
    """The part of an alignment from `start` on for `seconds`, with times from there, or None."""
    cut = (
        interval._replace(
            start=max(interval.start - start, 0.0), end=min(interval.end - start, seconds)
        )
        for interval in alignment.intervals
    )
    intervals = tuple(interval for interval in cut if interval.end > interval.start)
    return Alignment(intervals, alignment.tier) if intervals else None
