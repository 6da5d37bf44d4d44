"""The likelihood of log-mel spectrograms at several resolutions."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from speechvq.config import require, within
from speechvq.limits import WINDOWS
from speechvq.losses.likelihood import log_scale

FLOOR = 1e-5
"""Amplitude (full scale 1) below which log-mel values are equal: -100 dB."""


@dataclass(frozen=True)
class MelConfig:
    """Resolutions of the log-mel spectrograms.

    windows: window lengths in samples; hops are a quarter of them
    bands: mel bands of each resolution
    errors: the distribution of errors, "laplace" or "gaussian"
    shared: whether examples of all depths share one error scale, so that those that use few
      codebooks, which have the largest errors, count most; otherwise every depth has its own scale
      and all depths count alike
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
        within(self, WINDOWS, "windows")
        within(self, range(1, 513), "bands")
        require(
            self.errors in ("laplace", "gaussian"),
            f"errors must be laplace or gaussian, not {self.errors!r}",
        )


class MelLikelihood(nn.Module):
    """Negative log-likelihood of log-mel spectrograms under errors of the best scale.

    Errors are independent, and Laplace or Gaussian (see `speechvq.losses.likelihood`).

    values_per_second: how many spectrogram values are compared per second, the D of a second
    """

    def __init__(self, config: MelConfig, sample_rate: int) -> None:
        super().__init__()
        self.windows, self.gaussian = config.windows, config.errors == "gaussian"
        for size, bands in zip(config.windows, config.bands, strict=True):
            hann = torch.hann_window(size)
            self.register_buffer(f"window{size}", hann / hann.sum(), persistent=False)
            self.register_buffer(
                f"filters{size}", mel_filters(sample_rate, size, bands), persistent=False
            )
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
        n_groups: int,
        add: Callable[[Tensor], Tensor] = lambda sums: sums,
    ) -> tuple[Tensor, dict[str, float]]:
        """Nats of each example (b,) for waveforms (b, t), and mean absolute errors for the log.

        groups: (b,) integers below `n_groups`; examples of one group share their error scales (in
          training, those that are decoded from equally many codebooks)
        add: sums a tensor over all devices, so that the scales are those of the whole batch

        The scale enters as a constant: the gradient of D err / scale at scale = mean(err) is that
        of D log mean(err).
        """
        nats = target.new_zeros(len(target))
        stats: dict[str, float] = {}
        with torch.autocast(target.device.type, enabled=False):
            for size in self.windows:
                with torch.no_grad():
                    log_mel = self.log_mel(target.float(), size)
                errors = (self.log_mel(estimate.float(), size) - log_mel).abs()
                values = errors[0].numel()
                stats[f"mel{size}"] = errors.detach().mean().item()
                errors = (errors.square() if self.gaussian else errors).mean((1, 2))
                constant, factor, least = (
                    (2 * math.pi, 0.5, 1e-6) if self.gaussian else (2.0, 1.0, 1e-3)
                )
                nats = nats + factor * values * (
                    math.log(constant) + log_scale(errors, groups, n_groups, add, least=least)
                )
        return nats, stats


def mel_filters(sample_rate: int, size: int, bands: int) -> Tensor:
    """Triangular mel filters (size / 2 + 1, bands) on Slaney's scale, each with a peak of 1."""
    from librosa.filters import mel

    return torch.from_numpy(mel(sr=sample_rate, n_fft=size, n_mels=bands, norm=None).T.copy())
