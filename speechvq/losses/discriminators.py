"""Discriminators: networks that learn to tell decoded speech from recordings.

The hinge losses and the feature-matching loss are those of SoundStream (Zeghidour et al. 2021, eq.
1 to 4) and EnCodec (Défossez et al. 2022).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import weight_norm

from speechvq.config import require, within
from speechvq.errors import shown
from speechvq.limits import WINDOWS

Output = tuple[Tensor, list[Tensor]]
"""Logits (b, n) of a discriminator, high for recordings, and the hidden features behind them."""


@dataclass(frozen=True)
class DiscriminatorsConfig:
    """Which discriminators there are, and how they learn.

    windows: of the spectral discriminators, in samples
    periods: of the period discriminators, in samples
    channels: of their first layers
    start: the fraction of training after which they come in
    learning_rate: their own, which is constant
    """

    windows: tuple[int, ...] = (1024, 512, 256)
    periods: tuple[int, ...] = ()
    channels: int = 16
    start: float = 0.0
    learning_rate: float = 2e-4

    def __post_init__(self) -> None:
        require(bool(self.windows or self.periods), "windows and periods must not both be empty")
        require(
            all(size >= 64 for size in self.windows),
            f"windows must be at least 64, not {shown(list(self.windows))}",
        )
        require(
            all(period >= 2 for period in self.periods),
            f"periods must be at least 2, not {shown(list(self.periods))}",
        )
        require(self.channels > 0, f"channels must be positive, not {self.channels}")
        within(self, WINDOWS, "windows", "periods")
        within(self, range(1, 257), "channels")
        require(
            0 <= self.start < 1,
            f"start must be at least 0 and less than 1, not {self.start}",
        )
        require(
            self.learning_rate > 0,
            f"learning_rate must be positive, not {self.learning_rate}",
        )


class SpectralDiscriminator(nn.Module):
    """2-D convolutions over a complex spectrogram, coarser and coarser in frequency (EnCodec)."""

    window: Tensor

    def __init__(self, size: int, channels: int) -> None:
        super().__init__()
        self.size = size
        hann = torch.hann_window(size)
        self.register_buffer("window", hann / hann.sum(), persistent=False)

        def layer(before: int, after: int, *, stride: int = 1, dilation: int = 1) -> nn.Module:
            # time x frequency
            return weight_norm(
                nn.Conv2d(before, after, (3, 9), (1, stride), (dilation, 4), (dilation, 1))
            )

        self.layers = nn.ModuleList(
            [
                layer(2, channels),
                *(layer(channels, channels, stride=2, dilation=dilation) for dilation in (1, 2, 4)),
                weight_norm(nn.Conv2d(channels, channels, 3, padding=1)),
            ]
        )
        self.out = weight_norm(nn.Conv2d(channels, 1, 3, padding=1))

    def forward(self, wave: Tensor) -> Output:
        """Logits and features for waveforms (b, t)."""
        options = {"center": True, "pad_mode": "constant", "return_complex": True}
        spectrum = torch.stft(
            wave, self.size, self.size // 4, window=self.window, **options
        ).transpose(1, 2)
        power = spectrum.real.square() + spectrum.imag.square()
        compressed = spectrum * (power + 1e-8) ** -0.35  # magnitudes to the power 0.3
        return _through(torch.stack([compressed.real, compressed.imag], 1), self.layers, self.out)


class PeriodDiscriminator(nn.Module):
    """Convolutions over every p-th sample, from each of p offsets (HiFi-GAN: Kong et al. 2020)."""

    def __init__(self, period: int, channels: int) -> None:
        super().__init__()
        self.period = period
        widths = [1, *(channels * 2**index for index in range(4))]
        self.layers = nn.ModuleList(
            weight_norm(nn.Conv2d(before, after, (5, 1), (3, 1), (2, 0)))
            for before, after in pairwise(widths)
        )
        self.out = weight_norm(nn.Conv2d(widths[-1], 1, (3, 1), padding=(1, 0)))

    def forward(self, wave: Tensor) -> Output:
        """Logits and features for waveforms (b, t)."""
        padded = functional.pad(wave, (0, -wave.shape[-1] % self.period))
        return _through(padded.unflatten(1, (-1, self.period)).unsqueeze(1), self.layers, self.out)


def _through(x: Tensor, layers: nn.ModuleList, out: nn.Module) -> Output:
    features = []
    for layer in layers:
        x = functional.leaky_relu(layer(x), 0.2)
        features.append(x)
    return out(x).flatten(1), features


class Discriminators(nn.Module):
    """All discriminators of a configuration."""

    def __init__(self, config: DiscriminatorsConfig) -> None:
        super().__init__()
        self.discriminators = nn.ModuleList(
            [
                *(SpectralDiscriminator(size, config.channels) for size in config.windows),
                *(PeriodDiscriminator(period, config.channels) for period in config.periods),
            ]
        )

    def forward(self, wave: Tensor) -> list[Output]:
        """The output of each discriminator for waveforms (b, t)."""
        with torch.autocast(wave.device.type, enabled=False):
            return [discriminator(wave.float()) for discriminator in self.discriminators]


def discriminator_loss(real: Sequence[Output], decoded: Sequence[Output]) -> Tensor:
    """The mean over discriminators of max(0, 1 - D(x)) + max(0, 1 + D(y))."""
    losses = [
        (1 - x).relu().mean() + (1 + y).relu().mean()
        for (x, _), (y, _) in zip(real, decoded, strict=True)
    ]
    return torch.stack(losses).mean()


def generator_loss(decoded: Sequence[Output]) -> Tensor:
    """The mean over discriminators of max(0, 1 - D(y)) for each example (b,)."""
    return torch.stack([(1 - y).relu().mean(1) for y, _ in decoded]).mean(0)


def feature_matching(real: Sequence[Output], decoded: Sequence[Output]) -> Tensor:
    """The distance between features of each example (b,), relative to their size in recordings."""
    errors = []
    for (_, real_features), (_, decoded_features) in zip(real, decoded, strict=True):
        for x, y in zip(real_features, decoded_features, strict=True):
            errors.append(
                (x.detach() - y).abs().flatten(1).mean(1) / x.detach().abs().mean().clamp_min(1e-5)
            )
    return torch.stack(errors).mean(0)
