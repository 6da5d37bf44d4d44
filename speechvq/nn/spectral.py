"""From waveform to frames and back: everything between runs at the frame rate.

`Analysis` is a short-time Fourier transform whose frames are turned into features; `Synthesis` predicts a spectrum for
each frame and overlap-adds its inverse (the head of Vocos, Siuzdak 2023, eq. 1).
"""

from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn import functional

from speechvq.nn.conv import outputs
from speechvq.nn.streaming import State, Step

FLOOR = 1e-5
"""Amplitude (full scale 1) below which the log spectrum is flat: -100 dB."""


class Analysis(Step):
    """Waveform (b, 1, t) to features (b, width, f), one frame every `hop` samples.

    Frame i is centred on sample i*hop. Features before the linear map: log magnitude, and with `phase` also the real and
    imaginary parts compressed to the power 0.3.
    """

    window: Tensor

    def __init__(self, window: int, hop: int, width: int, *, phase: bool) -> None:
        super().__init__()
        self.left, self.size, self.phase = window // 2, window, phase
        self.stride, self.lookahead = Fraction(hop), Fraction(window - self.left - hop)
        hann = torch.hann_window(window)
        self.register_buffer("window", hann / hann.sum(), persistent=False)
        self.linear = nn.Linear((3 if phase else 1) * (window // 2 + 1), width)
        self.norm = nn.LayerNorm(width)

    def initial_state(self, batch: int) -> State:
        return self.window.new_zeros(batch, 1, self.left)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        x = torch.cat([state, x], -1)
        hop = self.stride.numerator
        count = outputs(x.shape[-1], self.size, hop)
        if not count:
            return x.new_zeros(len(x), self.linear.out_features, 0), x
        frames = x[:, 0, : (count - 1) * hop + self.size].unfold(-1, self.size, hop)
        return self.norm(self.linear(self.features(frames))).transpose(1, 2), x[..., count * hop :]

    def features(self, frames: Tensor) -> Tensor:
        """Samples (b, f, window) to (b, f, features), always in float32."""
        with torch.autocast(frames.device.type, enabled=False):
            spectrum = torch.fft.rfft(frames.float() * self.window)
            magnitude = spectrum.abs().clamp_min(FLOOR)
            log = magnitude.log() / 4 + 2  # -100 dB .. 0 dB to about -1 .. 2
            if not self.phase:
                return log
            compressed = spectrum * (2 * magnitude**-0.7)
            return torch.cat([log, compressed.real, compressed.imag], -1)


class Synthesis(Step):
    """Frames (b, width, f) to waveform (b, 1, t), `hop` samples a frame.

    A linear map gives log magnitude and phase of every frequency; frame i is centred on sample i*hop.
    """

    window: Tensor

    def __init__(self, window: int, hop: int, width: int) -> None:
        super().__init__()
        self.size, self.hop, self.skip = window, hop, window // 2
        self.stride, self.lookahead = Fraction(1, hop), Fraction(-(-(window // 2) // hop))
        hann = torch.hann_window(window)
        self.register_buffer("window", hann / (hann.square().sum() / hop), persistent=False)
        self.norm = nn.LayerNorm(width)
        self.linear = nn.Linear(width, 2 * (window // 2 + 1))
        nn.init.normal_(self.linear.weight, std=0.02)

    def initial_state(self, batch: int) -> State:
        return self.window.new_zeros(batch, self.size - self.hop), self.skip

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        tail, skip = state
        if not x.shape[-1]:
            return x.new_zeros(len(x), 1, 0), state
        frames = self.frames(x.transpose(1, 2))
        complete = self.hop * frames.shape[1]
        wave = functional.fold(
            frames.transpose(1, 2), (1, complete + len(self.window) - self.hop), (1, self.size), stride=(1, self.hop)
        )[:, 0, 0]
        wave = torch.cat([wave[:, : tail.shape[1]] + tail, wave[:, tail.shape[1] :]], -1)
        drop = min(skip, complete)
        return wave[:, None, drop:complete], (wave[:, complete:], skip - drop)

    def frames(self, x: Tensor) -> Tensor:
        """Hidden (b, f, width) to windowed samples (b, f, window), always in float32."""
        log, phase = self.linear(self.norm(x)).float().chunk(2, -1)
        with torch.autocast(x.device.type, enabled=False):
            spectrum = torch.polar(torch.exp((4 * log - 5).clamp_max(2.0)) * (self.size / 4), phase)
            return torch.fft.irfft(spectrum, self.size) * self.window
