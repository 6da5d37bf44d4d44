"""A corpus made ready: who says what when, checked before anything is learned.

    python -m recipes.phoneme_discovery.corpora.prepare CORPUS WORK [--align DIR] [--held-out SPEAKER]

CORPUS: VCTK, LibriSpeech, TIMIT, ZeroSpeech 2019, Mboshi (see `layouts`), a manifest, or any folder
of audio with a folder for each speaker. WORK/manifest.jsonl will have a row for each recording that
can be used: its name, speaker, seconds and text, its phones as [start, end, label] with clean
labels, where those came from, and whether it is held out.

Phones come from --align, a folder of TextGrids, CTM or what else
`speechvq/units/alignments/readers.py` knows, found by the names of the audio files; else from
beside the audio or from the manifest. Recordings without serve for training only. The same command
again keeps what is there; --force makes it again.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from recipes.phoneme_discovery.corpora.align import make_folder
from recipes.phoneme_discovery.corpora.alignments import folder_of, inline
from recipes.phoneme_discovery.corpora.checks import FOLDS, UNUSABLE, Reading, Remarks, usable
from recipes.phoneme_discovery.corpora.corpus import utterances
from recipes.phoneme_discovery.corpora.holding_out import check_wanted, shortened
from recipes.phoneme_discovery.corpora.holding_out import held_out as chosen
from recipes.phoneme_discovery.corpora.naming import unique_names
from speechvq.audio.files import Wave, read_mono
from speechvq.data.manifest import Utterance, read_manifest, write_manifest
from speechvq.errors import AudioError, ManifestError, OutputError, SpeechVQError, UnitsError
from speechvq.output import new_file
from speechvq.units.recordings import Recording

RATE = 16_000


def main(
    corpus: Annotated[Path, typer.Argument(help="The folder of a corpus, or a manifest.")],
    work: Annotated[Path, typer.Argument(help="The folder to work in; it is made.")],
    name: Annotated[
        str | None, typer.Option("--corpus", help="Which corpus it is, if that is not to be told.")
    ] = None,
    align: Annotated[
        Path | None, typer.Option(help="Alignments: a folder, or a .ctm file.")
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
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Prepare anew what was prepared otherwise.")
    ] = False,
) -> None:
    """Write WORK/manifest.jsonl; remarks go to standard error."""
    recordings = prepare(
        corpus,
        work,
        name=name,
        align=align,
        held_out=held_out or (),
        share=share,
        tier=tier,
        inventory=inventory,
        stress=stress,
        pattern=pattern,
        force=force,
    )
    print(summary(recordings, held_out_of(work)))


def prepare(
    corpus: Path,
    work: Path,
    *,
    name: str | None = None,
    align: Path | None = None,
    held_out: Sequence[str] = (),
    share: float = 0.33,
    tier: str | None = None,
    inventory: int = 39,
    stress: bool = False,
    pattern: str | None = None,
    force: bool = False,
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
) -> list[Recording]:
    """The recordings of a corpus, written as WORK/manifest.jsonl; or those written there before from the same inputs.

    name: one of `corpora.KNOWN`; None: told by the files
    align: see `alignments.folder_of`; tier: see `textgrid.read_textgrid`; pattern: see
      `corpora.in_folder`
    held_out, share: see `holding_out.held_out`; which recordings are held out tells `held_out_of`
    inventory: what the labels of TIMIT's own .phn are folded to
    stress: keep the digits after vowels
    say: is given every remark, one for each kind of thing
    Raises ManifestError, AlignmentError, UnitsError and OutputError, the last for a folder prepared
    from other inputs.
    """
    if inventory not in FOLDS:
        raise UnitsError(f"TIMIT cannot be folded to {inventory} phones; give 39, 48 or 61")
    corpus, align = corpus.resolve(), align and align.resolve()
    options = {
        "name": name,
        "align": align and str(align),
        "held_out": sorted(held_out),
        "share": share,
        "tier": tier,
    }
    options |= {"corpus": str(corpus), "inventory": inventory, "stress": stress, "pattern": pattern}
    inputs = options | {
        "files": fingerprint(corpus, work),
        "alignments": align and fingerprint(align, work),
    }
    if not force and is_prepared(work, inputs):
        return load_recordings(work)
    remarks = Remarks()
    what, rows = utterances(
        corpus, name, pattern=pattern, left_out=lambda _, error: remarks.note(UNUSABLE, str(error))
    )
    check_wanted(rows, held_out, share)
    reading = Reading(folder_of(align) if align else None, tier, inventory, stress)
    make_folder(work)
    rows = usable(rows, reading, remarks)
    out = chosen(rows, held_out, share, remarks)
    rows = [
        replace(row, facts=row.facts | {"name": called} | ({"held_out": True} if away else {}))
        for row, called, away in zip(rows, unique_names(rows), out, strict=True)
    ]
    (work / "manifest.jsonl").unlink(
        missing_ok=True
    )  # the record comes first: without the manifest it is none
    with new_file(work / "prepare.json") as partial:
        facts = {"read as": what, "inputs": inputs, "remarks": remarks.notes}
        partial.write_text(json.dumps(facts, indent=1), encoding="utf-8")
    with new_file(work / "manifest.jsonl") as partial:
        write_manifest(partial, rows)
    for line in remarks.lines():
        say(line)
    return load_recordings(work)


def is_prepared(work: Path, inputs: dict[str, Any]) -> bool:
    """Whether a folder was prepared from the same. Raises OutputError when it was from something else, or nobody knows."""
    record, manifest = work / "prepare.json", work / "manifest.jsonl"
    if not manifest.exists():
        return False
    try:
        before = json.loads(record.read_text(encoding="utf-8"))["inputs"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{manifest} exists and is not from here; use another folder, or --force to overwrite "
            "it"
        ) from error
    changed = [key for key, value in inputs.items() if before.get(key) != value]
    if changed:
        raise OutputError(
            f"{work} was prepared with other {', '.join(changed)}; use another folder, or "
            "prepare.py --force"
        )
    return True


def fingerprint(path: Path, work: Path) -> str:
    """Of a file what is in it, of a folder the names, sizes and dates of all files.

    Raises ManifestError when WORK is inside: what is made there would be taken for the corpus.
    """
    if work.resolve().is_relative_to(path):
        raise ManifestError(f"{work} lies inside {path}, which is read; work in a folder elsewhere")
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    files = sorted(
        (str(file.relative_to(path)), file.stat()) for file in path.rglob("*") if file.is_file()
    )
    lines = [f"{name}\t{stat.st_size}\t{stat.st_mtime_ns}" for name, stat in files]
    return hashlib.sha256("\n".join(lines).encode(errors="surrogateescape")).hexdigest()


def load_recordings(work: Path) -> list[Recording]:
    """The recordings that were prepared in a folder. Raises ManifestError or AlignmentError when they were not."""
    return [
        Recording(
            name=str(row.facts["name"]),
            speaker=str(row.speaker),
            seconds=row.seconds,
            phones=inline(row) if "phones" in row.facts else None,
            audio=row.audio,
            start=row.start,
        )
        for row in prepared(work)
    ]


def held_out_of(work: Path) -> frozenset[str]:
    """The names of the recordings that are held out. Raises ManifestError when nothing was prepared there."""
    return frozenset(str(row.facts["name"]) for row in prepared(work) if row.facts.get("held_out"))


def prepared(work: Path) -> list[Utterance]:
    """The rows of WORK/manifest.jsonl. Raises ManifestError."""
    path = work / "manifest.jsonl"
    rows = read_manifest(path)
    if not all(row.speaker and "name" in row.facts for row in rows):
        raise ManifestError(
            f"{path} has rows without a name or a speaker; prepare it again with --force"
        )
    return rows


def load_waves(recording: Recording) -> Wave:
    """The samples of a recording at 16 kHz, (t,). Raises AudioError."""
    if recording.audio is None:
        raise AudioError(f"{recording.name} has no audio file")
    first = round(recording.start * RATE)
    return read_mono(recording.audio, RATE)[first : first + round(recording.seconds * RATE)]


def summary(recordings: Sequence[Recording], out: frozenset[str]) -> str:
    """How much there is, how much of it is labeled, and who is held out."""
    hours = sum(recording.seconds for recording in recordings) / 3600
    speakers = {recording.speaker for recording in recordings}
    labeled = sum(recording.phones is not None for recording in recordings)
    phones = (
        f"{labeled} with phones"
        if labeled
        else "none with phones: scores against phones cannot be had"
    )
    away = sorted({recording.speaker for recording in recordings if recording.name in out})
    text = f"{len(recordings)} recordings, {hours:.2f} h, speakers: {len(speakers)}, {phones}"
    return f"{text}; held out: {len(out)}, of {shortened(away)}"


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"prepare: {error}")
