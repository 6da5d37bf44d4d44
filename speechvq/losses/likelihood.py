"""Training objectives: named raw terms here, one weighted sum at the end.

The reconstruction is a likelihood: log-mel spectrograms at several resolutions, each with
independent Laplace errors of one unknown scale. Its best scale is the mean absolute error, so the
negative log-likelihood of D values is

    D (log(2 mae) + 1)   nats

the Laplace twin of the log-of-the-mean-square of SQ-VAE and of AR-ELBO (Takida et al. 2021, 2022),
which is here too for models of spectrograms. As the error falls the likelihood sharpens, and with
it the learned variances of the quantizers. Low frequencies have a likelihood of their phase too.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from speechvq.config import require
from speechvq.errors import ConfigError
from speechvq.nn.precision import precise

FLOOR = 1e-5
"""Amplitude (full scale 1) below which log-mel values are equal: -100 dB."""


@dataclass(frozen=True)
class MelConfig:
    """Resolutions of the log-mel spectrograms: window lengths in samples (hops are a quarter), mel bands of each.

    errors: how they are distributed, "laplace" or "gaussian"
    shared: one error scale for examples of all depths, so that those with few codebooks, which have
      the largest errors, count most; else every depth has its own and all count alike
    """

    windows: tuple[int, ...] = (2048, 1024, 512, 256, 128)
    bands: tuple[int, ...] = (192, 128, 88, 44, 22)
    errors: str = "laplace"
    shared: bool = False

    def __post_init__(self) -> None:
        require(
            len(self.windows) == len(self.bands) > 0,
            "windows and bands must be equally long",
        )
        require(
            self.errors in ("laplace", "gaussian"),
            f"errors must be laplace or gaussian, not {self.errors!r}",
        )


class MelLikelihood(nn.Module):
    """Negative log-likelihood of log-mel spectrograms under Laplace or Gaussian errors of the best scale.

    values_per_second: how many spectrogram values one second is measured by, the D of a second
    """

    def __init__(self, config: MelConfig, sample_rate: int) -> None:
        super().__init__()
        from librosa.filters import mel

        self.windows, self.gaussian, self.shared = (
            config.windows,
            config.errors == "gaussian",
            config.shared,
        )
        for size, bands in zip(config.windows, config.bands, strict=True):
            hann = torch.hann_window(size)
            self.register_buffer(f"window{size}", hann / hann.sum(), persistent=False)
            filters = torch.from_numpy(
                mel(sr=sample_rate, n_fft=size, n_mels=bands, norm=None).T.copy()
            )
            self.register_buffer(f"filters{size}", filters, persistent=False)
        pairs = zip(config.windows, config.bands, strict=True)
        self.values_per_second = sum(sample_rate / (size // 4) * bands for size, bands in pairs)

    def log_mel(self, wave: Tensor, size: int) -> Tensor:
        """Log-mel amplitude (b, f, bands) of a waveform (b, t), in nats."""
        window, filters = self.get_buffer(f"window{size}"), self.get_buffer(f"filters{size}")
        spectrum = torch.stft(
            wave,
            size,
            size // 4,
            window=window,
            center=True,
            pad_mode="constant",
            return_complex=True,
        )
        power = spectrum.real.square() + spectrum.imag.square()
        return 0.5 * (power.transpose(1, 2) @ filters).clamp_min(FLOOR**2).log()

    def forward(
        self,
        target: Tensor,
        estimate: Tensor,
        groups: Tensor,
        kinds: int,
        add: Callable[[Tensor], Tensor] = lambda sums: sums,
    ) -> tuple[Tensor, dict[str, float]]:
        """Nats for each example (b,), for waveforms (b, t).

        groups (b,) are whole numbers below `kinds`: examples with the same number share their error
        scales (in training, those that decode from equally many codebooks). add sums a tensor over all
        devices: the scales are those of the whole batch.

        The scale enters as a constant: the gradient of D err/scale at scale = mean(err) is that of
        D log mean(err). The numbers for the log are mean absolute errors.
        """
        nats = target.new_zeros(len(target))
        stats: dict[str, float] = {}
        with torch.autocast(target.device.type, enabled=False):
            for size in self.windows:
                with torch.no_grad():
                    wanted = self.log_mel(target.float(), size)
                errors = (self.log_mel(estimate.float(), size) - wanted).abs()
                values = errors[0].numel()
                stats[f"mel{size}"] = errors.detach().mean().item()
                errors = (errors.square() if self.gaussian else errors).mean((1, 2))
                constant, share, least = (
                    (2 * math.pi, 0.5, 1e-6) if self.gaussian else (2.0, 1.0, 1e-3)
                )
                nats = nats + share * values * (
                    math.log(constant) + log_scale(errors, groups, kinds, add, least=least)
                )
        return nats, stats


def log_scale(
    errors: Tensor,
    groups: Tensor,
    kinds: int,
    add: Callable[[Tensor], Tensor] = lambda sums: sums,
    *,
    least: float = 1e-3,
) -> Tensor:
    """log(scale) + error / scale of errors (b,), where the scale is the mean error of the group (b,), a constant.

    groups are whole numbers below `kinds`; add sums a tensor over all devices. Its gradient is that
    of log(mean error).
    """
    with torch.no_grad():
        sums = errors.new_zeros(2, kinds)
        sums[0].index_add_(0, groups, errors)
        sums[1].index_add_(0, groups, torch.ones_like(errors))
        sums = add(sums)
        scale = (sums[0] / sums[1].clamp_min(1)).clamp_min(least)[groups]
    return scale.log() + errors / scale


@dataclass(frozen=True)
class PhaseConfig:
    """Where phases are compared: window length in samples (the hop is a quarter) and the highest frequency in Hz."""

    window: int = 512
    highest: float = 640.0


class PhaseLikelihood(nn.Module):
    """Negative log-likelihood, up to a constant, of the phases of low frequencies under von Mises errors of concentration 1.

    Log-mel spectrograms leave the phase free. Where the first harmonics keep theirs, decoded sound
    lines up with the original. Errors weigh as the magnitude to the power 0.6, relative to its mean
    in the example; the weight of this term in the total is the concentration.
    """

    window: Tensor

    def __init__(self, config: PhaseConfig, sample_rate: int) -> None:
        super().__init__()
        hann = torch.hann_window(config.window)
        self.register_buffer("window", hann / hann.sum(), persistent=False)
        self.last = int(config.highest * config.window / sample_rate)

    def spectrum(self, wave: Tensor) -> Tensor:
        """The low bins but the first (b, bins, f), complex, of a waveform (b, t)."""
        size = len(self.window)
        options = {"center": True, "pad_mode": "constant", "return_complex": True}
        return torch.stft(wave, size, size // 4, window=self.window, **options)[
            :, 1 : self.last + 1
        ]

    def forward(self, target: Tensor, estimate: Tensor) -> tuple[Tensor, Tensor]:
        """Nats for each example (b,), and the weighted mean cosine of the errors (b,), for waveforms (b, t)."""
        with torch.autocast(target.device.type, enabled=False):
            with torch.no_grad():
                wanted = self.spectrum(target.float())
                magnitude = wanted.abs().clamp_min(FLOOR)
                weights = magnitude**0.6
                weights = weights / weights.mean((1, 2), keepdim=True)
                wanted = wanted / magnitude
            found = self.spectrum(estimate.float())
            # the floor keeps the gradient small where the estimate has no phase to speak of
            length = (found.real.square() + found.imag.square() + (0.1 * magnitude).square()).sqrt()
            cosine = (wanted.real * found.real + wanted.imag * found.imag) / length
            return (weights * (1 - cosine)).sum((1, 2)), (weights * cosine).detach().mean((1, 2))


class GaussianLikelihood(nn.Module):
    """Negative log-likelihood under independent Gaussian errors of one learned variance, as in the papers.

    In training the variance is the best one for the batch, its mean squared error (AR-ELBO: Takida
    et al. 2021): the gradient is that of D/2 log(mse). In eval mode it is the running mean of what
    it was.

    variance: sigma^2, a scalar; 0 before the first batch
    """

    variance: Tensor

    def __init__(self, *, keep: float = 0.99) -> None:
        super().__init__()
        self.keep = keep
        self.register_buffer("variance", torch.zeros(()))

    def forward(
        self, target: Tensor, estimate: Tensor, add: Callable[[Tensor], Tensor] = lambda sums: sums
    ) -> Tensor:
        """Nats for each example (b,), for anything (b, ...). add sums a tensor over all devices: the variance is theirs."""
        with torch.autocast(target.device.type, enabled=False):
            if not (self.training or self.variance):
                raise ValueError(
                    "the likelihood has no variance yet: it is learned from training batches"
                )
            errors = (precise(target) - precise(estimate)).square().flatten(1)
            values = errors.shape[1]
            errors = errors.sum(1)
            variance = self.variance
            if self.training:
                sums = add(
                    torch.stack(
                        [errors.detach().sum(), errors.new_tensor(float(len(errors) * values))]
                    )
                )
                variance = (sums[0] / sums[1]).clamp_min(1e-8)
                self.variance.copy_(
                    self.keep * self.variance + (1 - self.keep) * variance
                    if self.variance
                    else variance
                )
            return 0.5 * (values * (2 * math.pi * variance).log() + errors / variance)


def total(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """The weighted sum of named terms.

    Raises ConfigError when a name has no weight or a weight has no term: a misspelt weight must not
    go unnoticed.
    """
    if terms.keys() != weights.keys():
        raise ConfigError(
            f"losses are {sorted(terms)}, but weights are given for {sorted(weights)}"
        )
    return torch.stack([weights[name] * value for name, value in terms.items()]).sum()
