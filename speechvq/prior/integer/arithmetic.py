"""Fixed-point arithmetic that gives the same integers on every machine.

Activations are multiples of 2^-12, weights of 2^-14. The integers are carried in float64, so that
ordinary matrix products compute them: sums of products of integers are exact in float64 below 2^53,
whatever the order of summation, the number of threads or the use of fused operations; `Linear`
refuses weights with which a sum could reach it. The same code runs on int64 arrays, as reference.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import ModelError

Integers = NDArray[Any]
"""Integers, in float64 or int64."""

ACTIVATION_BITS, WEIGHT_BITS = 12, 14
"""Bits after the binary point."""
LIMIT = 1 << 17
"""Activations stay within +-LIMIT, which is 32 in real numbers."""
UNIT = 1 << ACTIVATION_BITS
"""1.0 as an activation."""
TOTAL = 1 << 24
"""Largest sum of the frequencies of a distribution."""
_PRECISION = 160


def to_fixed_point(values: NDArray, bits: int, dtype: type) -> Integers:
    """Real numbers as multiples of 2^-bits, by way of half precision.

    From half precision to integers, rounding is the same everywhere. Raises ModelError for values
    that are not finite in half precision.
    """
    if not (np.abs(values) <= np.finfo(np.float16).max).all():  # false for NaN, too
        raise ModelError(
            "the prior has weights that are not finite in half precision: train it again with a "
            "lower optim.learning_rate"
        )
    return np.rint(values.astype(np.float16).astype(np.float64) * 2.0**bits).astype(dtype)


def shift(x: Integers, bits: int) -> Integers:
    """Divide by 2^bits and round to the nearest integer, halves up."""
    if x.dtype == np.int64:
        return (x + (1 << (bits - 1))) >> bits
    return np.floor((x + 2.0 ** (bits - 1)) * 2.0**-bits)


def clamp(x: Integers) -> Integers:
    """Limit activations to +-LIMIT."""
    return np.clip(x, -LIMIT, LIMIT)


class Linear:
    """Activations (n, in) to activations (n, out).

    weight (out, in) and bias (out,) are given as real numbers. Raises ModelError for weights so
    large that sums might not be exact.
    """

    def __init__(self, weight: NDArray, bias: NDArray | None, dtype: type) -> None:
        matrix = to_fixed_point(weight, WEIGHT_BITS, dtype)
        offset = np.zeros(len(weight)) if bias is None else bias
        self.bias = to_fixed_point(offset, ACTIVATION_BITS + WEIGHT_BITS, dtype)
        row_sums = np.abs(matrix.astype(np.float64)).sum(1)
        largest = float(row_sums.max()) * LIMIT + float(np.abs(self.bias).max())
        if largest >= 2.0**50:  # up to eight such sums are added
            raise ModelError(
                "the prior's weights are too large for exact arithmetic: train it with a lower "
                "optim.learning_rate"
            )
        self.matrix = np.ascontiguousarray(matrix.T)

    def __call__(self, x: Integers) -> Integers:
        """The output as activations, rounded and clamped."""
        return clamp(shift(self.accumulate(x), WEIGHT_BITS))

    def accumulate(self, x: Integers) -> Integers:
        """The output before rounding, multiples of 2^-26, to be added to others."""
        return x @ self.matrix + self.bias


@cache
def exponential_decay(step_bits: int, count: int) -> tuple[int, ...]:
    """exp(-i 2^-step_bits) for i < count, as multiples of 2^-160, computed in integers."""
    unit = 1 << _PRECISION
    term, factor, n = unit, 0, 0
    while term:  # the series of exp(-h), h = 2^-step_bits
        factor += term if n % 2 == 0 else -term
        n += 1
        term = (term >> step_bits) // n
    powers, power = [], unit
    for _ in range(count):
        powers.append(power)
        power = (power * factor) >> _PRECISION
    return tuple(powers)


@cache
def sigmoid_table(dtype: type) -> Integers:
    """sigmoid(i 2^-12) for i from -LIMIT / 2 to LIMIT / 2, as activations.

    Beyond, the sigmoid equals the ends of the table to the last bit.
    """
    unit = 1 << _PRECISION
    positive = [
        (2 * unit * UNIT + unit + power) // (2 * (unit + power))
        for power in exponential_decay(ACTIVATION_BITS, LIMIT // 2 + 1)
    ]
    return np.array([UNIT - value for value in positive[:0:-1]] + positive, dtype)


def sigmoid(x: Integers) -> Integers:
    """The sigmoid of activations, from the table."""
    half = LIMIT // 2
    return sigmoid_table(x.dtype.type)[np.clip(x, -half, half).astype(np.int64) + half]


def tanh(x: Integers) -> Integers:
    """2 sigmoid(2 x) - 1, of activations."""
    return 2 * sigmoid(2 * x) - UNIT


@cache
def exponential_table() -> NDArray[np.int64]:
    """exp(-i 2^-12) as multiples of 2^-30, as far as it is not 0, and one 0."""
    powers = exponential_decay(ACTIVATION_BITS, 22 << ACTIVATION_BITS)
    values = np.array([power >> (_PRECISION - 30) for power in powers], np.int64)
    return np.append(values[values > 0], 0)


def frequencies(logits: Integers) -> NDArray[np.int64]:
    """Logits (..., k), as activations, to integers proportional to their softmax.

    Each is at least 1; their sum is at most TOTAL.
    """
    table = exponential_table()
    below_maximum = (logits.max(-1, keepdims=True) - logits).astype(np.int64)
    weights = table[np.minimum(below_maximum, len(table) - 1)]
    room = TOTAL - logits.shape[-1]
    return 1 + weights * room // weights.sum(-1, keepdims=True)
