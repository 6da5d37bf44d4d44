"""Measures of a trained variant on complete validation files."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from recipes.quantizers.autoencoder import FRAMES_PER_SECOND, MelAutoencoder
from recipes.quantizers.classical import FrameKMeans
from recipes.quantizers.config import Variant
from recipes.quantizers.data import Spectrograms
from recipes.quantizers.objective import draws, temperature
from speechvq.losses.bound import Bound
from speechvq.losses.likelihood import GaussianLikelihood
from speechvq.quantize.vimco import vimco
from speechvq.train.codec.diagnostics import Usage

Model = MelAutoencoder | FrameKMeans

FITTING_BATCHES = 20
"""Training batches that the likelihood's variance is fitted to before validation."""


@torch.inference_mode()
def measure(
    config: Variant, model: Model, likelihood: GaussianLikelihood, data: Spectrograms
) -> dict[str, Any]:
    """Measure a trained variant on complete validation files.

    Errors in dB, bounds in bits per dimension at a precision of 1 dB, rates in bits per second, and
    the usage of every codebook.
    """
    files = [x[..., : x.shape[-1] // model.frames * model.frames] for x in data.validation]
    model.eval()
    codebooks = len(model.codebooks)
    usage, prefixes, swapped = Usage(model.codebooks), [0.0] * codebooks, [0.0] * codebooks
    generator = torch.Generator().manual_seed(0)
    inputs = [list[Tensor]() for _ in range(codebooks)]
    for x in files:
        _, quantized = model(x)
        usage.add(quantized)
        for vectors, more in zip(inputs, quantized.inputs, strict=False):
            vectors.append(more[0])
        for codebook in range(codebooks):
            n_codebooks = torch.full((1,), codebook + 1)
            prefixes[codebook] += _squared(model(x, n_codebooks)[0], x)
            swapped[codebook] += (
                _squared(_with_random(model, quantized.codes, codebook, generator), x)
                if model.decodes
                else math.nan
            )
    values = sum(x.numel() for x in files)
    result: dict[str, Any] = {
        "hard": _bound(config, model, likelihood, data, files, "hard", generator)
    }
    if config.draws_in_training != "none":
        result["drawn"] = _bound(config, model, likelihood, data, files, "drawn", generator)
    if config.draws_in_training == "relaxed":
        result["soft"] = _relaxed(config, model, files, generator, data.scale)
    numbers = usage.numbers()
    nominal = sum(rate * math.log2(size) for rate, size in model.code_rates)
    coded = [
        rate * math.log2(numbers[f"codebook{i}/perplexity"])
        for i, (rate, _) in enumerate(model.code_rates)
    ]
    return result | {
        "prefixes": [data.scale * math.sqrt(total / values) for total in prefixes],
        "swapped": [data.scale * math.sqrt(total / values) for total in swapped],
        "nominal": nominal,
        "entropy": sum(coded),
        "usage": numbers,
        "dimensions": [_dimensions(torch.cat(vectors, 1)) for vectors in inputs if vectors],
        "decodes": model.decodes,
        "sizes": [size for _, size in model.code_rates],
    }


def _bound(
    config: Variant,
    model: Model,
    likelihood: GaussianLikelihood,
    data: Spectrograms,
    files: list[Tensor],
    how: str,
    generator: torch.Generator,
) -> dict[str, float]:
    """The bound on hard or exactly drawn codes, and the error that goes with it.

    A hard code costs log K, a draw the KL divergence from the prior.

    The variance of the likelihood is that on training batches seen by no step. Where codes are not
    all there is, hard ones give no bound. With VIMCO also the bound of several draws.
    """
    model.train(how == "drawn")
    batches = [data.batch(2 * config.steps + step, 16) for step in range(FITTING_BATCHES)]
    squared = sum(_squared(model(x, temperature=0.0, generator=generator)[0], x) for x in batches)
    likelihood.variance.fill_(squared / sum(x.numel() for x in batches))
    likelihood.eval()
    bits, rate, several, squared = 0.0, 0.0, 0.0, 0.0
    for x in files:
        estimate, quantized = model(x, temperature=0.0, generator=generator)
        squared += _squared(estimate, x)
        bound = Bound(likelihood(x, estimate), quantized.rates)
        bits += bound.bits_per_dimension(1).item()
        rate += bound.rate.item() / math.log(2)
        if how == "drawn" and config.kind == "vimco" and isinstance(model, MelAutoencoder):
            several += vimco(*draws(config, model, likelihood, x, generator)[:2]).item() / math.log(
                2
            )
    values, seconds = (
        sum(x.numel() for x in files),
        sum(x.shape[-1] for x in files) / FRAMES_PER_SECOND,
    )
    numbers = {"rmse": data.scale * math.sqrt(squared / values)}
    if how == "drawn" or model.decodes:
        to_decibels = math.log2(data.scale)
        numbers |= {"bits_per_dimension": bits / values + to_decibels, "rate": rate / seconds}
        numbers |= {"several_draws": several / values + to_decibels} if several else {}
    return numbers


def _relaxed(
    config: Variant, model: Model, files: list[Tensor], generator: torch.Generator, scale: float
) -> float:
    """The error in dB with draws as soft as at the end of training.

    What hard codes have more is the soft-hard gap.
    """
    model.train()
    coldest = temperature(config, 1.0)
    squared = sum(_squared(model(x, temperature=coldest, generator=generator)[0], x) for x in files)
    return scale * math.sqrt(squared / sum(x.numel() for x in files))


def _dimensions(vectors: Tensor) -> float:
    """In how many dimensions vectors (d, n) spread, 1 to d.

    The participation ratio of the eigenvalues of their covariance.
    """
    spread = torch.linalg.eigvalsh(torch.cov(vectors))
    return (spread.sum().square() / spread.square().sum()).item()


def _squared(estimate: Tensor, x: Tensor) -> float:
    return functional.mse_loss(estimate, x, reduction="sum").item()


def _with_random(
    model: Model, codes: tuple[Tensor, ...], codebook: int, generator: torch.Generator
) -> Tensor:
    """The spectrogram when the codes of one codebook are replaced by random ones."""
    size = model.code_rates[codebook][1]
    changed = list(codes)
    changed[codebook] = torch.randint(size, codes[codebook].shape, generator=generator)
    return model.decode(changed)
