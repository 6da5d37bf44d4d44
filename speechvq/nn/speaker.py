"""A voice as a short vector: from some seconds of speech, and as a few bytes.

The vector lies in (-1, 1)^n and is rounded to 16 steps in each dimension, in training too (straight
through), so a code file carries exactly what the decoder was trained on, in half a byte a
dimension.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from speechvq.nn.encoder import StageConfig
from speechvq.nn.spectral import Analysis
from speechvq.nn.streaming import Chain, State

STEPS = 16


@dataclass(frozen=True)
class SpeakerConfig:
    """The speaker vector and the reference encoder that finds it. hop in samples."""

    size: int = 32
    hop: int = 320
    stage: StageConfig = field(default_factory=lambda: StageConfig(width=128, lookahead=(3, 3, 3)))


class ReferenceEncoder(nn.Module):
    """Waveform (b, 1, t) to a speaker vector (b, size), through mean and deviation over time of frame features.

    It streams: `step` adds to running sums in float64, `finish` makes the vector of what was seen.
    """

    def __init__(self, window: int, config: SpeakerConfig) -> None:
        super().__init__()
        analysis = Analysis(window, config.hop, config.stage.width, phase=False)
        self.frames = Chain([analysis, *config.stage.blocks()])
        self.out = nn.Linear(2 * config.stage.width, config.size)
        self.window = window

    def initial_state(self, batch: int) -> State:
        """The state before the first sample."""
        zeros = torch.zeros(
            batch, self.out.in_features, dtype=torch.float64, device=self.out.weight.device
        )
        return self.frames.initial_state(batch), zeros, 0

    def step(self, wave: Tensor, state: State, lengths: Tensor | None = None) -> State:
        """Take samples (b, 1, n). lengths (b,), in samples: what comes after them is silence that makes a batch rectangular."""
        inner, sums, seen = state
        x, inner = self.frames.step(wave, inner)
        x = x.double()
        if lengths is not None:
            inside = (
                torch.arange(seen, seen + x.shape[-1], device=x.device)
                < self._whole(lengths)[:, None]
            )
            x = x * inside[:, None]
        return inner, sums + torch.cat([x.sum(-1), x.square().sum(-1)], -1), seen + x.shape[-1]

    def _whole(self, lengths: Tensor) -> Tensor:
        """How many frames waveforms of so many samples have, with a window of silence after each."""
        ahead, stride = int(self.frames.lookahead), int(self.frames.stride)
        return (lengths + self.window - ahead) // stride

    def finish(self, state: State, lengths: Tensor | None = None) -> Tensor:
        """The vector (b, size) of all samples taken, not yet rounded."""
        _, sums, seen = state
        count = seen if lengths is None else self._whole(lengths)[:, None]
        mean, square = (sums / torch.as_tensor(count).clamp_min(1)).chunk(2, -1)
        deviation = (square - mean.square()).clamp_min(1e-4).sqrt()
        return torch.tanh(self.out(torch.cat([mean, deviation], -1).to(self.out.weight.dtype)))

    def forward(self, wave: Tensor) -> Tensor:
        """The vector of a whole waveform."""
        return self.finish(self.step(wave, self.initial_state(len(wave))))


def to_steps(vector: Tensor) -> Tensor:
    """A vector in [-1, 1] to whole numbers 0 ... 15."""
    return ((vector.clamp(-1, 1) + 1) * (STEPS / 2) - 0.5).round().clamp(0, STEPS - 1).long()


def from_steps(steps: Tensor) -> Tensor:
    """Whole numbers 0 ... 15 to the middles of their intervals."""
    return (steps.float() + 0.5) * (2 / STEPS) - 1


def rounded(vector: Tensor) -> Tensor:
    """What a code file would give back for this vector; gradients pass as if nothing had happened."""
    return vector + (from_steps(to_steps(vector)) - vector).detach()


def pack(steps: Sequence[int]) -> bytes:
    """Whole numbers 0 ... 15, two in a byte."""
    padded = [*steps, 0][: len(steps) + len(steps) % 2]
    return bytes(16 * high + low for high, low in zip(padded[::2], padded[1::2], strict=True))


def unpack(data: bytes, size: int) -> list[int]:
    """The inverse of `pack` for `size` numbers."""
    return [nibble for byte in data for nibble in (byte >> 4, byte & 15)][:size]
