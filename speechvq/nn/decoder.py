"""Latents and a speaker embedding to waveform."""

from collections.abc import Sequence

from torch import Tensor, nn

from speechvq.nn.blocks import Block
from speechvq.nn.conv import Conv, Upsample
from speechvq.nn.encoder import StageConfig
from speechvq.nn.modules import Modules
from speechvq.nn.spectral import Synthesis
from speechvq.nn.streaming import State, Step, compose


class Decoder(nn.Module):
    """Latents (b, latent, f) and a speaker embedding (b, speaker) to waveform (b, 1, t).

    Every block is scaled and shifted by the speaker embedding; everything but the overlap-add runs
    at the frame rate.
    """

    def __init__(
        self, window: int, hop: int, latent: int, speaker: int, stages: Sequence[StageConfig]
    ) -> None:
        super().__init__()
        layers: list[Step] = []
        before = latent
        for stage in stages:
            up = (
                Conv(before, stage.width, 1)
                if stage.stride == 1
                else Upsample(before, stage.width, stage.stride)
            )
            layers += [up, *stage.blocks(speaker)]
            before = stage.width
        self.layers = Modules[Step]([*layers, Synthesis(window, hop, before)])
        self.stride, self.lookahead = compose(self.layers)

    def initial_state(self, batch: int) -> State:
        """The state before the first frame."""
        return tuple(layer.initial_state(batch) for layer in self.layers)

    def step(self, x: Tensor, speaker_embedding: Tensor, state: State) -> tuple[Tensor, State]:
        """Take frames (b, latent, n); return the samples (b, 1, m) now complete and the state.

        speaker_embedding: (b, speaker)
        """
        after = []
        for layer, before in zip(self.layers, state, strict=True):
            if isinstance(layer, Block):
                x, now = layer.step(x, before, speaker_embedding)
            else:
                x, now = layer.step(x, before)
            after.append(now)
        return x, tuple(after)

    def forward(self, x: Tensor, speaker_embedding: Tensor) -> Tensor:
        """One step on a fresh state."""
        return self.step(x, speaker_embedding, self.initial_state(len(x)))[0]
