"""An error as hearing weighs it, for training: the core of PESQ.

It is not the measure itself: nothing is aligned in time, and the estimate has no gain of its own.
As a loss it is a likelihood of one unknown scale, as in `speechvq.losses.likelihood`: an error over
D values costs D log(error) nats.

Constants have the names that the reference implementation of ITU-T P.862 gives them, its `_16k`
left out; the input filter is that of its wide-band extension P.862.2.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

SAMPLE_RATE = 16_000
"""In Hz; the tables below hold for no other rate."""

FRAME, HOP = 512, 256
"""Samples of a frame of 32 ms, half of which overlaps with the next."""

NUMBER_OF_HZ_BANDS_PER_BARK_BAND = """
1 1 1 1 1 1 1 1 2 1 1 1 1 1 2 1 1 2 2 2 2 2 2 2 2 3 3 3 3 4 3 4 5 4 5 6 6 7 8 9 9 12 12 15
16 18 21 25 20"""
"""How many bins of a 512-point spectrum make up each of the 49 bands."""

WIDTH_OF_BAND_BARK = """
.1573 .3180 .3224 .3269 .3315 .3361 .3407 .3454 .3501 .3549 .3597 .3646 .3695 .3745 .3796
.3847 .3898 .3950 .4002 .4055 .4109 .4163 .4218 .4273 .4329 .4385 .4442 .4500 .4558 .4616
.4676 .4736 .4796 .4857 .4919 .4982 .5045 .5108 .5172 .5237 .5303 .5369 .5436 .5504 .5572
.5641 .5711 .5781 .5852"""
"""How wide each band is, in Bark."""

POW_DENS_CORRECTION_FACTOR = """
100 100 100 100 100 100 100 100 50 100 100 100 100 100 53.05 110 117.99 65 68.76 70 71.43 75
76.84 80.97 88.65 63.86 68.16 72.55 75.58 58.38 80.95 64.14 54.38 73.82 64.44 59.18 65.52
61.4 58.14 57 64.13 54.31 61.11 55.08 56.85 55.63 53.14 54.99 79.55"""
"""What the power of each band is multiplied by."""

ABS_THRESH_POWER = """
77.1 63.9 48.5 36.9 30.7 25.9 20.2 16.6 12.5 9.9 6.9 4.9 2.8 1 -.1 -1.4 -2.5 -3.4 -4.1 -4.8
-5.3 -5.7 -5.9 -6 -6 -6 -6 -5.8 -5.4 -5.1 -4.7 -4.3 -4 -3.6 -3.3 -3.1 -3 -3 -2.9 -2.8 -2.8
-2.8 -2.9 -3.2 -3.7 -4.3 -4.4 -3.8 -2.7"""
"""The hearing threshold of each band, in dB."""

SP, SL = 6.910853e-6, 0.1866055
"""Calibration of power and of loudness."""

TARGET_AVG_POWER = 1e7
"""The mean square of samples at the listening level, between 325 and 3250 Hz."""

WB_INPUT_GAIN, WB_INPUT_POLES = 2.740826, (-1.9444777, 0.94597794)
"""The wide-band input filter of P.862.2, gain (1 - z)^2 / (1 + a z + b z^2) for a delay z."""

ZWICKER_POWER = 0.23
"""Loudness grows with power to this exponent, which is larger below 4 Bark."""

LOCAL_GAIN = (3e-4, 5.0)
"""The range of the gain of a frame."""

MASKED = 0.25
"""Differences of less than this share of the smaller loudness are not heard."""

ASYMMETRY_EXPONENT, ASYMMETRY_RANGE = 1.2, (3.0, 12.0)
"""Of the factor by which added sound counts more; below the range it is 0."""

MAX_DISTURBANCE = 45.0
"""The largest disturbance of a frame."""

D_WEIGHT, A_WEIGHT = 0.1, 0.0309
"""What symmetric and asymmetric disturbance take from 4.5."""


class PesqLike(nn.Module):
    """Disturbance between two sounds, the core of PESQ (ITU-T P.862; Rix et al. 2001).

    Power spectra are filtered, brought to the listening level by the gain that the target needs,
    summed in 49 Bark bands, their gains leveled out between frames, and turned into loudness
    (Zwicker). Differences of more than a quarter count; sound that was added counts more than sound
    that is missing. PESQ gives each of the two sounds a gain of its own; a decoder learned to use
    that: a burst at the end of each example made all the rest seem quieter.

    values_per_second: as many as the loudness values it compares
    shortest: how many samples it needs at least
    """

    values_per_second = 49 * SAMPLE_RATE / HOP
    shortest = 19 * HOP
    window: Tensor
    response: Tensor
    level_bins: Tensor
    filters: Tensor
    widths: Tensor
    threshold: Tensor
    exponent: Tensor

    def __init__(self) -> None:
        super().__init__()
        bins, widths, factors, thresholds = (
            torch.from_numpy(np.array(values.split(), np.float32))
            for values in (
                NUMBER_OF_HZ_BANDS_PER_BARK_BAND,
                WIDTH_OF_BAND_BARK,
                POW_DENS_CORRECTION_FACTOR,
                ABS_THRESH_POWER,
            )
        )
        delay = torch.exp(-2j * torch.pi * torch.arange(257) / FRAME)
        a, b = WB_INPUT_POLES
        response = WB_INPUT_GAIN * (1 - delay) ** 2 / (1 + a * delay + b * delay**2)
        hertz = torch.arange(257) * (SAMPLE_RATE / FRAME)
        band = torch.repeat_interleave(torch.arange(49), bins.long())
        filters = functional.one_hot(band, 49).float() * factors * SP
        centers = widths.cumsum(0) - widths / 2
        exponent = ZWICKER_POWER * (6 / (centers + 2)).clamp(1, 2) ** 0.15
        for name, values in (
            ("window", torch.hann_window(FRAME)),
            ("response", response.abs().square().float()),
            ("level_bins", ((hertz >= 325) & (hertz <= 3250)).float()),
            ("filters", functional.pad(filters[1:], (0, 0, 1, 1))),  # neither 0 Hz nor 8 kHz
            ("widths", widths),
            ("threshold", 10 ** (thresholds / 10)),
            ("exponent", exponent),
        ):
            self.register_buffer(name, values, persistent=False)

    def power(self, wave: Tensor) -> Tensor:
        """Power spectra (b, f, 257) of a waveform (b, t), to its very ends."""
        spectrum = torch.stft(
            wave, FRAME, HOP, window=self.window, pad_mode="constant", return_complex=True
        )
        return (spectrum.real.square() + spectrum.imag.square()).transpose(1, 2)

    def density(self, power: Tensor, gain: Tensor) -> Tensor:
        """Power density in Bark (b, f, 49) of power spectra, after a gain (b,)."""
        return ((power * self.response) @ self.filters) * gain[:, None, None]

    def gain(self, power: Tensor) -> Tensor:
        """The gain (b,) that brings power spectra (b, f, 257) to the listening level."""
        # a Hann window keeps 3/8 of the mean square, and half of the bins are here
        level = TARGET_AVG_POWER * FRAME * FRAME * (3 / 8) / 2
        return level / ((power @ self.level_bins).mean(1) + 1e-7)

    def loudness(self, density: Tensor) -> Tensor:
        """Loudness density in sones of power densities, 0 below the threshold."""
        power = (0.5 + 0.5 * density / self.threshold).clamp_min(1.0) ** self.exponent
        return SL * (self.threshold / 0.5) ** self.exponent * (power - 1)

    def forward(self, target: Tensor, estimate: Tensor) -> Tensor:
        """Disturbance of each example (b,), what PESQ takes from 4.5, for waveforms (b, t).

        Waveforms have `shortest` samples or more.
        """
        power, decoded_power = self.power(target), self.power(estimate)
        gain = self.gain(power)
        original, decoded = self.density(power, gain), self.density(decoded_power, gain)
        with torch.no_grad():
            ratio = (self._audible(original) + 5e3) / (self._audible(decoded) + 5e3)
            ratio = torch.cat([ratio[:, :1], 0.8 * ratio[:, 1:] + 0.2 * ratio[:, :-1]], 1)
        decoded = decoded * ratio.clamp(*LOCAL_GAIN).unsqueeze(2)
        loudness, decoded_loudness = self.loudness(original), self.loudness(decoded)
        difference = decoded_loudness - loudness
        masked = MASKED * torch.minimum(decoded_loudness, loudness)
        difference = difference.sign() * (difference.abs() - masked).clamp_min(0)
        with torch.no_grad():
            lowest, highest = ASYMMETRY_RANGE
            factor = ((decoded + 50) / (original + 50)) ** ASYMMETRY_EXPONENT
            factor = torch.where(factor < lowest, 0.0, factor.clamp_max(highest))
            weight = ((self._audible(original) + 1e5) / 1e7) ** -0.04
        width = self.widths[1:].sum()
        symmetric = (self.widths * difference).square()[..., 1:].sum(2).clamp_min(
            1e-12
        ).sqrt() * width.sqrt()
        asymmetric = (self.widths * difference * factor).abs()[..., 1:].sum(2)
        return D_WEIGHT * _pooled(symmetric * weight) + A_WEIGHT * _pooled(asymmetric * weight)

    def _audible(self, density: Tensor) -> Tensor:
        return torch.where(density > self.threshold, density, 0.0)[..., 1:].sum(2)


def _pooled(frames: Tensor) -> Tensor:
    """The worst parts of (b, f) count most.

    A power mean of order 6 over 20 frames, and of order 2 over those.
    """
    padded = functional.pad(frames, (0, -frames.shape[1] % 10)).clamp(1e-6, MAX_DISTURBANCE)
    return padded.unfold(1, 20, 10).pow(6).mean(2).pow(1 / 3).mean(1).sqrt()
