"""Phone alignments of transcribed English: what to score units against where nobody has labeled the recordings.

    python -m recipes.phoneme_discovery.corpora.align corpus.jsonl alignments [--dictionary more.dict]

Data: the rows of a manifest that have a `text`. For each there will be
alignments/SPEAKER/NAME.TextGrid, NAME as the audio file is called (and NAME_12.340 for a row that
begins 12.34 s into it), with the tiers words and phones; times count from where the row begins.
Those that are there are not made again.
Aligner: PocketSphinx with the American English model and dictionary that its package brings;
nothing is downloaded. Where a word has several pronunciations it takes the one that fits best.
Phones are ARPAbet without stress, silence is SIL.

Recordings with words that are in no dictionary are named and left out: give their pronunciations
with --dictionary, lines of "word PH PH PH". Of words ending in 's it is enough that the rest is
known. Boundaries are whole frames of 10 ms and those of an aligner, not of a phonetician: say so
beside scores against them.
"""

import re
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import track

from recipes.phoneme_discovery.corpora.naming import aligned_as
from speechvq.audio.files import Wave, read_mono
from speechvq.data.manifest import Utterance, read_manifest
from speechvq.errors import (
    AlignmentError,
    AudioError,
    ManifestError,
    MissingExtra,
    OutputError,
    SpeechVQError,
)
from speechvq.units.alignments.alignment import SIL, Alignment, Interval, checked
from speechvq.units.alignments.writers import write_textgrid

if TYPE_CHECKING:
    from pocketsphinx import Decoder

RATE = 16_000
FRAME = 0.01
CENTER = 0.0078
"""A frame is 25.6 ms long, so where one phone's last meets the next one's first is this much behind the latter's start."""

LONGEST = 1.0
"""No phone but silence lasts so long, in seconds; where one does, the text is of something else."""

QUIETEST = 1e-3
"""Samples that never go beyond this hold no speech."""

Spoken = list[tuple[str, list[tuple[str, int]]]]
"""Words in order, each with its phones and the frames at which they begin."""


def main(
    manifest: Annotated[
        Path, typer.Argument(help="Which recordings: one JSON object a line, with a text.")
    ],
    out: Annotated[Path, typer.Argument(help="The folder for the TextGrids.")],
    dictionary: Annotated[
        Path | None, typer.Option(help="More pronunciations: lines of a word and its phones.")
    ] = None,
) -> None:
    """Align every recording that is not aligned yet; say at the end how many are, and why others are not."""
    rows = read_manifest(manifest)
    if not any(row.facts.get("text") for row in rows):
        raise ManifestError(
            f'no row of {manifest} has a "text"; without transcripts nothing can be aligned'
        )
    paths = targets(rows, out)
    make_folder(out)
    decoder = aligner(dictionary)
    console = Console(stderr=True)
    counts: Counter[str] = Counter()
    for row, path in track(
        list(zip(rows, paths, strict=True)),
        "aligning",
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ):
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
    """A recording cannot be aligned: the reason in general, to be counted, and in particular, as the message."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def targets(rows: list[Utterance], out: Path) -> list[Path]:
    """The TextGrid of each row, see `naming.aligned_as`.

    Raises ManifestError when two rows would have the same.
    """
    paths: list[Path] = []
    seen: dict[Path, Utterance] = {}
    for row in rows:
        path = out / aligned_as(row)
        other = seen.setdefault(path, row)
        if other is not row:
            raise ManifestError(
                f"{other.audio} and {row.audio} would both be aligned in {path}: list one, or "
                "rename one"
            )
        paths.append(path)
    return paths


def aligner(dictionary: Path | None) -> "Decoder":
    """PocketSphinx, knowing the words of a further dictionary. Raises MissingExtra or AlignmentError."""
    try:
        from pocketsphinx import Decoder
    except ModuleNotFoundError as error:
        raise MissingExtra(f"aligning needs {error.name}: pip install 'speechvq[eval]'") from error
    decoder = Decoder(
        samprate=RATE, lm=None, bestpath=False, loglevel="FATAL"
    )  # best paths leave phones no time
    for number, (word, phones) in enumerate(pronunciations(dictionary) if dictionary else (), 1):
        try:
            if decoder.lookup_word(word) is None:
                decoder.add_word(word, phones, update=False)
        except RuntimeError as error:
            raise AlignmentError(
                f"{dictionary}, word {number}: {word!r} cannot be pronounced {phones!r}"
            ) from error
    return decoder


def pronunciations(path: Path) -> list[tuple[str, str]]:
    """The words and their phones in a dictionary like CMU's, without stress. Raises AlignmentError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise AlignmentError(f"cannot read the dictionary {path}: {error}") from error
    pairs = [line.split(None, 1) for line in lines if line.strip() and not line.startswith(";;;")]
    if any(len(pair) < 2 for pair in pairs):
        raise AlignmentError(
            f"the dictionary {path} has a word without phones: each line needs a word and its "
            "phones"
        )
    return [(word.lower(), re.sub(r"\d", "", phones).strip().upper()) for word, phones in pairs]


