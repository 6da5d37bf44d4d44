"""Rows of a manifest from a corpus: which corpus it is, its audio, durations and speakers."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from recipes.phoneme_discovery.corpora.layouts import LAYOUTS, Entry, text_in
from speechvq.audio.reading import inspect
from speechvq.data.manifest import Utterance, read_manifest
from speechvq.data.pattern import speaker_pattern, speakers_in
from speechvq.errors import AudioError, ManifestError
from speechvq.units.alignments.text import text_of

MANIFEST, FOLDER = "manifest", "folder"
LeftOut = Callable[[Path, AudioError | ManifestError], None]
"""Is called with every file that is not used and the reason."""

KNOWN = (*LAYOUTS, MANIFEST, FOLDER)
"""The kinds of corpora."""

DEPTH = 2
"""Levels of folders above its first one at which a corpus is still recognized."""

BESIDE = (".TextGrid", ".phn", ".PHN", ".phones", ".ctm")
"""Suffixes next to an audio file that can only be those of its alignment, best first."""

TIMES = re.compile(r"\s*\d+(\.\d+)?\s+\d+(\.\d+)?\s+\S")
"""The start of a line "start end label"."""


def utterances(
    path: Path,
    corpus: str | None = None,
    *,
    pattern: str | None = None,
    left_out: LeftOut,
) -> tuple[str, list[Utterance]]:
    """The kind of a corpus, one of `KNOWN`, and its rows.

    path: the folder of a corpus of `layouts`, or one at most `DEPTH` levels above it; a manifest,
        .jsonl, which is taken as it is; or any other folder, see `in_folder`
    corpus: its kind, if it cannot be recognized
    pattern: see `in_folder`
    left_out: is called with every unreadable file and the reason

    Facts of rows may hold name, text, phones or align, corpus and split. Raises ManifestError for a
    corpus that is not as expected, or empty; AlignmentError for texts and alignments as `layouts`.
    """
    corpus = corpus or recognized(path)
    if corpus not in KNOWN:
        raise ManifestError(f"there is no corpus {corpus!r}; give one of {', '.join(KNOWN)}")
    if pattern is not None and corpus != FOLDER:
        raise ManifestError(
            f"{path} is read as {corpus}, which says who speaks; leave out the pattern for speakers"
        )
    if corpus == MANIFEST:
        return corpus, [located(row, path.parent) for row in read_manifest(path)]
    if corpus == FOLDER:
        entries = list(in_folder(path, pattern, left_out))
    else:
        layout = LAYOUTS[corpus]
        bases = beginnings(path, corpus)
        if not bases:
            raise ManifestError(f"{path} is not laid out as {corpus}: it has no {layout.words}")
        entries = [entry for base in bases for entry in layout.read(base)]
    if not entries:
        raise ManifestError(f"there is no audio of {corpus} in {path}; is all of it there?")
    return corpus, list(measured(entries, left_out))


def recognized(path: Path) -> str:
    """The kind of a corpus, by the names of files.

    Raises ManifestError for what is neither a folder nor a manifest.
    """
    if path.is_file() and path.suffix == ".jsonl":
        return MANIFEST
    if not path.is_dir():
        what = (
            "is neither a folder nor a manifest that ends in .jsonl"
            if path.exists()
            else "does not exist"
        )
        raise ManifestError(f"{path} {what}; give the folder of a corpus or a manifest")
    return next((name for name in LAYOUTS if beginnings(path, name)), FOLDER)


def beginnings(path: Path, corpus: str) -> list[Path]:
    """The folders in which a corpus starts: the given one, or all at the least depth below it."""
    for depth in range(DEPTH + 1):
        level = (
            sorted(base for base in path.glob("/".join(["[!.]*"] * depth)) if base.is_dir())
            if depth
            else [path]
        )
        bases = [
            base
            for base in level
            if any(next(base.glob(sign), None) for sign in LAYOUTS[corpus].signs)
        ]
        if bases:
            return bases
    return []


def in_folder(path: Path, pattern: str | None, left_out: LeftOut) -> Iterator[Entry]:
    """Every audio file below a folder. The speaker is the first folder below it.

    pattern: a regular expression with one group, searched in the path below `path`: the group is
        the speaker

    Next to NAME.wav there may be its text, in NAME.txt or NAME.lab, and its alignment:
    NAME.TextGrid and others of `BESIDE`, or a NAME.lab or NAME.txt with lines of "start end label".
    Raises ManifestError without audio, or for an invalid pattern.
    """
    from speechvq.data.prepare import find_audio

    regex = None if pattern is None else speaker_pattern(pattern, ManifestError)
    below = find_audio(path)
    for item in below.left_out:
        left_out(item.path, AudioError(f"{item.path}: {item.reason} {item.detail}".rstrip()))
    ways = [audio.relative_to(path) for audio in below.files]
    if regex is None:
        names = [way.parts[0] if len(way.parts) > 1 else None for way in ways]
    else:
        names = speakers_in([way.as_posix() for way in ways], regex, ManifestError)
    for audio, name in zip(below.files, names, strict=True):
        yield Entry(audio, name, beside(audio))


def beside(audio: Path) -> dict[str, str]:
    """The text and the alignment file of a recording, if there are files of its name."""
    facts: dict[str, str] = {}
    for path in (audio.with_suffix(".lab"), audio.with_suffix(".txt")):
        lines = text_of(path).split("\n") if path.is_file() else []
        if any(line.strip() for line in lines) and all(
            TIMES.match(line) for line in lines if line.strip()
        ):
            facts["align"] = str(path.resolve())
        else:
            facts |= text_in(path)
    aligned = next((path for path in map(audio.with_suffix, BESIDE) if path.is_file()), None)
    return facts | ({"align": str(aligned.resolve())} if aligned else {})


def located(row: Utterance, folder: Path) -> Utterance:
    """A row of a manifest, with the path of its alignment relative to the manifest's folder."""
    align = row.metadata.get("align")
    return (
        row
        if align is None
        else replace(row, metadata=row.metadata | {"align": str((folder / str(align)).resolve())})
    )


def measured(entries: list[Entry], left_out: LeftOut) -> Iterator[Utterance]:
    """Rows of all files that can be read, each as long as its file."""
    for entry in entries:
        try:
            seconds = inspect(entry.audio).seconds
            row = Utterance(entry.audio, seconds, entry.speaker, metadata=entry.metadata)
        except (AudioError, ManifestError) as error:
            left_out(entry.audio, error)
        else:
            yield row
