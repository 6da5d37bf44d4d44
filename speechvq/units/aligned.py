"""Recordings from a folder of alignments: the file of each recording, and its speaker."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

from speechvq.data.folders import passed_over, tree
from speechvq.data.pattern import speaker_pattern, speakers_in
from speechvq.errors import AlignmentError, UnitsError, shown
from speechvq.units.alignments.alignment import SIL, TOLERANCE, Alignment, labeled
from speechvq.units.alignments.readers import SUFFIXES, read_alignment
from speechvq.units.recordings import Recording

WORDS = (".wrd", ".words")
"""Suffixes of word alignments."""

ENDS = 1.0
"""Seconds at the end of a recording that an alignment may leave out, as some do with silence."""


@dataclass(frozen=True)
class Aligned:
    """Recordings with their phones, and remarks on them, a sentence each."""

    recordings: tuple[Recording, ...]
    remarks: tuple[str, ...]


def find_alignments(
    folder: Path, places: Mapping[str, Path], suffix: str | None = None
) -> dict[str, Path]:
    """The alignment file of each recording in a folder and its subfolders, by the name of the file.

    places: of each recording its file without suffix
    suffix: of alignments; None: any of `SUFFIXES` except those of words

    Of several files the one whose folder has the name of the recording's folder is taken. Raises
    AlignmentError when a recording has no alignment, or more than one, and for what is not a
    folder.
    """
    suffixes = (
        {"." + suffix.lower().lstrip(".")}
        if suffix
        else set(SUFFIXES.lower().split(", ")) - set(WORDS)
    )
    by_stem: dict[str, list[Path]] = {}
    below = tree(folder, suffixes, AlignmentError, "give the one that holds the alignments")
    for path in below.files:
        by_stem.setdefault(normalize("NFC", path.stem), []).append(path)
    alignments: dict[str, Path] = {}
    for name, place in places.items():
        candidates = by_stem.get(
            normalize("NFC", place.name), []
        )  # some systems write the dots of letters apart
        beside = [path for path in candidates if path.parent.name == place.parent.name]
        if len(candidates) > 1 and len(beside) != 1:
            raise AlignmentError(
                f"{candidates[0]} and {candidates[1]} could both be the alignment of {name}; keep "
                "one, or give --suffix"
            )
        if candidates:
            alignments[name] = beside[0] if len(beside) == 1 else candidates[0]
    if lacking := [name for name in places if name not in alignments]:
        some_names = ", ".join(lacking[:5]) + (", ..." if len(lacking) > 5 else "")
        raise AlignmentError(
            f"{len(lacking)} of {len(places)} recordings have no alignment in {folder}: "
            f"{some_names}; align them, or leave their codes out{passed_over(below)}"
        )
    return alignments


def aligned(
    paths: Mapping[str, Path],
    seconds: Mapping[str, float],
    speakers: Mapping[str, str],
    *,
    tier: str | None = None,
    stress: bool = True,
    slack: float = 0.1,
) -> Aligned:
    """Read alignments, and check that they can belong to these recordings.

    paths, seconds, speakers: of each recording by its name
    tier: of TextGrids, see `read_textgrid`
    stress: see `labeled`
    slack: how much later than its recording an alignment may end, in seconds

    Recordings that are silent throughout are left out. Raises AlignmentError, also when all are.
    """
    kept: list[Recording] = []
    silent: list[str] = []
    early: list[str] = []
    for name, path in paths.items():
        phones = labeled(read_alignment(path, tier), stress=stress)
        _check_end(phones, seconds[name], path, slack)
        if all(interval.label == SIL for interval in phones.intervals):
            silent.append(name)
            continue
        if seconds[name] - phones.end > 0.1:
            early.append(name)
        kept.append(Recording(name, speakers[name], seconds[name], phones))
    if not kept:
        raise AlignmentError(
            f"no alignment has a phone, only silence: {len(silent)} files, "
            f"{next(iter(paths.values()))} first"
        )
    remarks = [f"{_count(silent)} without any phone, only silence: left out"] if silent else []
    if early:
        remarks.append(
            f"{_count(early)} whose alignment ends before the recording does: the rest counts "
            "nowhere"
        )
    return Aligned(tuple(kept), (*remarks, *speaker_remarks(kept)))


def _check_end(phones: Alignment, seconds: float, path: Path, slack: float) -> None:
    """Raises AlignmentError for an alignment that is longer than its recording, or much shorter."""
    if not -slack - TOLERANCE <= seconds - phones.end <= ENDS:
        raise AlignmentError(
            f"{path} ends at {phones.end:.2f} s, and its codes at {seconds:.2f} s; "
            "check the rate of the codes, and that both are of the same recording"
        )


def speaker_remarks(recordings: Sequence[Recording]) -> list[str]:
    """Remarks on too few speakers, and on speakers with a single recording, a sentence each."""
    counts = Counter(recording.speaker for recording in recordings)
    if len(counts) == 1:
        return [
            (
                f"all recordings are of one speaker, {recordings[0].speaker}; if there are more, "
                "give --speaker-pattern"
            )
        ]
    single = [speaker for speaker, count in counts.items() if count == 1]
    return (
        [f"{_count(single, 'speaker')} with a single recording: left out of speaker scores"]
        if single
        else []
    )


def _count(names: Sequence[str], what: str = "recording") -> str:
    """The number of names, and the first of them."""
    return (
        f"{len(names)} {what}{'s' if len(names) > 1 else ''} "
        f"({', '.join(names[:3])}{', ...' if len(names) > 3 else ''})"
    )


def speakers_of(
    places: Mapping[str, Path], paths: Mapping[str, Path], folder: Path, pattern: str | None
) -> dict[str, str]:
    """The speaker of each recording by its name.

    places, paths: of each recording its codes and its alignment, the latter in `folder`
    pattern: a regular expression whose group is the speaker, matched in the name of the file; None:
        the name of the alignment's folder if that is not `folder` itself, else of the codes' folder

    Raises UnitsError for a pattern that is invalid or does not match.
    """
    if pattern is None:
        return {
            name: path.parent.name
            if path.parent.resolve() != folder.resolve()
            else places[name].parent.name or "unknown"
            for name, path in paths.items()
        }
    regex = speaker_pattern(pattern, UnitsError)
    matches = speakers_in([places[name].name for name in paths], regex, UnitsError)
    speakers = {name: match for name, match in zip(paths, matches, strict=True) if match}
    if unlike := [name for name in paths if name not in speakers]:
        raise UnitsError(
            f"{len(unlike)} of {len(paths)} names do not match {shown(pattern)}, the first is "
            f"{unlike[0]}; fix --speaker-pattern"
        )
    return speakers
