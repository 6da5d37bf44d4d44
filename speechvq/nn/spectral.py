"""From waveform to frames and back: everything between runs at the frame rate.

`Analysis` is a short-time Fourier transform whose frames are turned into features; `Synthesis`
predicts a spectrum for each frame and overlap-adds its inverse (the head of Vocos, Siuzdak 2023,
eq. 1).

Both demodulate each frequency to baseband, as a phase vocoder does: by the phase that a sine in the
middle of the bin would have gained since frame 0. What is left changes slowly from frame to frame,
so that it can be filtered and interpolated.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from speechvq.nn.conv import outputs
from speechvq.nn.isolation import isolated
from speechvq.nn.streaming import State, Step

FLOOR = 1e-5
"""Amplitude (full scale 1) below which the log spectrum is flat: -100 dB."""

CEILING = 1e6
"""Amplitude at which samples are clipped, so that their squares are numbers."""

EMPHASIS = 10.0
"""Gain of the complex spectrum below a 24th of the sample rate, 667 Hz at 16 kHz.

There phase is worth its bits.

Among a thousand features the few of the first harmonics are too faint for training to find a way
for them through the codes.
"""


@isolated()
def turns(window: int, hop: int) -> Tensor:
    """exp(2 pi j k i hop / window), the phase that bin k has gained at frame i.

    Rows (frames until that repeats, bins).
    """
    exact = {"dtype": torch.float64, "device": "cpu"}
    frames = torch.arange(window // math.gcd(window, hop), **exact)
    angles = torch.outer(frames, torch.arange(window // 2 + 1, **exact)) * hop / window
    return torch.polar(torch.ones_like(angles), (angles % 1.0) * 2 * math.pi).to(torch.complex64)


@isolated()
def conjugates(window: int, hop: int) -> Tensor:
    """The opposite phases."""
    return turns(window, hop).conj().resolve_conj()


def repeated(table: Tensor, first: int, count: int) -> Tensor:
    """Rows first, first + 1, ... of a table that goes on for ever, (count, ...)."""
    return table[torch.arange(first, first + count, device=table.device) % len(table)]


def hann(window: int) -> Tensor:
    """The window (window,) of a frame."""
    return torch.hann_window(window, dtype=torch.float32, device="cpu")


@isolated()
def analysis_window(window: int) -> Tensor:
    """A window whose sum is one."""
    return hann(window) / hann(window).sum()


@isolated()
def analysis_gains(window: int) -> Tensor:
    """The gain of each frequency of the complex spectrum."""
    gains = torch.full((window // 2 + 1,), 2.0, dtype=torch.float32, device="cpu")
    gains[: window // 24] *= EMPHASIS
    return gains


@isolated()
def synthesis_window(window: int, hop: int) -> Tensor:
    """The window with which frames a hop apart are overlap-added."""
    return hann(window) / (hann(window).square().sum() / hop)


class Tables(Step):
    """A step with buffers that follow from its sizes.

    They are no weights: no file holds them, they are computed also where a network is built without
    memory, and they go to another device, but never into lower precision and back.
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:  # noqa: FBT001, FBT002 - PyTorch's
        tables = dict(self._buffers)
        super()._apply(fn, recurse)
        for name, table in tables.items():
            moved = self._buffers[name]
            if table is not None and moved is not None and moved.itemsize < table.itemsize:
                self._buffers[name] = table.to(moved.device)
        return self


