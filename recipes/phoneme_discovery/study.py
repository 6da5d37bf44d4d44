"""What tricks do for the phones that codes tell: the VQ-VAE with one thing changed at a time, and the codec that comes along.

    python -m recipes.phoneme_discovery.study WORK [--steps 1000]

WORK is the folder of a run of `run.py`, whose recordings and split are used; WORK/study/ keeps what
is learned. Prints a table, and writes it as WORK/study.md. Every VQ-VAE has the first book of the
plan, 128 codes at 25 Hz, but for the row that says another rate.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import speechvq
from recipes.phoneme_discovery.corpora.prepare import (
    held_out_of,
    load_recordings,
    load_waves,
    make_folder,
)
from recipes.phoneme_discovery.inputs import check_same, inputs_of, more_speech
from recipes.phoneme_discovery.models.encoding import autoencoder_units
from recipes.phoneme_discovery.models.learning import learn_autoencoder
from recipes.phoneme_discovery.models.speech import GROUP, Speech, speech_of
from recipes.phoneme_discovery.plan import Book, Plan, read_plan
from recipes.phoneme_discovery.run import HERE, split_of
from recipes.phoneme_discovery.systems import codec_units
from speechvq.errors import SpeechVQError, UnitsError
from speechvq.output import new_file
from speechvq.units.boundaries.unit_segments import phone_rate, segmented
from speechvq.units.evaluation.scores import evaluate
from speechvq.units.evaluation.tables import comparison
from speechvq.units.features import RATE
from speechvq.units.recordings import Units

KEYS = (
    "accuracy",
    "pnmi",
    "abx_vectors_across",
    "abx_codes_across",
    "bits_runs",
    "speaker_codes",
    "leakage",
)


@dataclass(frozen=True)
class Variant:
    """A row: its name, what it changes in a plan and its book, and in the speech."""

    name: str
    plan: Callable[[Plan], Plan] = lambda plan: plan
    book: Callable[[Book], Book] = lambda book: book
    speech: Callable[[Speech], Speech] = lambda speech: speech


def jitter(share: float) -> Callable[[Plan], Plan]:
    return lambda plan: replace(plan, autoencoder=replace(plan.autoencoder, jitter=share))


def warp(most: float) -> Callable[[Plan], Plan]:
    return lambda plan: replace(plan, autoencoding=replace(plan.autoencoding, warp=most))


def one_voice(speech: Speech) -> Speech:
    """Speech whose speakers nobody tells: to a decoder all are one."""
    return replace(speech, speakers=("anybody",) * len(speech.names))


def globally_standardized(speech: Speech) -> Speech:
    """Speech with mean 0 and deviation 1 over all speakers together, not over each."""
    weights = speech.lengths / speech.lengths.sum()
    mean = weights @ speech.means
    deviation = np.sqrt(weights @ (speech.deviations**2 + (speech.means - mean) ** 2))
    frames = np.empty(speech.frames.shape, np.float16)
    for index, (start, length) in enumerate(zip(speech.starts, speech.lengths, strict=True)):
        frames[start : start + length] = (speech.log_mel(index) - mean) / deviation
    everywhere = [
        np.repeat(row[None], len(speech.names), 0).astype(np.float32) for row in (mean, deviation)
    ]
    return replace(speech, frames=frames, means=everywhere[0], deviations=everywhere[1])


VARIANTS = (
    Variant("VQ-VAE"),
    Variant("no jitter", jitter(0.0)),
    Variant("jitter 0.5", jitter(0.5)),
    Variant("no perturbation of the input", warp(0.0)),
    Variant("decoder not told who speaks", speech=one_voice),
    Variant("not standardized by speaker", speech=globally_standardized),
    Variant("twice the code rate", book=lambda book: replace(book, rate=2 * book.rate)),
)


def main(
    work: Annotated[Path, typer.Argument(help="The folder of a run of run.py.")],
    train: Annotated[
        Path | None, typer.Option(help="The manifest of more speech that the run learned from.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Of training, for each variant.", min=1)] = 1000,
    config: Annotated[Path, typer.Option(help="Sizes, a TOML file.")] = HERE / "discovery.toml",
) -> None:
    """Train every variant, score it with and without segments, and the codec's codebook 0 likewise."""
    plan = read_plan(config)
    plan = replace(plan, autoencoding=replace(plan.autoencoding, steps=steps))
    recordings = load_recordings(work)
    away = held_out_of(work)
    labeled = [
        recording
        for recording in recordings
        if recording.phones and recording.seconds * RATE >= GROUP
    ]
    if not labeled:
        raise UnitsError(f"no recording of {work} has phones; without them nothing can be compared")
    split = split_of(labeled, away)
    more = more_speech(train, recordings) if train else []
    make_folder(work / "study")
    check_same(work / "study" / "study.json", inputs_of(plan, recordings, more, work))
    training = speech_of(
        [*(recording for recording in recordings if recording.name not in away), *more],
        load_waves,
        work / "spectra",
    )
    corpus = speech_of(labeled, load_waves, work / "spectra")
    systems = [learned(variant, plan, training, corpus, work / "study") for variant in VARIANTS]
    systems += codec_units(speechvq.load(), labeled, split.fit, seed=plan.seed)
    base, own, refitted = systems[0], *systems[-2:]
    target = phone_rate([recording for recording in labeled if recording.name in set(split.fit)])
    systems += [segmented(units, split.fit, target) for units in (base, own, refitted)]
    rows = []
    for units in systems:
        print(f"scoring {units.name}", file=sys.stderr)
        rows.append(
            {"name": units.name, "rate": units.rate, "size": units.size}
            | evaluate(units, labeled, split)
        )
    text = comparison(rows, KEYS)
    with new_file(work / "study.md") as partial:
        partial.write_text(text, encoding="utf-8")
    print(text, end="")


def learned(variant: Variant, plan: Plan, training: Speech, corpus: Speech, folder: Path) -> Units:
    """The units of a variant; its training goes on where it was interrupted."""
    plan, book = variant.plan(plan), variant.book(plan.books[0])
    network = learn_autoencoder(
        variant.speech(training),
        plan.autoencoder,
        plan.autoencoding,
        folder / variant.name.replace(" ", "-"),
        size=book.size,
        factor=RATE // book.rate,
        commitment=plan.commitment,
        seed=plan.seed,
    )
    return autoencoder_units(network, variant.speech(corpus), variant.name)


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"study: {error}")
