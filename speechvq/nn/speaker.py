"""The speaker embedding: a voice as a short vector from some seconds of speech.

It lies in (-1, 1)^n and is rounded to 16 steps in each dimension, in training too (straight-through
estimator). A code file therefore carries exactly what the decoder was trained on, in half a byte
per dimension. This module is the only one that knows how an embedding is packed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from speechvq.config import within
from speechvq.limits import EMBEDDING_BYTES, WINDOWS
from speechvq.nn.encoder import StageConfig
from speechvq.nn.spectral import Analysis
from speechvq.nn.streaming import Chain, State

STEPS = 16
"""Values of a rounded dimension."""


@dataclass(frozen=True)
class SpeakerConfig:
    """The speaker embedding and the reference encoder that computes it.

    size: dimensions of the embedding
    hop: samples per frame of the reference encoder
    stage: its blocks
    """

    size: int = 32
    hop: int = 320
    stage: StageConfig = field(default_factory=lambda: StageConfig(width=128, lookahead=(3, 3, 3)))

    def __post_init__(self) -> None:
        within(self, range(1, 2 * EMBEDDING_BYTES + 1), "size")
        within(self, range(1, WINDOWS.stop), "hop")


class ReferenceEncoder(nn.Module):
    """Waveform (b, 1, t) to a speaker embedding (b, size).

    Mean and deviation over time of frame features are mapped to it. It streams: `step` adds to
    running sums in float64, `finish` computes the embedding of all samples taken.
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
        """Take samples (b, 1, n) and return the state after them.

        lengths: of each waveform in samples (b,); what follows is padding and does not count
        """
        inner, sums, seen = state
        x, inner = self.frames.step(wave, inner)
        x = x.double()
        if lengths is not None:
            frames = torch.arange(seen, seen + x.shape[-1], device=x.device)
            x = x * (frames < self._frames(lengths)[:, None])[:, None]
        return inner, sums + torch.cat([x.sum(-1), x.square().sum(-1)], -1), seen + x.shape[-1]

    def _frames(self, lengths: Tensor) -> Tensor:
        """Number of frames of waveforms with a window of silence after each."""
        ahead, stride = int(self.frames.lookahead), int(self.frames.stride)
        return (lengths + self.window - ahead) // stride

    def finish(self, state: State, lengths: Tensor | None = None) -> Tensor:
        """The embedding (b, size) of all samples taken, not yet rounded. lengths: as in `step`."""
        _, sums, seen = state
        count = seen if lengths is None else self._frames(lengths)[:, None]
        mean, square = (sums / torch.as_tensor(count).clamp_min(1)).chunk(2, -1)
        deviation = (square - mean.square()).clamp_min(1e-4).sqrt()
        return torch.tanh(self.out(torch.cat([mean, deviation], -1).to(self.out.weight.dtype)))

    def forward(self, wave: Tensor) -> Tensor:
        """The embedding of a waveform, not yet rounded."""
        return self.finish(self.step(wave, self.initial_state(len(wave))))


def to_steps(embedding: Tensor) -> Tensor:
    """An embedding in [-1, 1] to integers from 0 to 15."""
    return ((embedding.clamp(-1, 1) + 1) * (STEPS / 2) - 0.5).round().clamp(0, STEPS - 1).long()


def from_steps(steps: Tensor) -> Tensor:
    """Integers from 0 to 15 to the midpoints of their intervals."""
    return (steps.float() + 0.5) * (2 / STEPS) - 1


def rounded(embedding: Tensor) -> Tensor:
    """What a code file would give back for this embedding, with straight-through gradients."""
    return embedding + (from_steps(to_steps(embedding)) - embedding).detach()


def beyond(source: Tensor, target: Tensor, strength: float) -> Tensor:
    """The embedding (b, n) for a conversion from a source voice to a target voice, rounded.

    strength: 0 is the target itself; s goes on beyond it, by s times the way from the source
    """
    return rounded((target + strength * (target - source)).clamp(-1, 1))


def pack(steps: Sequence[int]) -> bytes:
    """Integers from 0 to 15, two in a byte."""
    padded = [*steps, 0][: len(steps) + len(steps) % 2]
    return bytes(16 * high + low for high, low in zip(padded[::2], padded[1::2], strict=True))


def unpack_steps(packed: NDArray[np.uint8], size: int) -> NDArray[np.int64]:
    """The inverse of `pack`: packed embeddings (..., bytes) to integers (..., size)."""
    steps = np.stack([packed >> 4, packed & 15], -1).reshape(*packed.shape[:-1], -1)
    return steps[..., :size].astype(np.int64)


def unpack_embeddings(packed: NDArray[np.uint8], size: int | None = None) -> Tensor:
    """Packed embeddings (n, bytes) to embeddings (n, size); size is twice the bytes by default."""
    return from_steps(torch.from_numpy(unpack_steps(packed, size or 2 * packed.shape[-1])))
