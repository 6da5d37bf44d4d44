"""Train a WaveNet prior to the codes of a trained system.

    python -m recipes.vqvae2017.prior data/train.jsonl [--folder runs/vqvae2017]

All training recordings are encoded; the run goes into `FOLDER/prior`. The same command resumes an
interrupted run.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer

from recipes.script import run
from recipes.vqvae2017.plan import SAMPLE_RATE
from recipes.vqvae2017.system import HOP, System
from recipes.vqvae2017.train import corpora, trained
from speechvq.cli.prior import cost_lines
from speechvq.cli.training_progress import prior_line
from speechvq.codes import CodebookShape, ModelId
from speechvq.data.corpus import Corpus
from speechvq.prior.tokens import Tokens
from speechvq.train.fabric import launched
from speechvq.train.prior.config import read_prior_experiment
from speechvq.train.prior.loop import train
from speechvq.train.prior.run import export_prior

HERE = Path(__file__).parent
PRIOR = "prior.safetensors"


def main(
    manifest: Annotated[Path, typer.Argument(help="What the system was trained on.")],
    config: Annotated[Path, typer.Option(help="A TOML file.")] = HERE / "prior.toml",
    steps: Annotated[
        int | None, typer.Option(help="Number of steps, instead of optim.steps.", min=1)
    ] = None,
    folder: Annotated[Path, typer.Option(help="Folder of the runs of train.py.")] = Path(
        "runs/vqvae2017"
    ),
    cache: Annotated[Path, typer.Option(help="Folder of packed audio.")] = Path("runs/cache"),
) -> None:
    """Train, or resume."""
    experiment = read_prior_experiment(config)
    experiment = replace(experiment, run=replace(experiment.run, folder=str(folder / "prior")))
    experiment = (
        experiment
        if steps is None
        else replace(experiment, optim=replace(experiment.optim, steps=steps))
    )
    plan, system, name = trained(folder / "codes")
    tokens = encoded(system, name, corpora(manifest, cache, plan)[0])

    def report(kind: str, step: int, numbers: Mapping[str, float]) -> None:
        line = prior_line(kind, numbers)
        print(f"step {step}  {line}", file=sys.stderr, flush=True)

    codebooks = [codebook.codewords for codebook in system.codebooks]
    fabric = launched("auto", 1)
    train(experiment, tokens, fabric, sample_rate=SAMPLE_RATE, codebooks=codebooks, report=report)
    result = export_prior(folder / "prior", tokens, folder / PRIOR, SAMPLE_RATE)
    print("\n".join(cost_lines(result.costs)))


def encoded(system: System, name: ModelId, corpus: Corpus) -> Tokens:
    """The codes of all recordings, without incomplete ones at the ends."""
    long = [index for index, length in enumerate(corpus.lengths) if length >= HOP]
    codebooks = [codes_of(system, corpus, index) for index in long]
    voices = tuple(
        corpus.names[corpus.voices[index]] if corpus.voices[index] >= 0 else "" for index in long
    )
    frames = np.array([len(codes) for codes in codebooks], np.int64)
    embeddings = np.zeros((len(long), 1), np.uint8)
    return Tokens(
        name,
        (CodebookShape(HOP, system.config.size),),
        (np.concatenate(codebooks),),
        frames,
        embeddings,
        voices,
    )


@torch.no_grad()
def codes_of(system: System, corpus: Corpus, index: int) -> np.ndarray:
    """The codes (n,) of a recording."""
    wave = torch.from_numpy(corpus.wave(index, 0, int(corpus.lengths[index]) // HOP * HOP))[None]
    return system.encode(wave).codes[0][0].numpy().astype(np.uint16)


if __name__ == "__main__":
    run(main)
