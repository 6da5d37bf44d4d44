"""Phone alignments of transcribed English by PocketSphinx.

    python -m recipes.phoneme_discovery.corpora.align corpus.jsonl alignments
        [--dictionary more.dict]

Data: the rows of a manifest that have a `text`. Each gets alignments/SPEAKER/NAME.TextGrid, NAME
like the audio file (and NAME_12.340 for a row that starts 12.34 s into it), with the tiers words
and phones; times count from the start of the row. Existing files are kept. The American English
model and dictionary come with PocketSphinx; nothing is downloaded. Of several pronunciations of a
word the best fitting is taken. Phones are ARPAbet without stress, silence is SIL.

Recordings with words that are in no dictionary are named and left out: give pronunciations with
--dictionary, lines of "word PH PH PH". For words with 's the rest is enough. Boundaries are
multiples of 10 ms and those of an aligner, not of a phonetician: say so next to scores against
them.
"""

import re
import sys
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from recipes import script
from recipes.phoneme_discovery.corpora.decoder import RATE, Decoder, aligner, pronounceable
from recipes.phoneme_discovery.corpora.naming import aligned_as
from speechvq.audio.reading import Wave
from speechvq.data.manifest import Utterance, read_manifest
from speechvq.data.speech import read_utterance
from speechvq.errors import (
    AlignmentError,
    AudioError,
    ManifestError,
)
from speechvq.output import make_folder
from speechvq.units.alignments.alignment import SIL, Alignment, Interval, checked
from speechvq.units.alignments.writers import write_textgrid

FRAME = 0.01
CENTER = 0.0078
"""A frame is 25.6 ms long, so the edge of two phones is this much after their frame border."""

LONGEST = 1.0
"""Seconds that no phone except silence lasts; where one does, the text does not fit."""

QUIETEST = 1e-3
"""Recordings whose samples never exceed this level are silent."""

Spoken = list[tuple[str, list[tuple[str, int]]]]
"""Words in order, each with its phones and the frames at which they start."""


def main(
    manifest: Annotated[
        Path, typer.Argument(help="Which recordings: one JSON object a line, with a text.")
    ],
    out: Annotated[Path, typer.Argument(help="The folder for the TextGrids.")],
    dictionary: Annotated[
        Path | None, typer.Option(help="More pronunciations: lines of a word and its phones.")
    ] = None,
) -> None:
    """Align all recordings without an alignment; report how many, and why others are left out."""
    rows = read_manifest(manifest)
    if not any(row.metadata.get("text") for row in rows):
        raise ManifestError(
            f'no row of {manifest} has a "text"; without transcripts nothing can be aligned'
        )
    paths = targets(rows, out)
    make_folder(out)
    decoder = aligner(dictionary)
    counts: Counter[str] = Counter()
    for row, path in script.progress(list(zip(rows, paths, strict=True)), "aligning"):
        if path.exists():
            counts["done"] += 1
            continue
        try:
            tiers = align(decoder, row)
        except LeftOut as error:
            counts[error.reason] += 1
            print(f"left out {row.audio}: {error}", file=sys.stderr)
            continue
        make_folder(path.parent)
        write_textgrid(path, tiers, seconds=tiers[0].end)
        counts["aligned"] += 1
    print(summary(counts))
    if not counts["aligned"] + counts["done"]:
        raise AlignmentError(f"nothing of {manifest} could be aligned")