class Analysis(Tables):
    """Waveform (b, 1, t) to features (b, width, f), one frame every `hop` samples.

    Frame i is centered on sample i*hop. The linear map sees the log magnitude, and with `phase`
    also the real and imaginary parts, demodulated to baseband, compressed to the power 0.3 and with
    the low frequencies emphasized.
    """

    window: Tensor
    turns: Tensor
    gains: Tensor

    def __init__(self, window: int, hop: int, width: int, *, phase: bool) -> None:
        super().__init__()
        self.left, self.size, self.phase = window // 2, window, phase
        self.stride, self.lookahead = Fraction(hop), Fraction(window - self.left - hop)
        self.register_buffer("window", analysis_window(window), persistent=False)
        self.register_buffer("turns", conjugates(window, hop), persistent=False)
        self.register_buffer("gains", analysis_gains(window), persistent=False)
        self.linear = nn.Linear((3 if phase else 1) * (window // 2 + 1), width)
        self.norm = nn.LayerNorm(width)

    def initial_state(self, batch: int) -> State:
        return self.window.new_zeros(batch, 1, self.left), 0

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        before, first = state
        x = torch.cat([before, x.clamp(-CEILING, CEILING)], -1)
        hop = self.stride.numerator
        count = outputs(x.shape[-1], self.size, hop)
        if not count:
            return x.new_zeros(len(x), self.linear.out_features, 0), (x, first)
        frames = x[:, 0, : (count - 1) * hop + self.size].unfold(-1, self.size, hop)
        y = self.norm(self.linear(self.features(frames, first))).transpose(1, 2)
        return y, (x[..., count * hop :], (first + count) % len(self.turns))

    def features(self, frames: Tensor, first: int) -> Tensor:
        """Samples (b, f, window) of frames first, first + 1, ... to features (b, f, d).

        Always in float32.
        """
        with torch.autocast(frames.device.type, enabled=False):
            spectrum = torch.fft.rfft(frames.float() * self.window)
            if self.phase:
                spectrum = spectrum * repeated(self.turns, first, frames.shape[1])
            real, imag = (
                spectrum.real.contiguous(),
                spectrum.imag.contiguous(),
            )  # twice as fast as complex numbers side by side
            log_power = torch.addcmul(real.square(), imag, imag).clamp_min(FLOOR**2).log()
            log = log_power / 8 + 2  # -100 dB .. 0 dB to about -1 .. 2
            if not self.phase:
                return log
            gains = self.gains * torch.exp(-0.35 * log_power)
            return torch.cat([log, real * gains, imag * gains], -1)


class Synthesis(Tables):
    """Frames (b, width, f) to waveform (b, 1, t), `hop` samples a frame.

    A linear map gives the log magnitude of every frequency and its phase, predicted as a complex
    number whose length does not count (as in APNet, Ai and Ling 2023): a complex number can go
    round the circle, an angle has to jump. Frame i is centered on sample i*hop.
    """

    window: Tensor
    turns: Tensor

    def __init__(self, window: int, hop: int, width: int) -> None:
        super().__init__()
        self.size, self.hop, self.skip = window, hop, window // 2
        self.stride, self.lookahead = Fraction(1, hop), Fraction(-(-(window // 2) // hop))
        self.register_buffer("window", synthesis_window(window, hop), persistent=False)
        self.register_buffer("turns", turns(window, hop), persistent=False)
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, 3 * (window // 2 + 1))
        nn.init.normal_(self.linear.weight, std=0.02)

    def initial_state(self, batch: int) -> State:
        return self.window.new_zeros(batch, self.size - self.hop), self.skip, 0

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        tail, skip, first = state
        if not x.shape[-1]:
            return x.new_zeros(len(x), 1, 0), state
        frames = self.frames(x.transpose(1, 2), first)
        complete = self.hop * frames.shape[1]
        wave = functional.fold(
            frames.transpose(1, 2),
            (1, complete + len(self.window) - self.hop),
            (1, self.size),
            stride=(1, self.hop),
        )[:, 0, 0]
        wave = torch.cat([wave[:, : tail.shape[1]] + tail, wave[:, tail.shape[1] :]], -1)
        drop = min(skip, complete)
        return wave[:, None, drop:complete], (
            wave[:, complete:],
            skip - drop,
            (first + frames.shape[1]) % len(self.turns),
        )

    def frames(self, x: Tensor, first: int) -> Tensor:
        """Frames first, first + 1, ... of x (b, f, width) to windowed samples (b, f, window).

        Always in float32.
        """
        log, real, imag = self.linear(self.norm(x)).float().chunk(3, -1)
        with torch.autocast(x.device.type, enabled=False):
            magnitude = torch.exp((4 * log - 5).clamp_max(2.0)) * (self.size / 4)
            magnitude = magnitude * (real.square() + imag.square() + 1e-6).rsqrt()
            spectrum = torch.complex(real * magnitude, imag * magnitude) * repeated(
                self.turns, first, x.shape[1]
            )
            return torch.fft.irfft(spectrum, self.size) * self.window
