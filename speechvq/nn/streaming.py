"""Streaming is the only forward pass.

A `Step` is fed its input in pieces of any size and returns what can be known so far:

    state = layer.initial_state(batch)
    y0, state = layer.step(x[..., :100], state)
    y1, state = layer.step(x[..., 100:], state)      # cat(y0, y1) == layer(x)

State is an argument and a result, never hidden in the module, so it can be kept, batched or
dropped. Outputs are never delayed by padding: a layer that looks ahead just returns fewer frames
until it has seen enough. To return its first m outputs it needs its first `m * stride + lookahead`
inputs, an exact rule that `Chain` composes.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

from torch import Tensor, nn

from speechvq.nn.modules import Modules

State = Any
"""Tensors in nested tuples; a layer reads only what it wrote."""


class Step(nn.Module):
    """A layer that can be fed chunk by chunk.

    stride: inputs per output (a fraction below 1 for a layer that upsamples)
    lookahead: inputs beyond its own that an output waits for
    """

    stride: Fraction = Fraction(1)
    lookahead: Fraction = Fraction(0)

    def initial_state(self, batch: int) -> State:
        """The state before the first input."""
        raise NotImplementedError

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """Take the next inputs (b, d, n); return the outputs (b, d, m) now complete and the state.

        m may be 0.
        """
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """One step on a fresh state."""
        return self.step(x, self.initial_state(len(x)))[0]


class Chain(Step):
    """Layers one after the other, threading each one's state."""

    def __init__(self, layers: Iterable[Step]) -> None:
        super().__init__()
        self.layers = Modules[Step](layers)
        self.stride, self.lookahead = compose(self.layers)

    def initial_state(self, batch: int) -> State:
        return tuple(layer.initial_state(batch) for layer in self.layers)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        states = []
        for layer, before in zip(self.layers, state, strict=True):
            x, after = layer.step(x, before)
            states.append(after)
        return x, tuple(states)


def compose(layers: Iterable[Step]) -> tuple[Fraction, Fraction]:
    """Stride and look-ahead of layers in sequence, both in inputs of the first.

    m outputs of a second layer need m*s2 + a2 outputs of the first, hence (m*s2 + a2)*s1 + a1
    inputs.
    """
    stride, lookahead = Fraction(1), Fraction(0)
    for layer in layers:
        lookahead += stride * layer.lookahead
        stride *= layer.stride
    return stride, lookahead
