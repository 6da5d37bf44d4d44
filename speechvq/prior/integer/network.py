"""The prior in fixed-point arithmetic: the same frequencies of codes on every machine.

The range coder of writer and reader relies on it. The arithmetic is that of `arithmetic`; the
structure is that of `prior.network` and `prior.wavenet`, whose float results it approximates.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import nn

from speechvq.nn.speaker import unpack_steps
from speechvq.prior.integer.arithmetic import (
    ACTIVATION_BITS,
    WEIGHT_BITS,
    Integers,
    Linear,
    clamp,
    frequencies,
    shift,
    sigmoid,
    tanh,
    to_fixed_point,
)
from speechvq.prior.network import PriorNetwork, Stream
from speechvq.prior.wavenet import ContextNetwork, GatedLayer

CodeArray = NDArray[np.integer]


class IntegerGatedLayer:
    """`GatedLayer` on rows (n, width)."""

    def __init__(self, layer: GatedLayer, dtype: type) -> None:
        if layer.condition is None:
            raise ValueError("a layer of a stream has a condition")
        self.taps, self.bias = _convolution(layer.filter, dtype)
        self.condition_map = Linear(_parameters(layer.condition)[0][..., 0], None, dtype)
        weight, bias = _parameters(layer.out)
        self.out = Linear(weight[..., 0], bias, dtype)
        self.past, self.width, self.dtype = layer.past, layer.width, dtype

    def condition(self, condition: Integers) -> Integers:
        """The part of the activation that depends on the condition (n, c), unrounded."""
        return self.condition_map.accumulate(condition) + self.bias

    def step(
        self, x: Integers, condition: Integers, state: Integers
    ) -> tuple[Integers, Integers, Integers]:
        """Rows (n, width) to the residual output, the skip output and the next state.

        condition: as `condition` gives it; state: (past, width)
        """
        inputs = np.concatenate([state, x])
        n, dilation = len(x), self.past // max(1, len(self.taps) - 1)
        activation = condition + sum(
            tap.accumulate(inputs[i * dilation : i * dilation + n])
            for i, tap in enumerate(self.taps)
        )
        activation = clamp(shift(activation, WEIGHT_BITS))
        signal, gate = activation[:, : self.width], activation[:, self.width :]
        y = self.out(shift(tanh(signal) * sigmoid(gate), ACTIVATION_BITS))
        return clamp(x + y[:, : self.width]), y[:, self.width :], inputs[n:]


class IntegerContextNetwork:
    """`ContextNetwork` on rows (n, width)."""

    def __init__(self, network: ContextNetwork, dtype: type) -> None:
        self.layers = [_convolution(layer, dtype) for layer in network.layers]
        self.reach = sum(len(taps) // 2 for taps, _ in self.layers)

    def __call__(self, x: Integers) -> Integers:
        """Transform rows; only those at least `reach` from a cut are right."""
        for taps, bias in self.layers:
            side = len(taps) // 2
            padded = np.pad(x, ((side, side), (0, 0)))
            sums = bias + sum(tap.accumulate(padded[i : i + len(x)]) for i, tap in enumerate(taps))
            x = clamp(x + np.maximum(clamp(shift(sums, WEIGHT_BITS)), 0))
        return x


class IntegerStream:
    """`Stream`: frequencies of the codes of one codebook."""

    def __init__(self, stream: Stream, dtype: type = np.float64) -> None:
        self.codebook_size, self.ratios, self.dtype = stream.codebook_size, stream.ratios, dtype
        self.previous_code_embedding = _embedding(stream.previous_code_embedding, dtype)
        self.position_embedding = _embedding(stream.position_embedding, dtype)
        self.coarser_embeddings = [_embedding(layer, dtype) for layer in stream.coarser_embeddings]
        self.context_network = IntegerContextNetwork(stream.context_network, dtype)
        projection = stream.speaker_projection
        self.speaker_projection = (
            Linear(*_parameters(projection), dtype) if projection is not None else None
        )
        self.layers = [IntegerGatedLayer(layer, dtype) for layer in stream.wavenet.layers]
        first, second = (layer for layer in stream.wavenet.head if isinstance(layer, nn.Conv1d))
        self.head = [_pointwise(first, dtype), _pointwise(second, dtype)]

    def conditions(
        self,
        coarser_codes: Sequence[CodeArray],
        frames: range,
        n_frames: int,
        speaker_embedding: NDArray[np.uint8] | None,
    ) -> list[Integers]:
        """The condition of every layer at `frames`, a part of all `n_frames` of the recording.

        coarser_codes: codes (n_l,) of each coarser codebook; speaker_embedding: packed
        """
        reach = self.context_network.reach
        first, last = max(0, frames.start - reach), min(n_frames, frames.stop + reach)
        positions = np.arange(first, last)
        x = self.position_embedding[positions % len(self.position_embedding)]
        for embedding, ratio, codes in zip(
            self.coarser_embeddings, self.ratios, coarser_codes, strict=True
        ):
            x = x + embedding[codes[positions // ratio]]
        x = self.context_network(clamp(x))
        x = x[frames.start - first : len(x) - (last - frames.stop)]
        if self.speaker_projection is not None:
            size = len(self.speaker_projection.matrix)
            embedding = _speaker_embedding(speaker_embedding, size, self.dtype)
            x = clamp(x + self.speaker_projection(embedding))
        return [layer.condition(x) for layer in self.layers]

    def initial_state(self) -> list[Integers]:
        """The state before the first frame."""
        return [np.zeros((layer.past, layer.width), self.dtype) for layer in self.layers]

    def step(
        self, previous: CodeArray, conditions: Sequence[Integers], state: list[Integers]
    ) -> tuple[NDArray[np.int64], list[Integers]]:
        """Frequencies (n, codebook_size) of n codes, and the next state.

        previous: the code before each, (n,); `codebook_size` stands for none
        conditions: of these n frames, for every layer
        """
        x, next_state = self.previous_code_embedding[previous], []
        skips = np.zeros((len(x), self.head[0].matrix.shape[0]), self.dtype)
        for layer, condition, before in zip(self.layers, conditions, state, strict=True):
            x, skip, after = layer.step(x, condition, before)
            skips = skips + skip
            next_state.append(after)
        hidden = self.head[0](np.maximum(clamp(skips), 0))
        return frequencies(self.head[1](np.maximum(hidden, 0))), next_state


def integer_streams(network: PriorNetwork, dtype: type = np.float64) -> list[IntegerStream]:
    """All streams of a prior. dtype: carries the integers, float64 (fast) or int64 (reference)."""
    return [IntegerStream(stream, dtype) for stream in network.streams]


def _speaker_embedding(packed: NDArray[np.uint8] | None, size: int, dtype: type) -> Integers:
    """A packed speaker embedding as activations (1, size); zeros for none.

    A step s of 16 stands for (2 s - 15) / 16.
    """
    if packed is None:
        return np.zeros((1, size), dtype)
    steps = unpack_steps(packed[None], size)
    return ((2 * steps - 15) << (ACTIVATION_BITS - 4)).astype(dtype)


def _embedding(layer: nn.Embedding, dtype: type) -> Integers:
    """The vectors of an embedding as activations, (size, width)."""
    return clamp(to_fixed_point(layer.weight.numpy(force=True), ACTIVATION_BITS, dtype))


def _convolution(layer: nn.Conv1d, dtype: type) -> tuple[list[Linear], Integers]:
    """A convolution as a linear map for each tap, and its bias as multiples of 2^-26."""
    weight, bias = _parameters(layer)
    taps = [Linear(weight[..., i], None, dtype) for i in range(weight.shape[-1])]
    return taps, to_fixed_point(bias, ACTIVATION_BITS + WEIGHT_BITS, dtype)


def _pointwise(layer: nn.Conv1d, dtype: type) -> Linear:
    """A convolution of kernel size 1 as a linear map."""
    weight, bias = _parameters(layer)
    return Linear(weight[..., 0], bias, dtype)


def _parameters(layer: nn.Conv1d | nn.Linear) -> tuple[NDArray, NDArray]:
    """Weight and bias; zeros for a layer without bias."""
    weight = layer.weight.numpy(force=True)
    return weight, layer.bias.numpy(force=True) if layer.bias is not None else np.zeros(len(weight))
