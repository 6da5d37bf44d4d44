r"""Listening without listeners: learned opinion scores and word error rates, beside the originals.

    python -m recipes.evaluate.listening eval.jsonl --whisper base \
        [--corpus librispeech] [--count 16] [--codebooks 1 --codebooks 6] \
        [--results listening.json] > listening.md

Of each recording of a manifest at most 10 s are used. It is encoded with some of the codebooks,
written to the bytes of a code file, read back and decoded; "file kbit/s" are all bytes of that file
over the duration of the recording. The metrics are those of `learned_metrics.py`. Words are
compared with those that Whisper hears in the original, as both are normalized: lower case, letters,
digits and apostrophes only. Recordings in which it hears none are left out of that rate, and
counted. Without --whisper, which takes a name or a folder, there are no words.

Values are means over recordings, and for words errors over all words; in brackets are 95 %
intervals by the bootstrap over recordings. --results stores the measurements of each recording, and
the table; the same command with an existing file resumes where it stopped.
"""

from typing import Annotated, Any

import typer

import speechvq
from recipes.evaluate import intervals
from recipes.evaluate.learned_metrics import MOS, LearnedMOS, Whisper, word_errors
from recipes.evaluate.measures import RATE
from recipes.evaluate.quality import limit
from recipes.evaluate.results import Results
from recipes.evaluate.utterances import samples, select
from recipes.script import (
    Codebooks,
    Corpus,
    Count,
    Language,
    ManifestFile,
    ModelFile,
    ResultsFile,
    WhisperModel,
    print_header,
    print_row,
    progress,
    run,
)
from speechvq.audio.reading import Wave
from speechvq.codec.codec import Codec
from speechvq.codes import dump, parse

ORIGINAL = "original"
WORDS = "word error rate %"
Findings = dict[str, dict[str, Any]]
"""Of one recording, by number of codebooks: "kbps", the scores, and "words"."""


def main(
    manifest: ManifestFile,
    corpus: Corpus = None,
    count: Count = None,
    codebooks: Codebooks = None,
    seconds: Annotated[float, typer.Option(help="Use at most this much of each file.")] = 10.0,
    whisper: WhisperModel = None,
    language: Language = "en",
    model: ModelFile = None,
    results: ResultsFile = None,
) -> None:
    """Score originals and decoded speech; print a Markdown table with intervals."""
    codec = speechvq.load(model)
    depths = [codec.n_codebooks(codebooks=n) for n in codebooks or range(1, len(codec.shapes) + 1)]
    settings = {
        "measure": "listening",
        "model": str(codec.model),
        "codebooks": depths,
        "seconds": seconds,
        "whisper": whisper,
        "language": language,
    }
    kept = Results(results, settings)
    mos, recognize = LearnedMOS(), None if whisper is None else Whisper(whisper, language)
    rows: list[Findings] = []
    for utterance in progress(select(manifest, corpus=corpus, count=count), "listening"):
        findings = kept.get(utterance)
        if findings is None:
            wave = limit(samples(utterance, RATE, max_seconds=seconds))
            findings = listen(codec, wave, depths, mos, recognize)
            kept.add(utterance, findings)
        rows.append(findings)
    table = [summary(rows, key) for key in (ORIGINAL, *map(str, depths))]
    kept.finish(table)
    report(table)
    duration = sum(row[ORIGINAL]["seconds"] for row in rows)
    print(
        f"\n{len(rows)} recordings, {duration:.0f} s; intervals: 95 %, bootstrap over recordings."
    )
    if recognize is not None:
        counts = [len(row[ORIGINAL]["words"].split()) for row in rows]
        print(
            f"{sum(counts)} words heard in the originals; {counts.count(0)} without any left out."
        )


def listen(
    codec: Codec,
    wave: Wave,
    depths: list[int],
    mos: LearnedMOS,
    recognize: Whisper | None,
) -> Findings:
    """The measurements of a waveform (t,), original and decoded from the bytes of its code file."""
    findings: Findings = {}
    for key in (ORIGINAL, *map(str, depths)):
        heard, measures = wave, {"seconds": len(wave) / RATE}
        if key != ORIGINAL:
            data = dump(codec.encode(wave, RATE, codebooks=int(key)))
            heard = codec.decode(parse(data)).clip(-1, 1)
            measures = {"kbps": 8 * len(data) * RATE / len(wave) / 1000}
        findings[key] = measures | mos(heard)
        if recognize is not None:
            findings[key]["words"] = recognize(heard)
    return findings


def summary(rows: list[Findings], key: str) -> dict[str, Any]:
    """A row of the table: means, each as value, low and high."""
    row: dict[str, Any] = {"codebooks": key}
    names = MOS if key == ORIGINAL else ("kbps", *MOS)
    for name in names:
        row[name] = vars(intervals.mean([[findings[key][name]] for findings in rows]))
    if "words" in rows[0][key]:
        pairs = [(findings[ORIGINAL]["words"], findings[key]["words"]) for findings in rows]
        errors = [word_errors(said, heard) for said, heard in pairs if said]
        row[WORDS] = vars(intervals.word_error_rate(errors)) if errors else None
    return row


def report(table: list[dict[str, Any]]) -> None:
    """Print the table."""
    names = [name for name in (*MOS, WORDS) if name in table[-1]]
    print_header("codebooks", "file kbit/s", *names)
    for row in table:
        kbps = f"{row['kbps']['value']:.2f}" if "kbps" in row else "-"
        cells = [cell(row[name], digits=1 if name == WORDS else 2) for name in names]
        print_row(row["codebooks"], kbps, *cells)


def cell(value: dict[str, float] | None, *, digits: int) -> str:
    """A value and its interval; a dash where there is none."""
    return "-" if value is None else intervals.Interval(**value).text(digits)


if __name__ == "__main__":
    run(main)