def align(decoder: "Decoder", row: Utterance) -> list[Alignment]:
    """The tiers words and phones of a row. Raises LeftOut."""
    said = words(str(row.facts.get("text") or ""))
    if not said:
        raise LeftOut("without text", "it has no text")
    unknown = [word for word in dict.fromkeys(said) if not pronounceable(decoder, word)]
    if unknown:
        raise LeftOut(
            "with words that are in no dictionary", f"in no dictionary: {', '.join(unknown)}"
        )
    first = round(row.start * RATE)
    try:
        wave = read_mono(row.audio, RATE)[first : first + round(row.seconds * RATE)]
    except AudioError as error:
        raise LeftOut("that cannot be read", str(error)) from error
    if not len(wave) or abs(wave).max() < QUIETEST:
        raise LeftOut("without sound", "it is silent")
    spoken = spoken_in(decoder, wave, said)
    return tiers_of(spoken, len(wave) / RATE)


def words(text: str) -> list[str]:
    """Small words in order: letters, digits and apostrophes, so that what cannot be looked up is not lost."""
    return [
        word
        for word in re.findall(r"[\w']+", text.lower().replace("\u2019", "'"))
        if word.strip("'_")
    ]


def pronounceable(decoder: "Decoder", word: str) -> bool:
    """Whether the dictionary has a word; of one that ends in 's the rest is enough, the word is then added."""
    if decoder.lookup_word(word) is not None:
        return True
    stem = decoder.lookup_word(word.removesuffix("'s")) if word.endswith("'s") else None
    if stem is None:
        return False
    decoder.add_word(word, f"{stem} {genitive(stem.split()[-1])}", update=False)
    return True


def genitive(last: str) -> str:
    """The sounds of 's behind a phone of English."""
    if last in {"S", "Z", "SH", "ZH", "CH", "JH"}:
        return "IH Z"
    return "S" if last in {"P", "T", "K", "F", "TH"} else "Z"


def spoken_in(decoder: "Decoder", wave: Wave, said: list[str]) -> Spoken:
    """Which frames belong to which phone, after a pass that places the words. Raises LeftOut."""
    sound = (wave.clip(-1, 1) * 32767).astype("<i2").tobytes()
    try:
        decoder.set_align_text(" ".join(said))
        heard(decoder, sound)
        decoder.set_alignment()
        heard(decoder, sound)
        return [
            (word.name, [(phone.name, phone.start) for phone in word])
            for word in decoder.get_alignment()
        ]
    except (RuntimeError, TypeError) as error:
        raise LeftOut("whose text does not fit", "its text cannot be found in the sound") from error


def heard(decoder: "Decoder", sound: bytes) -> None:
    """One pass over all of the sound, whatever was heard before it."""
    decoder.reinit_feat()
    decoder.start_utt()
    decoder.process_raw(sound, full_utt=True)
    decoder.end_utt()


def tiers_of(spoken: Spoken, seconds: float) -> list[Alignment]:
    """The tiers words and phones, from 0 to the end without gaps; between words the label is empty, between phones SIL.

    Raises LeftOut when a phone lasts `LONGEST`.
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


def make_folder(path: Path) -> None:
    """Raises OutputError."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot make the folder {path}: {error.strerror}") from error


def summary(counts: Counter[str]) -> str:
    """One line: how many are aligned, and why the others are not."""
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
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"align: {error}")
