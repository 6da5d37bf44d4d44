"""One run: train a variant from a seed, then measure it."""

import math
import time
from typing import Any

import torch
from torch import nn

from recipes.quantizers.autoencoder import MelAutoencoder
from recipes.quantizers.classical import FrameKMeans
from recipes.quantizers.config import Speech, Variant
from recipes.quantizers.data import Spectrograms
from recipes.quantizers.measure import measure
from recipes.quantizers.objective import objective
from speechvq.errors import TrainingError
from speechvq.losses.likelihood import GaussianLikelihood
from speechvq.quantize.base import Quantized
from speechvq.quantize.learning import CodebookLearner, codeword_sums
from speechvq.train.optimizer import parameter_groups

CODEBOOK_RATE = 10.0
"""Learning rate of codebooks that learn by gradient, as a multiple of the network's."""

VARIANCE_RATE = 5.0
"""Learning rate of the log variances of stochastic quantizers, likewise."""


def fit(config: Variant, speech: Speech, seed: int) -> dict[str, Any]:
    """Train on a CPU thread; the result of `measure`, the training curve and the seconds taken."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    begun = time.perf_counter()
    data = Spectrograms(speech, bands=config.bands, seconds=config.seconds, seed=seed)
    if config.kmeans_frames:
        result = measure(config, FrameKMeans(config, data, seed), GaussianLikelihood(), data)
        return result | {"curve": [], "parameters": 0, "took": time.perf_counter() - begun}
    model, likelihood = MelAutoencoder(config), GaussianLikelihood()
    groups = parameter_groups(
        model,
        weight_decay=0.01,
        codebook_learning_rate=CODEBOOK_RATE,
        variance_learning_rate=VARIANCE_RATE,
    )
    optimizer = torch.optim.AdamW(groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True)
    codebooks = CodebookLearner(model.codebooks, decay=0.99)
    if config.codebook_init == "kmeans" and codebooks.active:
        _init_codebooks(model, codebooks, data, config, seed)
    curve = []
    for step in range(config.steps):
        progress = step / config.steps
        rise, fall = (step + 1) / config.warmup, (1 - progress) / config.decay
        for group in optimizer.param_groups:
            group["lr"] = config.learning_rate * min(1.0, rise, fall) * group["scale"]
        x = data.batch(step, config.batch)
        loss, quantized = objective(
            config,
            model,
            likelihood,
            x,
            progress,
            torch.Generator().manual_seed(seed * 10**6 + step),
        )
        if not math.isfinite(loss.item()):
            raise TrainingError(f"the loss is {loss.item()} at step {step}; lower learning_rate")
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), config.grad_clip)
        optimizer.step()
        optimizer.zero_grad()
        _learn(model, codebooks, config, quantized, seed, step)
        if step % 200 == 0:
            curve.append(
                {"step": step, "loss": loss.item(), "variance": likelihood.variance.item()}
                | quantized.stats
            )
    result = measure(config, model, likelihood, data)
    return result | {
        "curve": curve,
        "parameters": sum(p.numel() for p in model.parameters()),
        "took": time.perf_counter() - begun,
    }


@torch.no_grad()
def _init_codebooks(
    model: MelAutoencoder,
    codebooks: CodebookLearner,
    data: Spectrograms,
    config: Variant,
    seed: int,
) -> None:
    batches = [data.batch(config.steps + index, config.batch) for index in range(4)]

    def inputs() -> list[torch.Tensor]:
        per_batch = [model.topdown(model.features(x)).inputs for x in batches]
        return [torch.cat(vectors) for vectors in zip(*per_batch, strict=True)]

    model.eval()
    codebooks.init_kmeans(inputs, seed=seed)
    model.train()


def _learn(
    model: MelAutoencoder,
    learner: CodebookLearner,
    config: Variant,
    quantized: Quantized,
    seed: int,
    step: int,
) -> None:
    if not learner.active:
        return
    codebooks = model.codebooks
    n_codebooks = torch.full((len(quantized.codes[0]),), len(codebooks))
    size = max(codebook.size for codebook in codebooks)
    learner.update(codeword_sums(quantized, n_codebooks, size))
    if config.reset_every and (step + 1) % config.reset_every == 0:
        learner.reset_dead(torch.Generator().manual_seed(seed * 10**6 + step))
