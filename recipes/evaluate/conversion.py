r"""Voice conversion: does a converted recording sound like the target voice, and is it understood?

    python -m recipes.evaluate.conversion eval.jsonl --targets train.jsonl --whisper base \
        [--count 10] [--codebooks 1 --codebooks 6] [--results conversion.json] > conversion.md

Recordings of a manifest, spread over its speakers, are each converted to every voice as `speechvq
convert` does: a prefix of the codebooks, decoded with the voice's stored speaker embedding, from
the bytes of a code file. "to target" is the mean cosine of Resemblyzer embeddings between the
converted recording and the target (the centroid of real recordings of that speaker), "to source"
the same with the recording that was converted, "target wins" how often the first is larger. Opinion
scores and words are those of `learned_metrics.py`; words are compared with those that Whisper hears
in the recording, and those of recordings in which it hears none are left out. Speakers are never
converted to themselves.

Two kinds of rows are references: "plain 1" is decoded from as many codebooks in the source's own
voice, so that its word errors are what a conversion could reach; "real" are recordings of the
target, each against the centroid of the others. In brackets are 95 % intervals by the bootstrap
over the recordings that were converted. --results stores the measurements, as in `listening.py`.
"""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import speechvq
from recipes.evaluate import intervals
from recipes.evaluate.learned_metrics import MOS, LearnedMOS, Whisper, word_errors
from recipes.evaluate.measures import RATE
from recipes.evaluate.results import Results
from recipes.evaluate.speaker_similarity import (
    Embedding,
    SpeakerEncoder,
    centroid,
    self_similarity,
)
from recipes.evaluate.utterances import samples, select
from recipes.script import (
    Codebooks,
    Corpus,
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
from speechvq.data.manifest import Utterance, read_manifest
from speechvq.errors import ManifestError

VOICES = ("bdl", "slt", "kathleen", "ljspeech", "ls26")

MAX_SECONDS = 10.0
"""Seconds used of any recording."""

Targets = Annotated[
    Path, typer.Option(help="A manifest with recordings of the voices, e.g. the training data.")
]
Voices = Annotated[
    list[str] | None,
    typer.Option("--voice", help=f"A voice, once or more; default: {', '.join(VOICES)}."),
]

Findings = dict[str, Any]
"""Of a recording: the recognized "words"; and "rows": for each kind of row the measurements for
each voice."""


def main(
    manifest: ManifestFile,
    targets: Targets,
    voices: Voices = None,
    codebooks: Codebooks = None,
    corpus: Corpus = None,
    count: Annotated[int, typer.Option(help="Number of recordings to convert.", min=1)] = 40,
    target_count: Annotated[
        int, typer.Option(help="Number of real recordings of each voice.", min=2)
    ] = 10,
    min_seconds: Annotated[
        float, typer.Option(help="Leave out recordings shorter than this.")
    ] = 2.0,
    whisper: WhisperModel = None,
    language: Language = "en",
    model: ModelFile = None,
    results: ResultsFile = None,
) -> None:
    """Compare converted recordings with targets and sources; print a Markdown table."""
    codec, encoder = speechvq.load(model), SpeakerEncoder()
    names = voices or list(VOICES)
    sexes = {name: codec.voice(name).metadata.get("sex", "?") for name in names}
    depths = [codec.n_codebooks(codebooks=n) for n in codebooks or [codec.content_codebooks]]
    settings = {
        "measure": "conversion",
        "model": str(codec.model),
        "voices": names,
        "codebooks": depths,
        "target_count": target_count,
        "min_seconds": min_seconds,
        "whisper": whisper,
        "language": language,
    }
    kept = Results(results, settings)
    real = {
        name: embeddings(encoder, recordings_of(targets, name, min_seconds, target_count))
        for name in names
    }
    centroids = {name: centroid(rows) for name, rows in real.items()}
    metrics = Metrics(
        encoder, LearnedMOS(), None if whisper is None else Whisper(whisper, language)
    )
    rows: list[Findings] = []
    sources = select(manifest, corpus=corpus, count=count, min_seconds=min_seconds)
    for utterance in progress(sources, "converting"):
        findings = kept.get(utterance)
        if findings is None:
            others = {name: row for name, row in centroids.items() if name != utterance.speaker}
            wave = samples(utterance, RATE, max_seconds=MAX_SECONDS)
            findings = convert(codec, metrics, wave, depths, others)
            kept.add(utterance, findings)
        rows.append(findings)
    table = [
        summary(rows, key, name) | {"sex": sexes.get(name, "")}
        for key in kinds(codec, depths)
        for name in (*names, ALL)
    ]
    kept.finish(table)
    report(table)
    for name in names:
        own = f"{self_similarity(real[name]):.3f}"
        dashes = ["-"] * (len(columns(table)) - 1)
        print_row("real", name, sexes[name], own, *dashes, len(real[name]))
    print(f"\n{len(rows)} recordings; intervals: 95 %, bootstrap over these.")


def recordings_of(manifest: Path, speaker: str, min_seconds: float, count: int) -> list[Utterance]:
    """Recordings of a speaker, spread over the manifest. Raises ManifestError for fewer than 2."""
    rows = [
        utterance
        for utterance in read_manifest(manifest)
        if utterance.speaker == speaker and utterance.seconds >= min_seconds
    ]
    if len(rows) < 2:
        raise ManifestError(
            f"{manifest} needs at least two recordings of {speaker!r} with {min_seconds:g} s, it "
            f"has {len(rows)}"
        )
    return rows[:: max(1, len(rows) // count)][:count]


def embeddings(encoder: SpeakerEncoder, rows: list[Utterance]) -> list[Embedding]:
    """The speaker embeddings of the recordings in which speech is detected."""
    waves = (samples(row, RATE, max_seconds=MAX_SECONDS) for row in rows)
    candidates = (encoder(wave, RATE) for wave in waves)
    return [embedding for embedding in candidates if embedding is not None]


class Metrics:
    """Speaker similarity, naturalness, and recognized words of a waveform."""

    def __init__(self, encoder: SpeakerEncoder, mos: LearnedMOS, recognize: Whisper | None) -> None:
        self.encoder, self.mos, self.recognize = encoder, mos, recognize

    def words(self, wave: Wave) -> str | None:
        """The words recognized in a waveform (t,); None without a recognizer."""
        return None if self.recognize is None else self.recognize(wave)

    def __call__(
        self, wave: Wave, source: Embedding, targets: dict[str, Embedding]
    ) -> list[dict[str, Any]]:
        """The measurements of a waveform (t,) for each target; none without speech."""
        embedding = self.encoder(wave, RATE)
        if embedding is None:
            return []
        shared = self.mos(wave) | {"words": self.words(wave)}
        shared["to source"] = float(embedding @ source)
        return [
            {"voice": name, "to target": float(embedding @ target)} | shared
            for name, target in targets.items()
        ]


ALL = "all"


def kinds(codec: Codec, depths: list[int]) -> list[str]:
    """The kinds of rows: conversions, then decoded speech in the source's own voice."""
    plain = sorted({*depths, len(codec.shapes)})
    return [*map(str, depths), *(f"plain {depth}" for depth in plain)]


def convert(
    codec: Codec,
    metrics: Metrics,
    wave: Wave,
    depths: list[int],
    centroids: dict[str, Embedding],
) -> Findings:
    """The measurements of all conversions of a waveform (t,) and of its decodings, by kind of row.

    Recordings in which Resemblyzer detects no speech are left out, with a remark.
    """
    source, rows = metrics.encoder(wave, RATE), {}
    if source is None:
        print("a recording without speech is left out", file=sys.stderr)
        return {"words": None, "rows": rows}
    for key in kinds(codec, depths):
        codes = parse(dump(codec.encode(wave, RATE, codebooks=int(key.split()[-1]))))
        if key.startswith("plain"):
            rows[key] = metrics(codec.decode(codes).clip(-1, 1), source, centroids)
        else:
            rows[key] = [
                row
                for name, target in centroids.items()
                for row in metrics(codec.decode(codes, name).clip(-1, 1), source, {name: target})
            ]
        if len(rows[key]) < len(centroids):
            print(f"no speech detected: {key}", file=sys.stderr)
    return {"words": metrics.words(wave), "rows": rows}


MEANS = ("to target", "to source", *MOS[:1])
WINS, WORDS = "target wins %", "word error rate %"


def summary(rows: list[Findings], key: str, voice: str) -> dict[str, Any]:
    """A row of the table: means over a voice or all, each as value, low and high."""
    groups = [
        [entry for entry in row["rows"].get(key, ()) if voice in (ALL, entry["voice"])]
        for row in rows
    ]
    values = {
        name: intervals.mean([[entry[name] for entry in group] for group in groups])
        for name in MEANS
    }
    wins = [[100.0 * (entry["to target"] > entry["to source"]) for entry in g] for g in groups]
    values[WINS] = intervals.mean(wins)
    if any(row["words"] is not None for row in rows):
        errors = [
            [word_errors(row["words"], entry["words"]) for entry in group]
            for row, group in zip(rows, groups, strict=True)
            if row["words"]
        ]
        sums = [(sum(e for e, _ in pairs), sum(n for _, n in pairs)) for pairs in errors]
        values[WORDS] = intervals.word_error_rate(sums)
    named = {name: vars(value) for name, value in values.items()}
    return {"codebooks": key, "voice": voice, "recordings": sum(map(len, groups))} | named


def columns(table: list[dict[str, Any]]) -> list[str]:
    """The columns with intervals."""
    return [name for name in ("to target", "to source", WINS, *MOS[:1], WORDS) if name in table[0]]


def report(table: list[dict[str, Any]]) -> None:
    """Print the table."""
    digits = {"to target": 3, "to source": 3, WINS: 1, WORDS: 1}
    names = columns(table)
    print_header("codebooks", "voice", "sex", *names, "recordings")
    for row in table:
        cells = [intervals.Interval(**row[name]).text(digits.get(name, 2)) for name in names]
        print_row(row["codebooks"], row["voice"], row["sex"], *cells, row["recordings"])


if __name__ == "__main__":
    run(main)
