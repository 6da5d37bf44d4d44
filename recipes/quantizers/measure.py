"""What a trained variant does on whole validation files."""

import math
from typing import Any

import torch
from autoencoder import FRAMES_PER_SECOND, MelAutoencoder
from config import Variant
from data import Spectrograms
from objective import temperature
from torch import Tensor
from torch.nn import functional

from speechvq.losses import GaussianLikelihood
from speechvq.train.usage import Usage

FITTING_BATCHES = 20
"""Training batches that the variance of the likelihood is fitted on before it is judged on validation files."""


@torch.inference_mode()
def measure(config: Variant, model: MelAutoencoder, likelihood: GaussianLikelihood, data: Spectrograms) -> dict[str, Any]:
    """Errors in dB, bounds in bits per dimension at a precision of 1 dB, rates in bits per second, usage of every layer."""
    files = [x[..., : x.shape[-1] // model.frames * model.frames] for x in data.validation]
    model.eval()
    layers = len(model.topdown.layers)
    usage, prefixes, swapped = Usage(model.topdown.layers), [0.0] * layers, [0.0] * layers
    generator = torch.Generator().manual_seed(0)
    for x in files:
        _, quantized = model(x)
        usage.add(quantized)
        for layer in range(layers):
            depth = torch.full((1,), layer + 1)
            prefixes[layer] += _squared(model(x, depth)[0], x)
            swapped[layer] += (
                _squared(_with_random(model, quantized.codes, layer, generator), x) if _decodes(model) else math.nan
            )
    values = sum(x.numel() for x in files)
    kind = config.levels[0].quantizer
    result: dict[str, Any] = {"hard": _bound(model, likelihood, data, files, "hard", generator)}
    if kind not in ("vq", "cosine", "none"):
        result["drawn"] = _bound(model, likelihood, data, files, "drawn", generator)
    if kind in ("sq", "gumbel", "joint"):
        result["soft"] = _relaxed(config, model, files, generator, data.scale)
    numbers = usage.numbers()
    nominal = sum(rate * math.log2(size) for rate, size in model.layer_rates)
    coded = [rate * math.log2(numbers[f"layer{i}/perplexity"]) for i, (rate, _) in enumerate(model.layer_rates)]
    return result | {
        "prefixes": [data.scale * math.sqrt(total / values) for total in prefixes],
        "swapped": [data.scale * math.sqrt(total / values) for total in swapped],
        "nominal": nominal,
        "entropy": sum(coded),
        "usage": numbers,
        "sizes": [size for _, size in model.layer_rates],
    }


def _bound(
    model: MelAutoencoder,
    likelihood: GaussianLikelihood,
    data: Spectrograms,
    files: list[Tensor],
    how: str,
    generator: torch.Generator,
) -> dict[str, float]:
    """The bound on hard codes (every code costs log K) or on exact draws (KL to the prior), and the error that goes with it.

    Where codes are not all there is, hard ones give no bound.
    """
    model.train(how == "drawn")
    batches = [data.batch(step, 16) for step in range(FITTING_BATCHES)]
    variance = sum(_squared(model(x, temperature=0.0, generator=generator)[0], x) for x in batches) / sum(
        x.numel() for x in batches
    )
    likelihood.variance.fill_(variance)
    likelihood.eval()
    squared, distortion, rate, values, seconds = 0.0, 0.0, 0.0, 0, 0.0
    for x in files:
        estimate, quantized = model(x, temperature=0.0, generator=generator)
        squared += _squared(estimate, x)
        distortion += likelihood(x, estimate).sum().item()
        rate += _nominal(model, x) if how == "hard" else quantized.rates.sum().item()
        values, seconds = values + x.numel(), seconds + x.shape[-1] / FRAMES_PER_SECOND
    bits = (distortion + rate) / (values * math.log(2)) + math.log2(data.scale)
    found = {"rmse": data.scale * math.sqrt(squared / values)}
    if how == "drawn" or _decodes(model):
        found |= {"bits_per_dimension": bits, "rate": rate / (seconds * math.log(2))}
    return found


def _nominal(model: MelAutoencoder, x: Tensor) -> float:
    seconds = x.shape[-1] / FRAMES_PER_SECOND
    return sum(rate * seconds * math.log(size) for rate, size in model.layer_rates)


def _relaxed(config: Variant, model: MelAutoencoder, files: list[Tensor], generator: torch.Generator, scale: float) -> float:
    """The error in dB with draws as soft as at the end of training: the soft-hard gap is what hard codes have more."""
    model.train()
    heat = temperature(config, 1.0)
    squared = sum(_squared(model(x, temperature=heat, generator=generator)[0], x) for x in files)
    return scale * math.sqrt(squared / sum(x.numel() for x in files))


def _squared(estimate: Tensor, x: Tensor) -> float:
    return functional.mse_loss(estimate, x, reduction="sum").item()


def _decodes(model: MelAutoencoder) -> bool:
    return all(
        len(level.quantizers.layers) == depth for level, depth in zip(model.topdown.levels, model.topdown.depths, strict=True)
    )


def _with_random(model: MelAutoencoder, codes: tuple[Tensor, ...], layer: int, generator: torch.Generator) -> Tensor:
    """The spectrogram when the codes of one layer are replaced by random ones."""
    size = model.layer_rates[layer][1]
    changed = list(codes)
    changed[layer] = torch.randint(size, codes[layer].shape, generator=generator)
    return model.render(model.topdown.decode(changed))