class LeftOut(Exception):
    """A recording cannot be aligned.

    reason: in general, to be counted; the message has the details
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def targets(rows: list[Utterance], out: Path) -> list[Path]:
    """The TextGrid of each row, see `naming.aligned_as`.

    Raises ManifestError when two rows have the same.
    """
    paths: list[Path] = []
    row_of: dict[Path, Utterance] = {}
    for row in rows:
        path = out / aligned_as(row)
        earlier = row_of.setdefault(path, row)
        if earlier is not row:
            raise ManifestError(
                f"{earlier.audio} and {row.audio} would both be aligned in {path}: list one, or "
                "rename one"
            )
        paths.append(path)
    return paths


def align(decoder: Decoder, row: Utterance) -> list[Alignment]:
    """The tiers words and phones of a row. Raises LeftOut."""
    transcript = words(str(row.metadata.get("text") or ""))
    if not transcript:
        raise LeftOut("without text", "it has no text")
    unknown = [word for word in dict.fromkeys(transcript) if not pronounceable(decoder, word)]
    if unknown:
        raise LeftOut(
            "with words that are in no dictionary", f"in no dictionary: {', '.join(unknown)}"
        )
    try:
        wave = read_utterance(row, RATE)
    except (AudioError, ManifestError) as error:
        raise LeftOut("that cannot be read", str(error)) from error
    if not len(wave) or abs(wave).max() < QUIETEST:
        raise LeftOut("without sound", "it is silent")
    spoken = spoken_in(decoder, wave, transcript)
    return tiers_of(spoken, len(wave) / RATE)


def words(text: str) -> list[str]:
    """Lowercase words in order: letters, digits and apostrophes, so that unknown words are kept."""
    return [
        word
        for word in re.findall(r"[\w']+", text.lower().replace("\u2019", "'"))
        if word.strip("'_")
    ]


def spoken_in(decoder: Decoder, wave: Wave, transcript: list[str]) -> Spoken:
    """The first frame of every phone, in two passes: words first, then phones. Raises LeftOut."""
    sound = (wave.clip(-1, 1) * 32767).astype("<i2").tobytes()
    try:
        decoder.set_align_text(" ".join(transcript))
        decode(decoder, sound)
        decoder.set_alignment()
        decode(decoder, sound)
        return [
            (word.name, [(phone.name, phone.start) for phone in word])
            for word in decoder.get_alignment()
        ]
    except (RuntimeError, TypeError) as error:
        raise LeftOut("whose text does not fit", "its text cannot be found in the sound") from error


def decode(decoder: Decoder, sound: bytes) -> None:
    """One pass over all of the audio, independent of earlier passes."""
    decoder.reinit_feat()
    decoder.start_utt()
    decoder.process_raw(sound, full_utt=True)
    decoder.end_utt()


def tiers_of(spoken: Spoken, seconds: float) -> list[Alignment]:
    """The tiers words and phones, from 0 to the end without gaps.

    Between words the label is empty, between phones SIL. Raises LeftOut when a phone lasts
    `LONGEST`.
    """
    phones = [
        (frame, phone, place) for place, (_, inside) in enumerate(spoken) for phone, frame in inside
    ]
    edges = [0.0, *(frame * FRAME + CENTER for frame, _, _ in phones[1:]), seconds]
    lower = [Interval(edges[at], edges[at + 1], phone) for at, (_, phone, _) in enumerate(phones)]
    for phone in lower:
        if phone.label != SIL and phone.end - phone.start >= LONGEST:
            raise LeftOut(
                "whose text does not fit",
                f"{phone.label} would last {phone.end - phone.start:.1f} s: is it the right text?",
            )
    upper = []
    for place, (name, _) in enumerate(spoken):
        own = [
            interval for interval, (_, _, word) in zip(lower, phones, strict=True) if word == place
        ]
        label = "" if name.startswith("<") else re.sub(r"\(\d+\)$", "", name)
        upper.append(Interval(own[0].start, own[-1].end, label))
    return [checked(upper, "words", "PocketSphinx"), checked(lower, "phones", "PocketSphinx")]


def summary(counts: Counter[str]) -> str:
    """One line: the number of alignments, and why others are left out."""
    done, total = counts["aligned"] + counts["done"], counts.total()
    before = f" ({counts['done']} of them before)" if counts["done"] else ""
    reasons = [
        f"{count} {reason}"
        for reason, count in counts.most_common()
        if reason not in {"aligned", "done"}
    ]
    return f"aligned {done} of {total} recordings{before}" + (
        f"; left out: {', '.join(reasons)}" if reasons else ""
    )


if __name__ == "__main__":
    script.run(main)
