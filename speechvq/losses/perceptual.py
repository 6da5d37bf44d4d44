"""Errors as hearing weighs them, for training: loudness (after PESQ) and envelopes (after STOI).

Both are likelihoods of one unknown scale, as in `losses`: an error over D values costs D log(error)
nats. They are not the measures themselves: nothing is aligned in time, silent frames are weighted
and not cut out, spectra are those of 16 kHz.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

RATE = 16_000
"""Samples a second; the tables below hold for no other rate."""

BINS = (
    "1 1 1 1 1 1 1 1 2 1 1 1 1 1 2 1 1 2 2 2 2 2 2 2 2 3 3 3 3 4 3 4 5 4 5 6 6 7 8 9 9 12 12 "
    "15 16 18 21 25 20"
)
WIDTHS = """
.1573 .3180 .3224 .3269 .3315 .3361 .3407 .3454 .3501 .3549 .3597 .3646 .3695 .3745 .3796 .3847 .3898 .3950 .4002 .4055 .4109
.4163 .4218 .4273 .4329 .4385 .4442 .4500 .4558 .4616 .4676 .4736 .4796 .4857 .4919 .4982 .5045 .5108 .5172 .5237 .5303 .5369
.5436 .5504 .5572 .5641 .5711 .5781 .5852"""
DENSITIES = """
100 100 100 100 100 100 100 100 50 100 100 100 100 100 53.05 110 117.99 65 68.76 70 71.43 75 76.84 80.97 88.65 63.86
68.16 72.55 75.58 58.38 80.95 64.14 54.38 73.82 64.44 59.18 65.52 61.4 58.14 57 64.13 54.31 61.11 55.08 56.85 55.63 53.14 54.99
79.55"""
THRESHOLDS = """
77.1 63.9 48.5 36.9 30.7 25.9 20.2 16.6 12.5 9.9 6.9 4.9 2.8 1 -.1 -1.4 -2.5 -3.4 -4.1 -4.8 -5.3 -5.7 -5.9 -6 -6 -6 -6 -5.8
-5.4 -5.1 -4.7 -4.3 -4 -3.6 -3.3 -3.1 -3 -3 -2.9 -2.8 -2.8 -2.8 -2.9 -3.2 -3.7 -4.3 -4.4 -3.8 -2.7"""
"""ITU-T P.862.2: 49 bands of a 512-point spectrum at 16 kHz: bins, widths (Bark), density factors, hearing thresholds (dB)."""


class Loudness(nn.Module):
    """Disturbance between two sounds in sones, the core of PESQ (ITU-T P.862 and P.862.2; Rix et al. 2001).

    Power spectra are filtered, brought to the listening level by the gain that the target needs,
    summed in 49 Bark bands, gains between frames levelled out, and turned into loudness (Zwicker).
    What differs by more than a quarter counts; what was added counts more than what is missing.
    PESQ gives each of the two sounds a gain of its own; a decoder learned to use that: a burst at
    the end of each example made all the rest seem quieter.

    values_per_second: as many loudnesses it compares; shortest: samples that it needs at least
    """

    values_per_second = 49 * RATE / 256
    shortest = 19 * 256
    window: Tensor
    shape: Tensor
    band: Tensor
    filters: Tensor
    widths: Tensor
    threshold: Tensor
    exponent: Tensor

    def __init__(self) -> None:
        super().__init__()
        bins, widths, densities, thresholds = (
            torch.from_numpy(np.array(table.split(), np.float32))
            for table in (BINS, WIDTHS, DENSITIES, THRESHOLDS)
        )
        self.register_buffer("window", torch.hann_window(512), persistent=False)
        turn = torch.exp(-2j * torch.pi * torch.arange(257) / 512)
        shape = (
            2.740826 * (1 - turn) ** 2 / (1 - 1.9444777 * turn + 0.94597794 * turn**2)
        )  # the wide-band input filter
        self.register_buffer("shape", shape.abs().square().float(), persistent=False)
        hertz = torch.arange(257) * (RATE / 512)
        self.register_buffer("band", ((hertz >= 325) & (hertz <= 3250)).float(), persistent=False)
        member = torch.repeat_interleave(torch.arange(49), bins.long())
        filters = functional.one_hot(member, 49).float() * densities * 6.910853e-6
        self.register_buffer(
            "filters", functional.pad(filters[1:], (0, 0, 1, 1)), persistent=False
        )  # neither 0 Hz nor 8 kHz
        self.register_buffer("widths", widths, persistent=False)
        self.register_buffer("threshold", 10 ** (thresholds / 10), persistent=False)
        centres = widths.cumsum(0) - widths / 2
        self.register_buffer(
            "exponent", 0.23 * (6 / (centres + 2)).clamp(1, 2) ** 0.15, persistent=False
        )

    def power(self, wave: Tensor) -> Tensor:
        """Power spectra (b, f, 257) of a waveform (b, t), to its very ends."""
        spectrum = torch.stft(
            wave, 512, 256, window=self.window, pad_mode="constant", return_complex=True
        )
        return (spectrum.real.square() + spectrum.imag.square()).transpose(1, 2)

    def density(self, power: Tensor, level: Tensor) -> Tensor:
        """Power density in Bark (b, f, 49) of power spectra, at a level (b,)."""
        return ((power * self.shape) @ self.filters) * level[:, None, None]

    def level(self, power: Tensor) -> Tensor:
        """The gain (b,) that brings power spectra (b, f, 257) to the listening level."""
        # 1e7 is the mean square of samples; a Hann window keeps 3/8 of it, and half of the bins are
        # here
        return 1e7 * 512 * 512 * (3 / 8) / 2 / ((power @ self.band).mean(1) + 1e-7)

    def sones(self, density: Tensor) -> Tensor:
        """Loudness density of power densities, 0 below the threshold."""
        power = (0.5 + 0.5 * density / self.threshold).clamp_min(1.0) ** self.exponent
        return 0.1866055 * (self.threshold / 0.5) ** self.exponent * (power - 1)

    def forward(self, target: Tensor, estimate: Tensor) -> Tensor:
        """Disturbance of each example (b,): what PESQ takes from 4.5. Waveforms (b, t) of at least `shortest` samples."""
        wanted, found = self.power(target), self.power(estimate)
        level = self.level(wanted)
        wanted, found = self.density(wanted, level), self.density(found, level)
        with torch.no_grad():
            ratio = (self._audible(wanted) + 5e3) / (self._audible(found) + 5e3)
            ratio = torch.cat([ratio[:, :1], 0.8 * ratio[:, 1:] + 0.2 * ratio[:, :-1]], 1).clamp(
                3e-4, 5.0
            )
        found = found * ratio.unsqueeze(2)
        loud, heard = self.sones(wanted), self.sones(found)
        difference = heard - loud
        difference = difference.sign() * (
            difference.abs() - 0.25 * torch.minimum(heard, loud)
        ).clamp_min(0)
        with torch.no_grad():
            added = ((found + 50) / (wanted + 50)) ** 1.2
            added = torch.where(added < 3, 0.0, added.clamp_max(12.0))
            weight = ((self._audible(wanted) + 1e5) / 1e7) ** -0.04
        total = self.widths[1:].sum()
        both = (self.widths * difference).square()[..., 1:].sum(2).clamp_min(
            1e-12
        ).sqrt() * total.sqrt()
        more = (self.widths * difference * added).abs()[..., 1:].sum(2)
        return 0.1 * _pooled(both * weight) + 0.0309 * _pooled(more * weight)

    def _audible(self, density: Tensor) -> Tensor:
        return torch.where(density > self.threshold, density, 0.0)[..., 1:].sum(2)


def _pooled(frames: Tensor) -> Tensor:
    """Worst parts of (b, f) count most: power mean of order 6 over 20 frames, of order 2 over those."""
    pieces = functional.pad(frames, (0, -frames.shape[1] % 10)).clamp(1e-6, 45.0).unfold(1, 20, 10)
    return pieces.pow(6).mean(2).pow(1 / 3).mean(1).sqrt()


class Envelopes(nn.Module):
    """One minus the correlation of third-octave envelopes over 0.38 s, as in ESTOI (Jensen and Taal 2016, eq. 1 to 9).

    values_per_second: half as many magnitudes it compares, as its error is a square; shortest:
      samples that it needs at least
    """

    values_per_second = 0.5 * 15 * RATE / 205
    shortest = 29 * 205
    window: Tensor
    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.size, self.hop, self.frames = 410, 205, 30  # 25.6 ms, 12.8 ms, 384 ms
        self.register_buffer("window", torch.hann_window(self.size), persistent=False)
        hertz = torch.arange(257) * (RATE / 512)
        centres = 150 * 2 ** (torch.arange(15) / 3)
        inside = (hertz[:, None] >= centres * 2 ** (-1 / 6)) & (
            hertz[:, None] < centres * 2 ** (1 / 6)
        )
        self.register_buffer("filters", inside.float(), persistent=False)

    def envelopes(self, wave: Tensor) -> Tensor:
        """Magnitudes (b, f, 15) of a waveform (b, t)."""
        spectrum = torch.stft(
            wave, 512, self.hop, self.size, self.window, pad_mode="constant", return_complex=True
        )
        power = (spectrum.real.square() + spectrum.imag.square()).transpose(1, 2)
        return (power @ self.filters + 1e-8).sqrt()

    def segments(self, wave: Tensor) -> Tensor:
        """Envelopes (b, n, 15, 30) of a waveform (b, t), 30 frames every 3 frames, with silence after the last."""
        frames = self.envelopes(wave)
        return functional.pad(frames, (0, 0, 0, -frames.shape[1] % 3)).unfold(1, self.frames, 3)

    def forward(self, target: Tensor, estimate: Tensor) -> Tensor:
        """The mean of each example (b,), segments weighted by their power to 0.3. Waveforms (b, t), `shortest` or longer."""
        wanted, found = (self.segments(wave) for wave in (target, estimate))
        with torch.no_grad():
            weights = wanted.square().mean((2, 3)) ** 0.3
            weights = weights / weights.sum(1, keepdim=True)
        return (weights * (1 - (_normal(wanted) * _normal(found)).sum((2, 3)) / self.frames)).sum(1)


def _normal(segments: Tensor) -> Tensor:
    """Segments (..., bands, frames) with mean 0 and norm 1 along time, then along frequency."""
    for axis in (-1, -2):
        segments = segments - segments.mean(axis, keepdim=True)
        segments = segments * (segments.square().sum(axis, keepdim=True) + 1e-8).rsqrt()
    return segments
