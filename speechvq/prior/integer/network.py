"""The prior in whole numbers: the same frequencies of codes on every machine, so that a range coder can rely on them.

The arithmetic is that of `fixed`; the structure is that of `streams` and `wavenet`, whose float
results it approximates.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from speechvq.prior.integer.arithmetic import (
    ACTIVATION,
    WEIGHT,
    Linear,
    Whole,
    frequencies,
    limited,
    shifted,
    sigmoid,
    tanh,
    whole,
)
from speechvq.prior.network import Prior, Stream
from speechvq.prior.wavenet import Gate

Codes = NDArray[np.integer]


class IntegerGate:
    """`Gate` on rows (n, width)."""

    def __init__(self, gate: Gate, dtype: type) -> None:
        if gate.condition is None:
            raise ValueError("streams have conditions")
        weight, bias = _numbers(gate.filter)
        taps = [Linear(weight[..., i], None, dtype) for i in range(weight.shape[-1])]
        self.taps, self.bias = taps, whole(bias, ACTIVATION + WEIGHT, dtype)
        self.condition = Linear(_numbers(gate.condition)[0][..., 0], None, dtype)
        out, offset = _numbers(gate.out)
        self.out = Linear(out[..., 0], offset, dtype)
        self.past, self.width, self.dtype = gate.past, gate.width, dtype

    def told(self, condition: Whole) -> Whole:
        """What the condition (n, c) adds inside."""
        return self.condition.open(condition) + self.bias

    def step(self, x: Whole, told: Whole, state: Whole) -> tuple[Whole, Whole, Whole]:
        """Rows (n, width) and the state (past, width) to the residual output, the skip output and the state after."""
        seen = np.concatenate([state, x])
        n, gap = len(x), self.past // max(1, len(self.taps) - 1)
        inside = told + sum(
            tap.open(seen[i * gap : i * gap + n]) for i, tap in enumerate(self.taps)
        )
        inside = limited(shifted(inside, WEIGHT))
        found = self.out(
            shifted(tanh(inside[:, : self.width]) * sigmoid(inside[:, self.width :]), ACTIVATION)
        )
        return limited(x + found[:, : self.width]), found[:, self.width :], seen[n:]


class IntegerStream:
    """`Stream`: frequencies of one codebook's codes."""

    def __init__(self, stream: Stream, dtype: type = np.float64) -> None:
        embed = lambda table: limited(whole(table.weight.detach().numpy(), ACTIVATION, dtype))  # noqa: E731
        self.size, self.ratios, self.dtype = stream.size, stream.ratios, dtype
        self.before, self.place, self.coarser = (
            embed(stream.before),
            embed(stream.place),
            [embed(one) for one in stream.coarser],
        )
        self.around = [
            [Linear(weight[..., i], None, dtype) for i in range(weight.shape[-1])]
            for weight, _ in map(_numbers, stream.around.layers)
        ]
        self.around_bias = [
            whole(_numbers(one)[1], ACTIVATION + WEIGHT, dtype) for one in stream.around.layers
        ]
        self.speaker = (
            Linear(*_numbers(stream.speaker), dtype) if stream.speaker is not None else None
        )
        self.gates = [IntegerGate(gate, dtype) for gate in stream.wavenet.gates]
        first, second = (_numbers(one) for one in stream.wavenet.head if isinstance(one, nn.Conv1d))
        self.head = [
            Linear(first[0][..., 0], first[1], dtype),
            Linear(second[0][..., 0], second[1], dtype),
        ]

    def told(
        self, codes: Sequence[Codes], frames: range, count: int, speaker: NDArray[np.uint8] | None
    ) -> list[Whole]:
        """What every gate is told of some of `count` frames: coarser codebooks' codes (n_l,), and the packed speaker vector."""
        reach = sum(len(taps) // 2 for taps in self.around)
        first, last = max(0, frames.start - reach), min(count, frames.stop + reach)
        places = np.arange(first, last)
        x = self.place[places % len(self.place)]
        for table, ratio, codebook in zip(self.coarser, self.ratios, codes, strict=True):
            x = x + table[codebook[places // ratio]]
        x = limited(x)
        for taps, bias in zip(self.around, self.around_bias, strict=True):
            side = len(taps) // 2
            padded = np.pad(
                x, ((side, side), (0, 0))
            )  # right at the ends; where it is not the end, those frames are dropped
            inside = bias + sum(tap.open(padded[i : i + len(x)]) for i, tap in enumerate(taps))
            x = limited(x + np.maximum(limited(shifted(inside, WEIGHT)), 0))
        x = x[frames.start - first : len(x) - (last - frames.stop)]
        if self.speaker is not None:
            x = limited(x + self.speaker(_vector(speaker, len(self.speaker.matrix), self.dtype)))
        return [gate.told(x) for gate in self.gates]

    def initial_state(self) -> list[Whole]:
        """The state before the first frame."""
        return [np.zeros((gate.past, gate.width), self.dtype) for gate in self.gates]

    def step(
        self, before: Codes, told: Sequence[Whole], state: list[Whole]
    ) -> tuple[NDArray[np.int64], list[Whole]]:
        """Frequencies (n, size) of codes from the ones before them (n,); `size` stands for none. told: of these n frames."""
        x, after = self.before[before], []
        total = np.zeros((len(x), self.head[0].matrix.shape[0]), self.dtype)
        for gate, known, past in zip(self.gates, told, state, strict=True):
            x, skip, now = gate.step(x, known, past)
            total = total + skip
            after.append(now)
        hidden = self.head[0](np.maximum(limited(total), 0))
        return frequencies(self.head[1](np.maximum(hidden, 0))), after


def integer_streams(prior: Prior, dtype: type = np.float64) -> list[IntegerStream]:
    """All streams of a prior. dtype: what carries the whole numbers, float64 (fast) or int64 (the reference)."""
    return [IntegerStream(stream, dtype) for stream in prior.streams]


def _vector(packed: NDArray[np.uint8] | None, size: int, dtype: type) -> Whole:
    """A packed speaker vector as activations (1, size); zeros for none. A step s of 16 is (2 s - 15) / 16."""
    if packed is None:
        return np.zeros((1, size), dtype)
    steps = np.stack([packed >> 4, packed & 15], -1).reshape(1, -1)[:, :size].astype(np.int64)
    return ((2 * steps - 15) << (ACTIVATION - 4)).astype(dtype)


def _numbers(layer: nn.Conv1d | nn.Linear) -> tuple[NDArray, NDArray]:
    """Weight and bias."""
    weight = layer.weight.detach().numpy()
    return weight, layer.bias.detach().numpy() if layer.bias is not None else np.zeros(len(weight))
