"""Prepare a corpus: find recordings, speakers and phones, check them, and hold out speakers.

    python -m recipes.phoneme_discovery.corpora.prepare CORPUS WORK [--align DIR]

CORPUS: VCTK, LibriSpeech, TIMIT, ZeroSpeech 2019, Mboshi (see `layouts`), a manifest, or any folder
of audio with a folder for each speaker. WORK/manifest.jsonl gets a row for each usable recording:
its name, speaker, seconds and text, its phones as [start, end, label] with clean labels, their
source, and whether it is held out.

Phones come from --align, a folder of TextGrids, CTM or other formats of
`speechvq/units/alignments/readers.py`, found by the names of the audio files; otherwise from files
next to the audio, or from the manifest. Recordings without phones are for training only. Running
the same command again keeps the result; --force prepares it again.
"""

import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from recipes import script
from recipes.phoneme_discovery.corpora.alignments import folder_of
from recipes.phoneme_discovery.corpora.checks import FOLDS, UNUSABLE, Reading, Remarks, usable
from recipes.phoneme_discovery.corpora.corpus import utterances
from recipes.phoneme_discovery.corpora.holding_out import check_held_out, held_out_rows, shortened
from recipes.phoneme_discovery.corpora.naming import unique_names
from recipes.phoneme_discovery.corpora.options import (
    Align,
    CorpusOptions,
    CorpusPath,
    HeldOut,
    Inventory,
    Name,
    Pattern,
    Share,
    Stress,
    Tier,
    Work,
)
from recipes.phoneme_discovery.corpora.prepared import held_out_of, load_recordings
from speechvq.data.manifest import write_manifest
from speechvq.errors import ManifestError, OutputError, UnitsError
from speechvq.output import claimed_folder, make_folder, new_file
from speechvq.units.recordings import Recording


def main(
    corpus: CorpusPath,
    work: Work,
    name: Name = None,
    align: Align = None,
    held_out: HeldOut = None,
    share: Share = 0.33,
    tier: Tier = None,
    inventory: Inventory = 39,
    stress: Stress = False,
    pattern: Pattern = None,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Replace what was prepared with other options.")
    ] = False,
) -> None:
    """Write WORK/manifest.jsonl; remarks go to standard error."""
    options = CorpusOptions(
        name, align, tuple(held_out or ()), share, tier, inventory, stress, pattern
    )
    recordings = prepare(corpus, work, options, force=force)
    print(summary(recordings, held_out_of(work)))


def prepare(
    corpus: Path,
    work: Path,
    options: CorpusOptions,
    *,
    force: bool = False,
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
) -> list[Recording]:
    """Prepare a corpus in a work folder, unless that was done from the same inputs before.

    force: prepare it in any case
    say: is called with every remark, one for each kind

    Returns the recordings; `held_out_of` tells which are held out. Raises ManifestError,
    AlignmentError, UnitsError and OutputError, the last for a folder prepared from other inputs.
    """
    if options.inventory not in FOLDS:
        raise UnitsError(f"TIMIT cannot be folded to {options.inventory} phones; give 39, 48 or 61")
    corpus, align = corpus.resolve(), options.align and options.align.resolve()
    inputs = inputs_of(corpus, align, work, options)
    if not force and is_prepared(work, inputs):
        return load_recordings(work)
    remarks = Remarks()
    layout, rows = utterances(
        corpus,
        options.name,
        pattern=options.pattern,
        left_out=lambda _, error: remarks.note(UNUSABLE, str(error)),
    )
    check_held_out(rows, options.held_out, options.share)
    folder = folder_of(align) if align else None
    reading = Reading(folder, options.tier, options.inventory, options.stress)
    make_folder(work)
    rows = usable(rows, reading, remarks)
    held_out = held_out_rows(rows, options.held_out, options.share, remarks)
    rows = [
        replace(row, metadata=row.metadata | {"name": name} | ({"held_out": True} if held else {}))
        for row, name, held in zip(rows, unique_names(rows), held_out, strict=True)
    ]
    with claimed_folder(work):
        # The record is written first; without a manifest it counts for nothing.
        (work / "manifest.jsonl").unlink(missing_ok=True)
        with new_file(work / "prepare.json", force=True) as file:
            facts = {"read as": layout, "inputs": inputs, "remarks": remarks.notes}
            file.write(json.dumps(facts, indent=1).encode())
        write_manifest(work / "manifest.jsonl", rows, force=True)
    for line in remarks.lines():
        say(line)
    return load_recordings(work)


def inputs_of(
    corpus: Path, align: Path | None, work: Path, options: CorpusOptions
) -> dict[str, Any]:
    """What the result depends on, as JSON can hold it."""
    return {
        "corpus": str(corpus),
        "name": options.name,
        "align": align and str(align),
        "held_out": sorted(options.held_out),
        "share": options.share,
        "tier": options.tier,
        "inventory": options.inventory,
        "stress": options.stress,
        "pattern": options.pattern,
        "files": fingerprint(corpus, work),
        "alignments": align and fingerprint(align, work),
    }


def is_prepared(work: Path, inputs: dict[str, Any]) -> bool:
    """Whether a folder was prepared from these inputs.

    Raises OutputError when it was from other inputs, or is not from here.
    """
    record, manifest = work / "prepare.json", work / "manifest.jsonl"
    if not manifest.exists():
        return False
    try:
        earlier = dict(script.read_result(record)["inputs"])
    except (OutputError, KeyError, TypeError, ValueError) as error:
        raise OutputError(
            f"{manifest} exists and was not made by prepare; use another folder, or --force to "
            "overwrite it"
        ) from error
    changed = [key for key, value in inputs.items() if earlier.get(key) != value]
    if changed:
        raise OutputError(
            f"{work} was prepared with other {', '.join(changed)}; use another folder, or prepare "
            "it again with --force"
        )
    return True


def fingerprint(path: Path, work: Path) -> str:
    """A digest of the content of a file, or of the names, sizes and dates of a folder's files.

    Raises ManifestError when the work folder lies inside: its files would become part of the
    corpus.
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


def summary(recordings: Sequence[Recording], held_out: frozenset[str]) -> str:
    """The amount of speech, how much of it is labeled, and the held-out speakers."""
    hours = sum(recording.seconds for recording in recordings) / 3600
    speakers = {recording.speaker for recording in recordings}
    labeled = sum(recording.phones is not None for recording in recordings)
    phones = (
        f"{labeled} with phones" if labeled else "none with phones: scores need phones to compare"
    )
    away = sorted({recording.speaker for recording in recordings if recording.name in held_out})
    text = f"{len(recordings)} recordings, {hours:.2f} h, speakers: {len(speakers)}, {phones}"
    return f"{text}; held out: {len(held_out)}, of {shortened(away)}"


if __name__ == "__main__":
    script.run(main)
