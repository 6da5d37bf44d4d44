"""Bits per sample of held-out speakers, and the bound on the likelihood of the data.

    python -m recipes.vqvae2017.evaluate data/train.jsonl [--folder runs/vqvae2017] > table.md

The data are 8-bit mu-law samples at 16 kHz, so that one bit per sample is 16 kbit/s, and samples
that are equally likely cost 8 bits.

    -log2 p(x)  <=  -log2 p(x | z) - log2 p(z)    codes z of x (van den Oord et al. 2017, 3.3)
    -log2 p(x)  <=  E_q[-log2 p(x | z)] + KL      a Gaussian latent: one sample z of q
"""

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor

from recipes.script import run
from recipes.vqvae2017.mu_law import mu_law_encoding
from recipes.vqvae2017.plan import Plan
from recipes.vqvae2017.prior import PRIOR
from recipes.vqvae2017.system import HOP, LATENTS, VALUES, System
from recipes.vqvae2017.train import corpora, trained
from speechvq.codes import ModelId
from speechvq.data.corpus import Corpus
from speechvq.errors import TrainingError
from speechvq.prior.file import load_prior

Row = tuple[str, float, float]
"""Name; bits per sample of p(x | z), and of z."""


def main(
    manifest: Annotated[Path, typer.Argument(help="What the systems were trained on.")],
    folder: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs/vqvae2017"),
    count: Annotated[int, typer.Option(help="Number of recordings.", min=2)] = 32,
    seconds: Annotated[float, typer.Option(help="Use at most this much of each.", min=0.1)] = 4.0,
    cache: Annotated[Path, typer.Option(help="Folder of packed audio.")] = Path("runs/cache"),
) -> None:
    """Print a Markdown table."""
    latents = [latent for latent in LATENTS if (folder / latent).exists()]
    if not latents:
        raise TrainingError(f"{folder} has no runs of train.py")
    plan = trained(folder / latents[0])[0]
    training, held_out = corpora(manifest, cache, plan)
    waves = select(held_out, count, round(seconds * 16_000))
    rows: list[Row] = [
        ("uniform", math.log2(VALUES), 0.0),
        ("order 0 (frequency of each sample value)", unigram(training, waves), 0.0),
    ]
    for latent in latents:
        plan, system, name = trained(folder / latent)
        rows += measured(plan, system, name, waves, folder / PRIOR)
    print(
        "| samples given | bits per sample, p(x given z) | z, bits per sample | z, kbit/s | bound, "
        "bits per sample |"
    )
    print("|---|--:|--:|--:|--:|")
    for name, sound, latent in rows:
        bound = sound + latent
        print(f"| {name} | {sound:.3f} | {latent:.4f} | {16 * latent:.3f} | {bound:.3f} |")


def select(corpus: Corpus, count: int, max_samples: int) -> list[Tensor]:
    """The first samples (1, t) of recordings spread over the corpus; t is a multiple of HOP."""
    long = np.flatnonzero(corpus.lengths >= HOP)
    chosen = np.unique(long[np.linspace(0, len(long) - 1, count).round().astype(int)])
    lengths = [min(max_samples, int(corpus.lengths[index])) // HOP * HOP for index in chosen]
    return [
        torch.from_numpy(corpus.wave(index, 0, length))[None]
        for index, length in zip(chosen, lengths, strict=True)
    ]


def unigram(training: Corpus, waves: list[Tensor], count: int = 1000) -> float:
    """Bits per sample where each value has its frequency in `count` training recordings."""
    chosen = np.unique(np.linspace(0, len(training.lengths) - 1, count).round().astype(int))
    samples = torch.cat([torch.from_numpy(training.wave(index)) for index in chosen])
    counts = torch.bincount(mu_law_encoding(samples, VALUES), minlength=VALUES).double() + 1
    costs = -torch.log2(counts / counts.sum())
    return float(costs[torch.cat([mu_law_encoding(wave[0], VALUES) for wave in waves])].mean())


@torch.no_grad()
def measured(
    plan: Plan, system: System, name: ModelId, waves: list[Tensor], prior: Path
) -> list[Row]:
    """The rows of one system; held-out speakers are unknown to it."""
    unknown, samples = torch.tensor([-1]), sum(wave.shape[1] for wave in waves)
    generator = torch.Generator().manual_seed(0)
    latents, rates = [], 0.0
    for wave in waves:
        # a Gaussian latent is sampled in training mode; nothing else here differs
        system.train(plan.system.latent == "gaussian")
        hidden = system.encoder(wave.unsqueeze(1))
        quantized = system.quantizer(hidden, generator=generator)
        rates += float(quantized.rates.sum())
        latents.append(quantized)
    system.eval()
    shuffled = [latents[index - 1].z for index in range(len(latents))]
    own = sum(
        float(system.nats(wave, system.condition(quantized.z, unknown)).sum())
        for wave, quantized in zip(waves, latents, strict=True)
    )
    sound = own / samples / math.log(2)
    match plan.system.latent:
        case "gaussian":
            return [("a Gaussian latent (VAE)", sound, rates / samples / math.log(2))]
        case "none":
            return [("previous samples alone (no latent)", sound, 0.0)]
    wrong = sum(
        float(
            system.nats(
                wave[:, : z.shape[-1] * HOP],
                system.condition(z[..., : wave.shape[1] // HOP], unknown),
            ).sum()
        )
        for wave, z in zip(waves, shuffled, strict=True)
    )
    compared = sum(
        min(wave.shape[1], z.shape[-1] * HOP) for wave, z in zip(waves, shuffled, strict=True)
    )
    rows = [
        (
            "the codes of another recording",
            wrong / compared / math.log(2),
            math.log2(plan.system.size) / HOP,
        ),
        ("their codes, all equally likely", sound, rates / samples / math.log(2)),
    ]
    if prior.exists():
        prior_model = load_prior(prior)
        if prior_model.model != name:
            raise TrainingError(
                f"{prior} was trained on codes of {prior_model.model}, this is {name}: delete "
                "FOLDER/prior and run prior.py"
            )
        nats = sum(float(prior_model.network.nats(list(row.codes))[0].sum()) for row in latents)
        rows.append(("their codes, by the prior", sound, nats / samples / math.log(2)))
    return rows


if __name__ == "__main__":
    run(main)
