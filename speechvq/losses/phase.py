"""The likelihood of the phases of low frequencies."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from speechvq.config import within
from speechvq.limits import WINDOWS

FLOOR = 1e-5
"""Amplitude (full scale 1) below which a bin counts as this loud."""


@dataclass(frozen=True)
class PhaseConfig:
    """Where phases are compared.

    window: window length in samples; the hop is a quarter of it
    highest: the highest frequency in Hz
    """

    window: int = 512
    highest: float = 640.0

    def __post_init__(self) -> None:
        within(self, WINDOWS, "window")


class PhaseLikelihood(nn.Module):
    """Negative log-likelihood, up to a constant, of the phases of low frequencies.

    Errors are von Mises with concentration 1. Log-mel spectrograms leave the phase free. Where the
    first harmonics keep theirs, decoded sound lines up with the original. Errors weigh as the
    magnitude to the power 0.6, relative to its mean in the example; the weight of this term in the
    total is the concentration.
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
        """Nats (b,) and the weighted mean cosine of the errors (b,), for waveforms (b, t)."""
        with torch.autocast(target.device.type, enabled=False):
            with torch.no_grad():
                original = self.spectrum(target.float())
                magnitude = original.abs().clamp_min(FLOOR)
                weights = magnitude**0.6
                weights = weights / weights.mean((1, 2), keepdim=True)
                unit = original / magnitude
            decoded = self.spectrum(estimate.float())
            # the floor keeps the gradient small where the estimate has hardly any phase
            length = (
                decoded.real.square() + decoded.imag.square() + (0.1 * magnitude).square()
            ).sqrt()
            cosine = (unit.real * decoded.real + unit.imag * decoded.imag) / length
            return (weights * (1 - cosine)).sum((1, 2)), (weights * cosine).detach().mean((1, 2))
