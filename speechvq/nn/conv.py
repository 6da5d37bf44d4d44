"""Convolution in time, and a change of frame rate, with exact streaming."""

from fractions import Fraction

import torch
from einops import rearrange
from torch import Tensor, nn

from speechvq.nn.streaming import State, Step


class Conv(Step):
    """A 1-D convolution with look-ahead.

    Output j sees the inputs j*stride - left ... j*stride + stride - 1 + lookahead.

    The state holds the inputs still needed, at first `left` zeros. Input (b, width_in, n), output
    (b, width_out, m).
    """

    def __init__(
        self,
        width_in: int,
        width_out: int,
        kernel: int,
        *,
        stride: int = 1,
        lookahead: int = 0,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.left = kernel - stride - lookahead
        if self.left < 0:
            raise ValueError(
                f"kernel {kernel} is shorter than stride {stride} plus look-ahead {lookahead}"
            )
        self.conv = nn.Conv1d(width_in, width_out, kernel, stride, groups=groups)
        self.kernel, self.stride, self.lookahead = kernel, Fraction(stride), Fraction(lookahead)

    def initial_state(self, batch: int) -> State:
        return self.conv.weight.new_zeros(batch, self.conv.in_channels, self.left)

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        x = torch.cat([state, x], -1)
        stride = self.stride.numerator
        count = outputs(x.shape[-1], self.kernel, stride)
        if not count:
            return x.new_zeros(len(x), self.conv.out_channels, 0), x
        used = (count - 1) * stride + self.kernel
        return self.conv(x[..., :used]), x[..., count * stride :]


class Upsample(Step):
    """Each frame becomes `factor` frames through one linear map.

    Input (b, width_in, n), output (b, width_out, factor n).
    """

    def __init__(self, width_in: int, width_out: int, factor: int) -> None:
        super().__init__()
        self.linear = nn.Conv1d(width_in, factor * width_out, 1)
        self.factor, self.stride = factor, Fraction(1, factor)

    def initial_state(self, batch: int) -> State:
        del batch
        return ()

    def step(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        if not x.shape[-1]:
            return x.new_zeros(len(x), self.linear.out_channels // self.factor, 0), state
        return rearrange(self.linear(x), "b (r d) f -> b d (f r)", r=self.factor), state


def outputs(length: int, kernel: int, stride: int) -> int:
    """How many windows of `kernel`, `stride` apart, fit into `length`."""
    return max(0, (length - kernel) // stride + 1)
