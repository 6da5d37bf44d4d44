"""WaveNet: dilated causal convolutions with gates, residual and skip connections.

A. van den Oord et al. (2016), "WaveNet: A Generative Model for Raw Audio". The past is held in an
explicit state, so that a full pass and frame-by-frame steps give the same output, and the cost of
a frame does not depend on the length of the past. A condition, given for each frame, enters every
gate. The condition may depend on future frames; the input may not.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from speechvq.nn.modules import Modules
from speechvq.nn.streaming import State


def convolve(layer: nn.Conv1d, x: Tensor) -> Tensor:
    """Apply a convolution; where only one frame comes out, as a matrix product, which is faster."""
    if x.shape[-1] > 1 + layer.dilation[0] * (layer.kernel_size[0] - 1):
        return layer(x)
    return functional.linear(
        x[..., :: layer.dilation[0]].flatten(1), layer.weight.flatten(1), layer.bias
    ).unsqueeze(-1)


class GatedLayer(nn.Module):
    """One dilated layer with the gated activation of WaveNet, equation 3.

    z = tanh(W_f * x + V_f c) . sigmoid(W_g * x + V_g c); a 1 x 1 convolution of z gives what is
    added to the residual path and the skip output. Input x (b, width, n) and condition c
    (b, condition, n); output (b, width, n) and skip output (b, skip, n).
    """

    def __init__(
        self, width: int, skip: int, condition: int, dilation: int, *, kernel: int = 2
    ) -> None:
        super().__init__()
        self.past = (kernel - 1) * dilation
        self.filter = nn.Conv1d(width, 2 * width, kernel, dilation=dilation)
        self.condition = nn.Conv1d(condition, 2 * width, 1, bias=False) if condition else None
        self.out = nn.Conv1d(width, width + skip, 1)
        self.width = width

    def initial_state(self, batch: int) -> Tensor:
        """Zeros (b, width, past): no frame precedes the first."""
        return self.filter.weight.new_zeros(batch, self.width, self.past)

    def step(
        self, x: Tensor, condition: Tensor | None, state: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Take n frames; return the residual output, the skip output and the next state."""
        inputs = torch.cat([state, x], -1)
        activation = convolve(self.filter, inputs)
        if self.condition is not None and condition is not None:
            activation = activation + convolve(self.condition, condition)
        signal, gate = activation.chunk(2, 1)
        residual, skip = convolve(self.out, torch.tanh(signal) * torch.sigmoid(gate)).split(
            [self.width, self.out.out_channels - self.width], 1
        )
        return x + residual, skip, inputs[..., inputs.shape[-1] - self.past :]


class WaveNet(nn.Module):
    """Frames (b, width, n) to outputs (b, out, n).

    Output j depends on inputs up to j and on the condition at frames up to j. Dilations double,
    1, 2, 4 ..., and start again at 1 after `cycle` layers. To predict frames from the past alone,
    shift the inputs by one frame.
    """

    def __init__(
        self,
        width: int,
        skip: int,
        out: int,
        *,
        layers: int,
        cycle: int,
        condition: int = 0,
        kernel: int = 2,
    ) -> None:
        super().__init__()
        self.layers = Modules[GatedLayer](
            [
                GatedLayer(width, skip, condition, 2 ** (i % cycle), kernel=kernel)
                for i in range(layers)
            ]
        )
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv1d(skip, skip, 1), nn.ReLU(), nn.Conv1d(skip, out, 1)
        )

    @property
    def past(self) -> int:
        """Receptive field: the number of frames before its own that an output depends on."""
        return sum(layer.past for layer in self.layers)

    def initial_state(self, batch: int) -> State:
        """The state before the first frame."""
        return tuple(layer.initial_state(batch) for layer in self.layers)

    def step(self, x: Tensor, condition: Tensor | None, state: State) -> tuple[Tensor, State]:
        """Take n >= 1 frames; return n outputs and the next state."""
        skips, next_state = x.new_zeros(()), list[Tensor]()
        for layer, before in zip(self.layers, state, strict=True):
            x, skip, after = layer.step(x, condition, before)
            skips = skips + skip
            next_state.append(after)
        y = skips
        for module in self.head:
            y = convolve(module, y) if isinstance(module, nn.Conv1d) else module(y)
        return y, tuple(next_state)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """One step from the initial state."""
        return self.step(x, condition, self.initial_state(len(x)))[0]


class ContextNetwork(nn.Module):
    """Non-causal residual convolutions: each frame sees past and future. (b, width, n) to same."""

    def __init__(self, width: int, *, layers: int, kernel: int = 5) -> None:
        super().__init__()
        self.layers = Modules[nn.Conv1d](
            [nn.Conv1d(width, width, kernel, padding=kernel // 2) for _ in range(layers)]
        )

    def forward(self, x: Tensor) -> Tensor:
        """Transform all frames at once."""
        for layer in self.layers:
            x = x + functional.relu(layer(x))
        return x
