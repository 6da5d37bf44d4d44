"""What tricks do for the phones that a codec's first codes tell: the default codec trained on, one thing changed at a time.

    python -m recipes.phoneme_discovery.codec_study WORK data/train.jsonl [--steps 1000] [--also other.safetensors]

WORK is the folder of a run of `run.py`, whose recordings and split are used; WORK/codec-study/
keeps what is learned, and an interrupted run goes on with the same command. Every row begins with
the weights that come along and has the last stage of `recipes/default` but for its number of steps.
Of every codec the table has the codes of codebook 0, and k-means of what they are made from,
standardized by speaker. Prints a table, and writes it as WORK/codec-study.md.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor, nn

import speechvq
from recipes.phoneme_discovery.corpora.prepare import held_out_of, load_recordings
from recipes.phoneme_discovery.inputs import check_same, inputs_of, more_speech
from recipes.phoneme_discovery.models.autoencoder import jittered
from recipes.phoneme_discovery.plan import read_plan
from recipes.phoneme_discovery.run import HERE, split_of
from recipes.phoneme_discovery.study import KEYS
from recipes.phoneme_discovery.systems import codec_units
from speechvq.codec.codec import Codec
from speechvq.data.augment import smooth
from speechvq.errors import SpeechVQError, UnitsError
from speechvq.output import new_file
from speechvq.quantize.base import Quantized
from speechvq.train.checkpoint import best_weights
from speechvq.train.codec.config import Experiment, read_experiment
from speechvq.train.codec.loop import train
from speechvq.train.codec.objective import Objective
from speechvq.train.codec.run import launched
from speechvq.units.evaluation.scores import evaluate
from speechvq.units.evaluation.tables import Result, comparison
from speechvq.units.recordings import Recording
from speechvq.units.split import Split

RECIPE = HERE.parent / "default" / "base5.toml"
DECIBELS = 6.0
"""Standard deviation of the random response that what the encoder hears is filtered with."""

Change = Callable[[Objective], None]


def jitter(share: float) -> Change:
    """A share of the coarsest level's frames have a neighbor's vector in their place (Chorowski et al. 2019)."""

    def change(objective: Objective) -> None:
        random = torch.Generator().manual_seed(0)

        def shaken(module: nn.Module, _: Any, quantized: Quantized) -> Quantized:  # noqa: ANN401 - whatever it was given
            return (
                replace(quantized, z=jittered(quantized.z, share, random))
                if module.training
                else quantized
            )

        objective.network.topdown.levels[0].quantizer.register_forward_hook(shaken)

    return change


def perturbed(objective: Objective) -> None:
    """The encoder hears examples through a random smooth filter; what is to be decoded stays as it was."""
    random = np.random.default_rng(0)

    def filtered(module: nn.Module, heard: tuple[Tensor]) -> tuple[Tensor] | None:
        if not module.training:
            return None
        wave = heard[0].float()
        curves = np.stack([smooth(wave.shape[-1] // 2 + 1, random) for _ in wave])
        response = torch.from_numpy(10 ** (curves * DECIBELS / 20)).to(wave)[:, None]
        return (torch.fft.irfft(torch.fft.rfft(wave) * response, wave.shape[-1]),)

    objective.network.encoder.register_forward_pre_hook(filtered)


def alone(objective: Objective) -> None:
    """Half of the examples have no other codebook than the first, which must say by itself what is said."""
    draw_counts = objective.depths

    def depths(count: int, generator: torch.Generator) -> Tensor:
        first = torch.rand(count, generator=generator) < 0.5
        return torch.where(first, 1, draw_counts(count, generator))

    objective.depths = depths  # type: ignore[method-assign]


@dataclass(frozen=True)
class Variant:
    """A row: its name, and what it changes in training."""

    name: str
    change: Change | None = None


VARIANTS = (
    Variant("trained on"),
    Variant("jitter 0.12", jitter(0.12)),
    Variant("jitter 0.5", jitter(0.5)),
    Variant("input filtered", perturbed),
    Variant("codebook 0 alone in half", alone),
)


def main(
    work: Annotated[Path, typer.Argument(help="The folder of a run of run.py.")],
    manifest: Annotated[
        Path, typer.Argument(help="What the codec learns from: the default recipe's speech.")
    ],
    steps: Annotated[int, typer.Option(help="Of training, for each variant.", min=1)] = 1000,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this variant; may be given several times.")
    ] = None,
    also: Annotated[
        list[Path] | None, typer.Option(help="A model file to have in the table, too.")
    ] = None,
    bf16: Annotated[
        bool, typer.Option(help="Products in bfloat16, for CPUs and GPUs that have them.")
    ] = False,
    cache: Annotated[Path, typer.Option(help="Where packed audio goes.")] = Path("runs/cache"),
) -> None:
    """Train every variant, and score the first codebook of each."""
    recordings = load_recordings(work)
    labeled = [recording for recording in recordings if recording.phones]
    if not labeled:
        raise UnitsError(f"no recording of {work} has phones; without them nothing can be compared")
    for name in only or []:
        if name not in {variant.name for variant in VARIANTS}:
            raise UnitsError(
                f"there is no variant {name!r}; variants are "
                f"{', '.join(variant.name for variant in VARIANTS)}"
            )
    more = more_speech(manifest, recordings)  # nothing of the corpus may be learned from
    split, folder = split_of(labeled, held_out_of(work)), work / "codec-study"
    folder.mkdir(exist_ok=True)
    learned = {"plan": {"steps": steps, "bf16": bf16, "recipe": RECIPE.stem}}
    check_same(
        folder / "study.json",
        inputs_of(read_plan(HERE / "discovery.toml"), recordings, more, work) | learned,
    )
    chosen = [variant for variant in VARIANTS if not only or variant.name in only]
    there = [
        ("as it is", speechvq.load()),
        *((path.stem, speechvq.load(path)) for path in also or []),
    ]
    rows = [
        row for name, codec in there for row in scores(name, codec, labeled, split)
    ]  # before anything long
    for variant in chosen:
        codec = trained(variant, experiment_of(variant, manifest, folder, steps, cache), bf16=bf16)
        rows += scores(variant.name, codec, labeled, split)
    text = comparison(rows, KEYS)
    with new_file(work / "codec-study.md") as partial:
        partial.write_text(text, encoding="utf-8")
    print(text, end="")


def scores(name: str, codec: Codec, recordings: Sequence[Recording], split: Split) -> list[Result]:
    """The rows of a codec. Raises UnitsError where there is too little speech for clusters."""
    print(f"scoring {name}", file=sys.stderr)
    titles = (name, f"{name}, k-means by speaker")
    made = zip(titles, codec_units(codec, recordings, split.fit, seed=0), strict=True)
    return [
        {"name": title, "rate": units.rate, "size": units.size}
        | evaluate(replace(units, name=title), recordings, split)
        for title, units in made
    ]


def experiment_of(
    variant: Variant, manifest: Path, folder: Path, steps: int, cache: Path
) -> Experiment:
    """The last stage of the default recipe from the weights that come along, for so many steps."""
    experiment = read_experiment(RECIPE)
    run = replace(
        experiment.run,
        folder=str(folder / variant.name.replace(" ", "-")),
        start="default",
        validate_every=10**9,
    )
    return replace(
        experiment,
        name="study",
        data=replace(experiment.data, manifest=str(manifest), cache=str(cache)),
        optim=replace(experiment.optim, steps=steps),
        run=run,
    )


def trained(variant: Variant, experiment: Experiment, *, bf16: bool) -> Codec:
    """The codec that training leaves. Its voices are those that come along, which scores have no use for."""
    print(f"training: {variant.name}", file=sys.stderr)
    checkpoint = Path(experiment.run.folder) / f"step-{experiment.optim.steps:08d}"
    if not checkpoint.exists():
        fabric = launched("auto", 1, "bf16-mixed" if bf16 else "32-true")
        train(experiment, fabric, change=variant.change, report=_told)
    codec = speechvq.load()
    codec.network.load_state_dict(best_weights(checkpoint))
    codec.network.eval()
    return codec


def _told(step: int, numbers: dict[str, float]) -> None:
    if "loss" in numbers:
        print(f"step {step}  loss {numbers['loss']:.3f}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"codec_study: {error}")
