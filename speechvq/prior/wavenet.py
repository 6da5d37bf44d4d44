"""WaveNet: a stack of dilated causal convolutions with gates, residual and skip connections (van den Oord et al. 2016).

The past is in an explicit state, so a full pass and one frame at a time give the same, and a frame
costs the same however long the past is. A condition, given for each frame, enters every gate; it
may look ahead, the input may not.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from speechvq.nn.modules import Modules
from speechvq.nn.streaming import State


def convolved(layer: nn.Conv1d, x: Tensor) -> Tensor:
    """The convolution; where it comes to a single frame as a product of matrices, which takes a fraction of the time."""
    if x.shape[-1] > 1 + layer.dilation[0] * (layer.kernel_size[0] - 1):
        return layer(x)
    return functional.linear(
        x[..., :: layer.dilation[0]].flatten(1), layer.weight.flatten(1), layer.bias
    ).unsqueeze(-1)


class Gate(nn.Module):
    """One dilated layer: tanh(w x + v c) * sigmoid(w' x + v' c), and from it what goes on and what is skipped.

    Input x (b, width, n) and condition c (b, condition, n); output (b, width, n) and skip (b, skip,
    n).
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
        """Zeros: there was nothing before."""
        return self.filter.weight.new_zeros(batch, self.width, self.past)

    def step(
        self, x: Tensor, condition: Tensor | None, state: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Take n frames; return the residual output, the skip output and the state after them."""
        seen = torch.cat([state, x], -1)
        found = convolved(self.filter, seen)
        if self.condition is not None and condition is not None:
            found = found + convolved(self.condition, condition)
        signal, gate = found.chunk(2, 1)
        residual, skip = convolved(self.out, torch.tanh(signal) * torch.sigmoid(gate)).split(
            [self.width, self.out.out_channels - self.width], 1
        )
        return x + residual, skip, seen[..., seen.shape[-1] - self.past :]


class WaveNet(nn.Module):
    """Frames (b, width, n) to outputs (b, out, n); output j depends on inputs up to j and on the condition at frames up to j.

    Dilations double, 1, 2, 4 ..., and start again after `cycle` layers. To predict frames from the
    past, give them one late.
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
        self.gates = Modules[Gate](
            [Gate(width, skip, condition, 2 ** (i % cycle), kernel=kernel) for i in range(layers)]
        )
        self.head = nn.Sequential(
            nn.ReLU(), nn.Conv1d(skip, skip, 1), nn.ReLU(), nn.Conv1d(skip, out, 1)
        )

    @property
    def past(self) -> int:
        """How many frames before its own an output depends on."""
        return sum(gate.past for gate in self.gates)

    def initial_state(self, batch: int) -> State:
        """The state before the first frame."""
        return tuple(gate.initial_state(batch) for gate in self.gates)

    def step(self, x: Tensor, condition: Tensor | None, state: State) -> tuple[Tensor, State]:
        """Take n >= 1 frames and return as many outputs and the state after them."""
        total, after = x.new_zeros(()), list[Tensor]()
        for gate, before in zip(self.gates, state, strict=True):
            x, skip, now = gate.step(x, condition, before)
            total = total + skip
            after.append(now)
        for layer in self.head:
            total = convolved(layer, total) if isinstance(layer, nn.Conv1d) else layer(total)
        return total, tuple(after)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """One step on a fresh state."""
        return self.step(x, condition, self.initial_state(len(x)))[0]


class Around(nn.Module):
    """What is known on both sides of each frame: residual convolutions that look back and ahead. (b, width, n) to the same."""

    def __init__(self, width: int, *, layers: int, kernel: int = 5) -> None:
        super().__init__()
        self.layers = Modules[nn.Conv1d](
            [nn.Conv1d(width, width, kernel, padding=kernel // 2) for _ in range(layers)]
        )

    def forward(self, x: Tensor) -> Tensor:
        """All frames at once."""
        for layer in self.layers:
            x = x + functional.relu(layer(x))
        return x
