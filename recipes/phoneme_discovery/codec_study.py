"""Fine-tuning the codec for phones: the default codec trained further, one change at a time.

    python -m recipes.phoneme_discovery.codec_study WORK data/train.jsonl [--steps 1000]
        [--also other.safetensors]

WORK is the work folder of `run`, whose recordings and split are used; WORK/codec-study/ holds what
is trained, and an interrupted run resumes with the same command. Every row starts from the bundled
weights and has the last stage of `recipes/default` except for the number of steps. Of every codec
the table has the codes of codebook 0, and k-means of their latents, standardized by speaker. Prints
a table, and writes it as WORK/codec-study.md.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import Tensor, nn

import speechvq
from recipes import script
from recipes.phoneme_discovery.corpora.options import Work
from recipes.phoneme_discovery.corpora.prepared import held_out_of, load_recordings
from recipes.phoneme_discovery.inputs import check_same, inputs_of, more_speech
from recipes.phoneme_discovery.models.autoencoder import jittered
from recipes.phoneme_discovery.plan import read_plan
from recipes.phoneme_discovery.run import HERE
from recipes.phoneme_discovery.scoring import split_of
from recipes.phoneme_discovery.study import KEYS
from recipes.phoneme_discovery.systems import codec_units
from speechvq.codec.codec import Codec
from speechvq.data.augment import smooth
from speechvq.errors import UnitsError
from speechvq.output import new_file
from speechvq.quantize.base import Quantized
from speechvq.train.checkpoint import best_weights
from speechvq.train.codec.config import Experiment, read_experiment
from speechvq.train.codec.loop import train
from speechvq.train.codec.objective import Objective
from speechvq.train.fabric import launched
from speechvq.units.evaluation.scores import evaluate
from speechvq.units.evaluation.tables import Result, comparison
from speechvq.units.recordings import Recording
from speechvq.units.split import Split

RECIPE = HERE.parent / "default" / "base5.toml"
DECIBELS = 6.0
"""Standard deviation of the random filter on the input of the encoder."""

Change = Callable[[Objective], None]


def jitter(share: float) -> Change:
    """Replace a share of the coarsest stage's frames by neighbors (Chorowski et al. 2019)."""

    def change(objective: Objective) -> None:
        random = torch.Generator().manual_seed(0)

        def jitter_frames(module: nn.Module, _: Any, quantized: Quantized) -> Quantized:  # noqa: ANN401 - any input
            return (
                replace(quantized, z=jittered(quantized.z, share, random))
                if module.training
                else quantized
            )

        objective.network.topdown.levels[0].quantizer.register_forward_hook(jitter_frames)

    return change


def filtered(objective: Objective) -> None:
    """Filter the input of the encoder at random, smoothly; the target stays as it is."""
    random = np.random.default_rng(0)

    def filter_input(module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor] | None:
        if not module.training:
            return None
        wave = inputs[0].float()
        curves = np.stack([smooth(wave.shape[-1] // 2 + 1, random) for _ in wave])
        response = torch.from_numpy(10 ** (curves * DECIBELS / 20)).to(wave)[:, None]
        return (torch.fft.irfft(torch.fft.rfft(wave) * response, wave.shape[-1]),)

    objective.network.encoder.register_forward_pre_hook(filter_input)


def first_alone(objective: Objective) -> None:
    """Half of the examples use the first codebook only, which must hold the content by itself."""
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
    Variant("fine-tuned"),
    Variant("jitter 0.12", jitter(0.12)),
    Variant("jitter 0.5", jitter(0.5)),
    Variant("input filtered", filtered),
    Variant("codebook 0 alone in half", first_alone),
)


def main(
    work: Work,
    manifest: Annotated[
        Path, typer.Argument(help="What the codec is trained on: the default recipe's speech.")
    ],
    steps: Annotated[int, typer.Option(help="Training steps of each variant.", min=1)] = 1000,
    only: Annotated[
        list[str] | None, typer.Option(help="Only this variant; may be given several times.")
    ] = None,
    also: Annotated[
        list[Path] | None, typer.Option(help="A further model file for the table.")
    ] = None,
    bf16: Annotated[
        bool, typer.Option(help="Train in bfloat16, where the CPU or GPU supports it.")
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
    more = more_speech(manifest, recordings)  # none of it may be in the corpus
    split, folder = split_of(labeled, held_out_of(work)), work / "codec-study"
    folder.mkdir(exist_ok=True)
    settings = {"plan": {"steps": steps, "bf16": bf16, "recipe": RECIPE.stem}}
    check_same(
        folder / "study.json",
        inputs_of(read_plan(HERE / "discovery.toml"), recordings, more, work) | settings,
    )
    variants = [variant for variant in VARIANTS if not only or variant.name in only]
    codecs = [
        ("as it is", speechvq.load()),
        *((path.stem, speechvq.load(path)) for path in also or []),
    ]
    rows = [row for name, codec in codecs for row in scores(name, codec, labeled, split)]
    for variant in variants:
        codec = trained(variant, experiment_of(variant, manifest, folder, steps, cache), bf16=bf16)
        rows += scores(variant.name, codec, labeled, split)
    text = comparison(rows, KEYS)
    with new_file(work / "codec-study.md", force=True) as file:
        file.write(text.encode())
    print(text, end="")


def scores(name: str, codec: Codec, recordings: Sequence[Recording], split: Split) -> list[Result]:
    """The rows of a codec. Raises UnitsError where there is too little speech for clusters."""
    print(f"scoring {name}", file=sys.stderr)
    titles = (name, f"{name}, k-means by speaker")
    titled_units = zip(titles, codec_units(codec, recordings, split.fit, seed=0), strict=True)
    return [
        {"name": title, "rate": units.rate, "size": units.size}
        | evaluate(replace(units, name=title), recordings, split)
        for title, units in titled_units
    ]


def experiment_of(
    variant: Variant, manifest: Path, folder: Path, steps: int, cache: Path
) -> Experiment:
    """The last stage of the default recipe from the bundled weights, for `steps` steps."""
    experiment = read_experiment(RECIPE)
    run = replace(
        experiment.run,
        folder=str(folder / variant.name.replace(" ", "-")),
        init_from="default",
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
    """The codec after training, with the bundled voices, which scores do not use."""
    print(f"training: {variant.name}", file=sys.stderr)
    checkpoint = Path(experiment.run.folder) / f"step-{experiment.optim.steps:08d}"
    if not checkpoint.exists():
        fabric = launched("auto", 1, "bf16-mixed" if bf16 else "32-true")
        train(experiment, fabric, change=variant.change, report=_show)
    codec = speechvq.load()
    codec.network.load_state_dict(best_weights(checkpoint, codec.network))
    codec.network.eval()
    return codec


def _show(kind: str, step: int, numbers: Mapping[str, float]) -> None:
    if kind == "train":
        print(f"step {step}  loss {numbers['loss']:.3f}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    script.run(main)
