r"""Voice conversion: does a converted recording sound like the target voice or like its source?

    python -m recipes.evaluate.conversion eval.jsonl --targets train.jsonl \
        [--codebooks 1 --codebooks 6] > conversion.md

Utterances of a manifest, spread over its speakers, are each converted to every voice as `speechvq
convert` does: a prefix of the codebooks, decoded with the voice's stored speaker embedding. "to
target" is the mean cosine of Resemblyzer embeddings between the converted recording and the target
(the centroid of real recordings of that speaker), "to source" the same with the recording that was
converted, "target wins" how often the first is larger. Speakers are never converted to themselves.

Two kinds of rows are references: "plain" is decoded from all codebooks in the source's own voice;
"real" are recordings of the target, each against the centroid of the others.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import speechvq
from recipes.evaluate.speaker_similarity import (
    Embedding,
    SpeakerEncoder,
    centroid,
    self_similarity,
)
from recipes.evaluate.utterances import samples, select
from recipes.script import ManifestFile, ModelFile, print_header, print_row, progress, run
from speechvq.audio.reading import Wave
from speechvq.codec.codec import Codec
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


@dataclass(frozen=True)
class Similarity:
    """One recording in one voice: cosines with the target and with the source."""

    voice: str
    to_target: float
    to_source: float


def main(
    manifest: ManifestFile,
    targets: Targets,
    voices: Voices = None,
    codebooks: Annotated[
        list[int] | None,
        typer.Option(help="Number of codebooks, once or more; default: the model's own."),
    ] = None,
    count: Annotated[int, typer.Option(help="Number of recordings to convert.", min=1)] = 40,
    target_count: Annotated[
        int, typer.Option(help="Number of real recordings of each voice.", min=2)
    ] = 10,
    min_seconds: Annotated[
        float, typer.Option(help="Leave out recordings shorter than this.")
    ] = 2.0,
    model: ModelFile = None,
) -> None:
    """Compare converted recordings with targets and sources; print a Markdown table."""
    codec, encoder = speechvq.load(model), SpeakerEncoder()
    names = voices or list(VOICES)
    sexes = {name: codec.voice(name).metadata.get("sex", "?") for name in names}
    depths = [codec.n_codebooks(codebooks=n) for n in codebooks or [codec.content_codebooks]]
    real = {}
    for name in names:
        rows = recordings_of(targets, name, min_seconds, target_count)
        waves = (samples(row, codec.sample_rate, max_seconds=MAX_SECONDS) for row in rows)
        embeddings = [encoder(wave, codec.sample_rate) for wave in waves]
        real[name] = [embedding for embedding in embeddings if embedding is not None]
    centroids = {name: centroid(embeddings) for name, embeddings in real.items()}
    results: dict[str, list[Similarity]] = {}
    sources = select(manifest, count=count, min_seconds=min_seconds)
    for utterance in progress(sources, "converting"):
        others = {name: row for name, row in centroids.items() if name != utterance.speaker}
        wave = samples(utterance, codec.sample_rate, max_seconds=MAX_SECONDS)
        for key, similarity in convert(codec, encoder, wave, depths, others):
            results.setdefault(key, []).append(similarity)
    print_header(
        "codebooks", "voice", "sex", "to target", "to source", "target wins %", "recordings"
    )
    for key, rows in results.items():
        for name in names:
            own = [row for row in rows if row.voice == name]
            print_row(key, name, sexes[name], *_cells(own))
        print_row(key, "all", "", *_cells(rows))
    for name in names:
        own = f"{self_similarity(real[name]):.3f}"
        print_row("real", name, sexes[name], own, "-", "-", len(real[name]))


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


def convert(
    codec: Codec,
    encoder: SpeakerEncoder,
    wave: Wave,
    depths: list[int],
    centroids: dict[str, Embedding],
) -> Iterator[tuple[str, Similarity]]:
    """All conversions of a waveform (t,), by number of codebooks, and the one key "plain".

    Recordings in which Resemblyzer detects no speech are left out, with a remark.
    """
    source = encoder(wave, codec.sample_rate)
    for n_codebooks in depths:
        codes = codec.encode(wave, codebooks=n_codebooks)
        for name, target in centroids.items():
            converted = encoder(codec.decode(codes, name), codec.sample_rate)
            yield from _compare(str(n_codebooks), name, converted, target, source)
    decoded = encoder(codec.decode(codec.encode(wave)), codec.sample_rate)
    for name, target in centroids.items():
        yield from _compare("plain", name, decoded, target, source)


def _compare(
    key: str, name: str, decoded: Embedding | None, target: Embedding, source: Embedding | None
) -> Iterator[tuple[str, Similarity]]:
    if decoded is None or source is None:
        print(f"no speech detected: {key}, {name}", file=sys.stderr)
    else:
        yield key, Similarity(name, float(decoded @ target), float(decoded @ source))


def _cells(rows: list[Similarity]) -> list[str]:
    """Mean similarities, how often the target wins, and the number of recordings."""
    if not rows:
        return ["-", "-", "-", "0"]
    to_target = np.array([row.to_target for row in rows])
    to_source = np.array([row.to_source for row in rows])
    wins = 100 * (to_target > to_source).mean()
    return [f"{to_target.mean():.3f}", f"{to_source.mean():.3f}", f"{wins:.1f}", str(len(rows))]


if __name__ == "__main__":
    run(main)
