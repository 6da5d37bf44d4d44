"""Does a converted recording sound like the target voice, or still like its source?

    python -m recipes.evaluate.conversion eval.jsonl --targets train.jsonl [--codebooks 1 --codebooks 6] > conversion.md

Data: utterances of a manifest, spread over its speakers, each converted to every voice as `speechvq
convert` does: a prefix of the codebooks, decoded with the voice's stored vector. "to target" is the
mean cosine of Resemblyzer embeddings between the converted recording and the target (the middle of
some real recordings of that speaker), "to source" the same with the recording that was converted,
"target wins" how often the first is larger. Speakers are never converted to themselves.

Rows without a number of codebooks say what the figures could be: "plain" is a decode of all codebooks in
the source's own voice, "real" are recordings of the target, each against the middle of the others.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import speechvq
from recipes.evaluate.speaker_similarity import Ear, Embedding, agreement, middle
from recipes.evaluate.utterances import chosen, samples, watched
from speechvq.audio.files import Wave
from speechvq.codec.codec import Codec
from speechvq.data.manifest import Utterance, read_manifest
from speechvq.errors import ManifestError, SpeechVQError

VOICES = ("bdl", "slt", "kathleen", "ljspeech", "ls26")

LONGEST = 10.0
"""Seconds used of any recording."""


@dataclass(frozen=True)
class Pair:
    """One source in one voice: cosines with the target and with the source."""

    voice: str
    target: float
    source: float


def main(
    manifest: Annotated[
        Path, typer.Argument(help="The recordings to convert: one JSON object a line.")
    ],
    targets: Annotated[
        Path,
        typer.Option(help="A manifest with recordings of the voices, say of the training data."),
    ],
    voice: Annotated[
        list[str] | None, typer.Option(help=f"A voice, once or more; default: {', '.join(VOICES)}.")
    ] = None,
    codebooks: Annotated[
        list[int] | None, typer.Option(help="How many, once or more; default: the model's own.")
    ] = None,
    count: Annotated[int, typer.Option(help="How many recordings to convert.", min=1)] = 40,
    target_count: Annotated[
        int, typer.Option(help="How many recordings of each voice to compare with.", min=2)
    ] = 10,
    shortest: Annotated[
        float, typer.Option(help="Leave out shorter recordings, in seconds.")
    ] = 2.0,
    model: Annotated[
        Path | None, typer.Option(help="A model file instead of the default one.")
    ] = None,
) -> None:
    """Compare converted recordings with their targets and sources, as a markdown table."""
    codec, ear = speechvq.load(model), Ear()
    names = voice or list(VOICES)
    sexes = {name: codec.voice(name).metadata.get("sex", "?") for name in names}
    depths = [codec.n_codebooks(codebooks=one) for one in codebooks or [codec.content_codebooks]]
    real = {
        name: _heard(ear, _of_speaker(targets, name, shortest, target_count), codec.sample_rate)
        for name in names
    }
    centres = {name: middle(embeddings) for name, embeddings in real.items()}
    pairs: dict[str, list[Pair]] = {}
    for one in watched(chosen(manifest, count=count, shortest=shortest), "converting"):
        others = {name: centre for name, centre in centres.items() if name != one.speaker}
        source = samples(one, codec.sample_rate, longest=LONGEST)
        for key, pair in converted(codec, ear, source, depths, others):
            pairs.setdefault(key, []).append(pair)
    print(
        "| codebooks | voice | sex | to target | to source | target wins % | pairs "
        "|\n|---|---|---|---|---|---|---|"
    )
    for key, every in pairs.items():
        for name in names:
            print(_row(key, name, sexes[name], [pair for pair in every if pair.voice == name]))
        print(_row(key, "all", "", every))
    for name in names:
        print(
            f"| real | {name} | {sexes[name]} | {agreement(real[name]):.3f} | - | - | "
            f"{len(real[name])} |"
        )


def _of_speaker(targets: Path, name: str, shortest: float, count: int) -> list[Utterance]:
    rows = [
        one for one in read_manifest(targets) if one.speaker == name and one.seconds >= shortest
    ]
    if len(rows) < 2:
        raise ManifestError(
            f"{targets} needs at least two recordings of {name!r} with {shortest:g} s, it has "
            f"{len(rows)}"
        )
    return rows[:: max(1, len(rows) // count)][:count]


def _heard(ear: Ear, utterances: list[Utterance], rate: int) -> list[Embedding]:
    found = [ear(samples(one, rate, longest=LONGEST), rate) for one in utterances]
    return [embedding for embedding in found if embedding is not None]


def converted(
    codec: Codec, ear: Ear, wave: Wave, depths: list[int], centres: dict[str, Embedding]
) -> Iterator[tuple[str, Pair]]:
    """Every conversion of one recording, under its number of codebooks, and the plain decode, under `plain`.

    What holds no speech that Resemblyzer could hear is left out, with a remark.
    """
    source = ear(wave, codec.sample_rate)
    for depth in depths:
        codes = codec.encode(wave, codebooks=depth)
        for name, centre in centres.items():
            heard = ear(codec.decode(codes, name), codec.sample_rate)
            yield from _compared(str(depth), name, heard, centre, source)
    heard = ear(codec.decode(codec.encode(wave)), codec.sample_rate)
    for name, centre in centres.items():
        yield from _compared("plain", name, heard, centre, source)


def _compared(
    key: str, name: str, heard: Embedding | None, centre: Embedding, source: Embedding | None
) -> Iterator[tuple[str, Pair]]:
    if heard is None or source is None:
        print(f"no speech heard: {key}, {name}", file=sys.stderr)
    else:
        yield key, Pair(name, float(heard @ centre), float(heard @ source))


def _row(key: str, name: str, sex: str, pairs: list[Pair]) -> str:
    if not pairs:
        return f"| {key} | {name} | {sex} | - | - | - | 0 |"
    to_target, to_source = (
        np.array([getattr(pair, side) for pair in pairs]) for side in ("target", "source")
    )
    wins = 100 * (to_target > to_source).mean()
    return (
        f"| {key} | {name} | {sex} | {to_target.mean():.3f} | {to_source.mean():.3f} | "
        f"{wins:.1f} | {len(pairs)} |"
    )


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"conversion: {error}")
