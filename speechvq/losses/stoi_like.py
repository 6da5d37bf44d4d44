"""An error as intelligibility weighs it, for training: the core of ESTOI.

It is not the measure itself: silent frames are weighted and not cut out, and spectra are those of
16 kHz instead of 10 kHz. As a loss it is a likelihood of one unknown scale, as in
`speechvq.losses.likelihood`: an error over D values costs D log(error) nats.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

SAMPLE_RATE = 16_000
"""In Hz; the loss holds for no other rate."""

TRANSFORM, FRAME, HOP = 512, 410, 205
"""Samples: of the Fourier transform, of a frame of 25.6 ms, of a hop of 12.8 ms.

STOI has 256 and 128 at 10 kHz.
"""

BANDS, LOWEST = 15, 150.0
"""Third-octave bands, the lowest centred at 150 Hz (Taal et al. 2011, section II.A)."""

SEGMENT, STEP = 30, 3
"""Frames of a segment of 384 ms (the N of Taal et al. 2011), and from a segment to the next."""

LOUDNESS_EXPONENT = 0.3
"""Segments are weighted by their power to this exponent, as loudness grows with power."""


class StoiLike(nn.Module):
    """One minus the correlation of third-octave envelopes over 0.38 s.

    As in ESTOI (Jensen and Taal 2016, "An Algorithm for Predicting the Intelligibility of Speech
    Masked by Modulated Noise Maskers", eq. 1 to 9).

    values_per_second: half as many as the magnitudes it compares, as its error is a square
    shortest: how many samples it needs at least
    """

    values_per_second = 0.5 * BANDS * SAMPLE_RATE / HOP
    shortest = (SEGMENT - 1) * HOP
    window: Tensor
    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(FRAME), persistent=False)
        hertz = torch.arange(TRANSFORM // 2 + 1) * (SAMPLE_RATE / TRANSFORM)
        centers = LOWEST * 2 ** (torch.arange(BANDS) / 3)
        inside = (hertz[:, None] >= centers * 2 ** (-1 / 6)) & (
            hertz[:, None] < centers * 2 ** (1 / 6)
        )
        self.register_buffer("filters", inside.float(), persistent=False)

    def envelopes(self, wave: Tensor) -> Tensor:
        """Magnitudes (b, f, bands) of a waveform (b, t)."""
        spectrum = torch.stft(
            wave, TRANSFORM, HOP, FRAME, self.window, pad_mode="constant", return_complex=True
        )
        power = (spectrum.real.square() + spectrum.imag.square()).transpose(1, 2)
        return (power @ self.filters + 1e-8).sqrt()

    def segments(self, wave: Tensor) -> Tensor:
        """Envelopes (b, n, bands, 30) of a waveform (b, t) padded with silence to full segments."""
        frames = self.envelopes(wave)
        return functional.pad(frames, (0, 0, 0, -frames.shape[1] % STEP)).unfold(1, SEGMENT, STEP)

    def forward(self, target: Tensor, estimate: Tensor) -> Tensor:
        """The mean error of each example (b,) over its segments, for waveforms (b, t).

        Waveforms have `shortest` samples or more.
        """
        original, decoded = (self.segments(wave) for wave in (target, estimate))
        with torch.no_grad():
            weights = original.square().mean((2, 3)) ** LOUDNESS_EXPONENT
            weights = weights / weights.sum(1, keepdim=True)
        correlation = (_normalized(original) * _normalized(decoded)).sum((2, 3)) / SEGMENT
        return (weights * (1 - correlation)).sum(1)


def _normalized(segments: Tensor) -> Tensor:
    """Segments (..., bands, frames) with mean 0 and norm 1 along time, then along frequency."""
    for axis in (-1, -2):
        segments = segments - segments.mean(axis, keepdim=True)
        segments = segments * (segments.square().sum(axis, keepdim=True) + 1e-8).rsqrt()
    return segments
