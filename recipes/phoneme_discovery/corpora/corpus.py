"""From a corpus to rows of a manifest: which corpus it is, where the audio lies, how long it is, who speaks."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from recipes.phoneme_discovery.corpora.layouts import LAYOUTS, Found, text_in
from speechvq.audio.files import inspect
from speechvq.data.manifest import Utterance, read_manifest
from speechvq.errors import AudioError, ManifestError
from speechvq.units.alignments.textgrid import text_of

MANIFEST, FOLDER = "manifest", "folder"
KNOWN = (*LAYOUTS, MANIFEST, FOLDER)
"""What a corpus can be."""

DEPTH = 2
"""So many folders above its own first one a corpus is still found."""

BESIDE = (".TextGrid", ".phn", ".PHN", ".phones", ".ctm")
"""What lies beside an audio file and can be nothing but its alignment, the best first."""

TIMES = re.compile(r"\s*\d+(\.\d+)?\s+\d+(\.\d+)?\s+\S")
"""What begins a line "start end label"."""


def utterances(
    path: Path,
    corpus: str | None = None,
    *,
    pattern: str | None = None,
    left_out: Callable[[Path, AudioError], None],
) -> tuple[str, list[Utterance]]:
    """What a corpus is, one of `KNOWN`, and its rows; the facts may hold name, text, phones or align, corpus and split.

    path: the folder of one of the corpora of `layouts`, at most `DEPTH` folders above where it
        begins; a manifest, .jsonl, that is taken as it is; or any other folder, see `in_folder`
    corpus: what it is, if that is not to be told from the files
    pattern: see `in_folder`
    left_out: is told of every file that cannot be read, with the reason
    Raises ManifestError when it is not what it should be, or empty; AlignmentError for texts and
    alignments as `layouts`.
    """
    corpus = corpus or told(path)
    if corpus not in KNOWN:
        raise ManifestError(f"there is no corpus {corpus!r}; give one of {', '.join(KNOWN)}")
    if pattern is not None and corpus != FOLDER:
        raise ManifestError(
            f"{path} is read as {corpus}, which says who speaks; leave out the pattern for speakers"
        )
    if corpus == MANIFEST:
        return corpus, [located(row, path.parent) for row in read_manifest(path)]
    if corpus == FOLDER:
        entries = list(in_folder(path, pattern))
    else:
        layout = LAYOUTS[corpus]
        bases = beginnings(path, corpus)
        if not bases:
            raise ManifestError(f"{path} is not laid out as {corpus}: it has no {layout.words}")
        entries = [entry for base in bases for entry in layout.read(base)]
    if not entries:
        raise ManifestError(f"there is no audio of {corpus} in {path}; is all of it there?")
    return corpus, list(measured(entries, left_out))


def told(path: Path) -> str:
    """Which corpus it is, by the names of files. Raises ManifestError for what is no folder and no manifest."""
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
    """The folders in which a corpus begins: the given one, or all of the least depth below it."""
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


def in_folder(path: Path, pattern: str | None = None) -> Iterator[Found]:
    """Every audio file below a folder. The speaker is the first folder on the way, as for `speechvq prepare`.

    pattern: a regular expression with one group, looked for in the way from `path`: what the group
    holds is the speaker Beside NAME.wav there may be its text, in NAME.txt or NAME.lab, and its
    alignment: NAME.TextGrid and others of `BESIDE`, or a NAME.lab or NAME.txt with lines of "start
    end label". Raises ManifestError without audio, or for a pattern of another kind.
    """
    from speechvq.data.prepare import find_audio

    speaker = None if pattern is None else compiled(pattern)
    for audio in find_audio(path):
        way = audio.relative_to(path)
        if speaker is None:
            name = way.parts[0] if len(way.parts) > 1 else None
        else:
            match = speaker.search(way.as_posix())
            name = match[1] if match else None
        yield Found(audio, name, beside(audio))


def compiled(pattern: str) -> re.Pattern[str]:
    """Raises ManifestError for what is not a regular expression with one group."""
    try:
        regex = re.compile(pattern)
    except re.error as error:
        raise ManifestError(f"{pattern!r} is not a regular expression: {error}") from error
    if regex.groups != 1:
        raise ManifestError(
            f"{pattern!r} has {regex.groups} groups; give it one, around the speaker"
        )
    return regex


def beside(audio: Path) -> dict[str, str]:
    """The text and the place of the alignment, as far as files of the same name have them."""
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
    """A row of a manifest; where it names its alignment, the path counts from the manifest's folder, like that of the audio."""
    align = row.facts.get("align")
    return (
        row
        if align is None
        else replace(row, facts=row.facts | {"align": str((folder / str(align)).resolve())})
    )


def measured(
    entries: list[Found], left_out: Callable[[Path, AudioError], None]
) -> Iterator[Utterance]:
    """The whole of each file that can be read."""
    for entry in entries:
        try:
            seconds = inspect(entry.audio).seconds
        except AudioError as error:
            left_out(entry.audio, error)
        else:
            yield Utterance(entry.audio, seconds, entry.speaker, facts=entry.facts)
