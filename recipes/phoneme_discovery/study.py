"""Ablation study of the VQ-VAE, scored by phones, and of post-processing the codec's first codes.

    python -m recipes.phoneme_discovery.study WORK [--steps 1000]

WORK is the work folder of `run`, whose recordings and split are used; WORK/study/ holds the trained
networks. Prints a table, and writes it as WORK/study.md. Every VQ-VAE has the first codebook
settings of the plan, 128 codes at 25 Hz, except in the row with another rate.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import speechvq
from recipes import script
from recipes.phoneme_discovery.corpora.options import Work
from recipes.phoneme_discovery.corpora.prepared import held_out_of, load_recordings, load_wave
from recipes.phoneme_discovery.inputs import check_same, inputs_of, more_speech
from recipes.phoneme_discovery.models.encoding import autoencoder_units
from recipes.phoneme_discovery.models.learning import learn_autoencoder
from recipes.phoneme_discovery.models.speech import GROUP, Speech, speech_of
from recipes.phoneme_discovery.plan import CodebookSettings, Plan, read_plan
from recipes.phoneme_discovery.run import HERE
from recipes.phoneme_discovery.scoring import split_of
from recipes.phoneme_discovery.systems import codec_units
from speechvq.errors import UnitsError
from speechvq.output import make_folder, new_file
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
    """A row: its name, and what it changes in the plan, the codebook settings, and the speech."""

    name: str
    plan: Callable[[Plan], Plan] = lambda plan: plan
    settings: Callable[[CodebookSettings], CodebookSettings] = lambda settings: settings
    speech: Callable[[Speech], Speech] = lambda speech: speech


def jitter(share: float) -> Callable[[Plan], Plan]:
    """Another share of jittered codes."""
    return lambda plan: replace(plan, autoencoder=replace(plan.autoencoder, jitter=share))


def vtlp(most: float) -> Callable[[Plan], Plan]:
    """Another range of vocal tract length perturbation (VTLP)."""
    return lambda plan: replace(plan, autoencoding=replace(plan.autoencoding, vtlp=most))


def anonymous(speech: Speech) -> Speech:
    """Speech without speaker labels: the decoder has a single speaker."""
    return replace(speech, speakers=("anybody",) * len(speech.names))


def globally_standardized(speech: Speech) -> Speech:
    """Speech with mean 0 and deviation 1 over all speakers together, not over each speaker."""
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
    Variant("no VTLP", vtlp(0.0)),
    Variant("decoder not speaker-conditioned", speech=anonymous),
    Variant("not standardized by speaker", speech=globally_standardized),
    Variant(
        "twice the code rate", settings=lambda settings: replace(settings, rate=2 * settings.rate)
    ),
)


def main(
    work: Work,
    train: Annotated[
        Path | None, typer.Option(help="The manifest of more speech that the run was trained on.")
    ] = None,
    steps: Annotated[int, typer.Option(help="Training steps of each variant.", min=1)] = 1000,
    config: Annotated[Path, typer.Option(help="The plan, a TOML file.")] = HERE / "discovery.toml",
) -> None:
    """Train every variant, score it with and without segments, and the codec's codebook 0, too."""
    plan = read_plan(config)
    plan = replace(plan, autoencoding=replace(plan.autoencoding, steps=steps))
    recordings = load_recordings(work)
    held_out = held_out_of(work)
    labeled = [
        recording
        for recording in recordings
        if recording.phones and recording.seconds * RATE >= GROUP
    ]
    if not labeled:
        raise UnitsError(f"no recording of {work} has phones; without them nothing can be compared")
    split = split_of(labeled, held_out)
    more = more_speech(train, recordings) if train else []
    make_folder(work / "study")
    check_same(work / "study" / "study.json", inputs_of(plan, recordings, more, work))
    training = speech_of(
        [*(recording for recording in recordings if recording.name not in held_out), *more],
        load_wave,
        work / "spectra",
    )
    corpus = speech_of(labeled, load_wave, work / "spectra")
    systems = [trained(variant, plan, training, corpus, work / "study") for variant in VARIANTS]
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
    with new_file(work / "study.md", force=True) as file:
        file.write(text.encode())
    print(text, end="")


def trained(variant: Variant, plan: Plan, training: Speech, corpus: Speech, folder: Path) -> Units:
    """The units of a variant; its training resumes where it was interrupted."""
    plan, settings = variant.plan(plan), variant.settings(plan.codebooks[0])
    network = learn_autoencoder(
        variant.speech(training),
        plan.autoencoder,
        plan.autoencoding,
        folder / variant.name.replace(" ", "-"),
        size=settings.size,
        factor=RATE // settings.rate,
        commitment=plan.commitment,
        seed=plan.seed,
    )
    return autoencoder_units(network, variant.speech(corpus), variant.name)


if __name__ == "__main__":
    script.run(main)
