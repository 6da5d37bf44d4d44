"""What a variant goes down: the bound, or what its paper puts in its place."""

import math

import torch
from torch import Tensor

from recipes.quantizers.autoencoder import FRAMES_PER_SECOND, MelAutoencoder
from recipes.quantizers.config import Variant
from speechvq.losses.bound import Bound
from speechvq.losses.likelihood import GaussianLikelihood
from speechvq.quantize.base import Quantized
from speechvq.quantize.joint import capacity_cost
from speechvq.quantize.vimco import vimco


def objective(
    config: Variant,
    model: MelAutoencoder,
    likelihood: GaussianLikelihood,
    x: Tensor,
    progress: float,
    generator: torch.Generator,
) -> tuple[Tensor, Quantized]:
    """The loss of a batch (b, bands, f) per spectrogram value, and the quantizers' result.

    progress: fraction of the steps done
    """
    if config.kind == "vimco":
        return _several_draws(config, model, likelihood, x, generator)
    estimate, quantized = model(x, temperature=temperature(config, progress), generator=generator)
    bound = Bound(likelihood(x, estimate), quantized.rates)
    loss = bound.distortion + _rate(config, bound, x.shape[-1] / FRAMES_PER_SECOND, progress)
    price = _price(config, model, likelihood, x)
    for name, weight in (
        ("quadratic", 1.0),
        ("commitment", price * config.commitment),
        ("codebook", price * config.codebook),
    ):
        if name in quantized.terms:
            loss = loss + weight * quantized.terms[name]
    return loss.mean() / x[0].numel(), quantized


def _price(
    config: Variant, model: MelAutoencoder, likelihood: GaussianLikelihood, x: Tensor
) -> float:
    """Nats for a unit of a latent's squared error.

    A mean over latents then weighs as much as a mean over the spectrogram.
    """
    latents = model.rates[-1] / FRAMES_PER_SECOND * x.shape[-1] * config.levels[-1].quantizer.dim
    return x[0].numel() / (2 * likelihood.variance.item() * latents)


def _rate(config: Variant, bound: Bound, seconds: float, progress: float) -> Tensor:
    """All rates, or for JointVAE how far each is from its target."""
    if not config.capacity:
        return bound.rate
    grown = min(1.0, 2 * progress) * seconds * math.log(2)
    means = bound.rates.mean(0)
    return torch.stack(
        [
            capacity_cost(rate, grown * bits, config.capacity_strength)
            for rate, bits in zip(means, config.capacity, strict=True)
        ]
    ).sum()


def _several_draws(
    config: Variant,
    model: MelAutoencoder,
    likelihood: GaussianLikelihood,
    x: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, Quantized]:
    log_f, log_q, quantized = draws(config, model, likelihood, x, generator)
    return vimco(log_f, log_q).mean() / x[0].numel(), quantized


def draws(
    config: Variant,
    model: MelAutoencoder,
    likelihood: GaussianLikelihood,
    x: Tensor,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor, Quantized]:
    """Several draws h of every example, decoded.

    Returns log p(x, h) - log q(h | x) and log q(h | x), (n, b) each, and the quantizers' result.
    """
    features = [feature.repeat(config.draws, 1, 1) for feature in model.features(x)]
    quantized = model.topdown(features, generator=generator)
    distortion = likelihood(x.repeat(config.draws, 1, 1), model.render(quantized.z)).unflatten(
        0, (config.draws, len(x))
    )
    log_q = quantized.terms["log_posterior"].unflatten(0, (config.draws, len(x)))
    pairs = zip(quantized.codes, model.codebooks, strict=True)
    log_prior = -sum(code.shape[-1] * math.log(codebook.size) for code, codebook in pairs)
    return log_prior - distortion - log_q, log_q, quantized


def temperature(config: Variant, progress: float) -> float:
    """Of relaxed draws: exponential from the first to the last over the first half."""
    first, last = config.temperature
    return first * (last / first) ** min(1.0, 2 * progress)
