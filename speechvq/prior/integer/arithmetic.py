"""Arithmetic on whole numbers that every machine does alike, carried in float64 so that ordinary matrix products do it fast.

Activations are multiples of 2^-12, weights of 2^-14. Sums of products of whole numbers are exact in
float64 below 2^53, whatever the order of summation, the number of threads or the use of fused
operations; `Linear` refuses weights with which they could reach it. The same code runs on int64
arrays, as a reference.
"""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import ModelError

Whole = NDArray[Any]
"""Whole numbers, in float64 or int64."""

ACTIVATION, WEIGHT = 12, 14
"""Bits after the point."""
LIMIT = 1 << 17
"""Activations stay within +-LIMIT, 32 in real numbers."""
ONE = 1 << ACTIVATION
FREQUENCIES = 1 << 24
"""What the frequencies of a distribution add up to, at most."""
_PRECISION = 160


def whole(values: NDArray, bits: int, dtype: type) -> Whole:
    """Real numbers as multiples of 2^-bits; half precision to whole numbers is the same everywhere.

    Raises ModelError for what is no number in half precision.
    """
    if not (np.abs(values) <= np.finfo(np.float16).max).all():  # nor NaN
        raise ModelError(
            "the prior holds weights that are no numbers in half precision: fit it again with a "
            "lower optim.learning_rate"
        )
    return np.rint(values.astype(np.float16).astype(np.float64) * 2.0**bits).astype(dtype)


def shifted(x: Whole, bits: int) -> Whole:
    """Divide by 2^bits and round to the nearest whole number, halves up."""
    if x.dtype == np.int64:
        return (x + (1 << (bits - 1))) >> bits  # type: ignore[operator]
    return np.floor((x + 2.0 ** (bits - 1)) * 2.0**-bits)


def limited(x: Whole) -> Whole:
    """Within +-LIMIT."""
    return np.clip(x, -LIMIT, LIMIT)


class Linear:
    """Activations (n, in) to activations (n, out): a matrix (out, in) and a bias (out,), given as real numbers.

    Raises ModelError for weights so large that sums might not be exact.
    """

    def __init__(self, weight: NDArray, bias: NDArray | None, dtype: type) -> None:
        matrix = whole(weight, WEIGHT, dtype)
        offset = np.zeros(len(weight)) if bias is None else bias
        self.bias = whole(offset, ACTIVATION + WEIGHT, dtype)
        largest = float(np.abs(matrix.astype(np.float64)).sum(1).max()) * LIMIT + float(
            np.abs(self.bias).max()
        )
        if largest >= 2.0**50:  # eight such sums may be added
            raise ModelError(
                "the prior's weights are too large for exact arithmetic: fit it with a lower "
                "optim.learning_rate"
            )
        self.matrix = np.ascontiguousarray(matrix.T)

    def __call__(self, x: Whole) -> Whole:
        """Rounded, and within the limit."""
        return limited(shifted(x @ self.matrix + self.bias, WEIGHT))

    def open(self, x: Whole) -> Whole:
        """Before rounding, to be added to others: multiples of 2^-26."""
        return x @ self.matrix + self.bias


@cache
def decay(step_bits: int, count: int) -> tuple[int, ...]:
    """exp(-i 2^-step_bits) for i < count, as multiples of 2^-160, by whole numbers alone."""
    unit = 1 << _PRECISION
    term, factor, n = unit, 0, 0
    while term:  # exp(-h) by its series, h = 2^-step_bits
        factor += term if n % 2 == 0 else -term
        n += 1
        term = (term >> step_bits) // n
    found, value = [], unit
    for _ in range(count):
        found.append(value)
        value = (value * factor) >> _PRECISION
    return tuple(found)


@cache
def sigmoids(dtype: type) -> Whole:
    """sigmoid(i 2^-12) for i from -LIMIT / 2 to LIMIT / 2, as activations; further out it is the same to the last bit."""
    unit = 1 << _PRECISION
    positive = [
        (2 * unit * ONE + unit + small) // (2 * (unit + small))
        for small in decay(ACTIVATION, LIMIT // 2 + 1)
    ]
    return np.array([ONE - one for one in positive[:0:-1]] + positive, dtype)


def sigmoid(x: Whole) -> Whole:
    """Of activations, from the table."""
    half = LIMIT // 2
    return sigmoids(x.dtype.type)[np.clip(x, -half, half).astype(np.int64) + half]


def tanh(x: Whole) -> Whole:
    """2 sigmoid(2 x) - 1."""
    return 2 * sigmoid(2 * x) - ONE


@cache
def exponentials() -> NDArray[np.int64]:
    """exp(-i 2^-12) as multiples of 2^-30, until it is nothing."""
    values = np.array(
        [value >> (_PRECISION - 30) for value in decay(ACTIVATION, 22 << ACTIVATION)], np.int64
    )
    return np.append(values[values > 0], 0)


def frequencies(logits: Whole) -> NDArray[np.int64]:
    """Activations (..., k), logits, to whole numbers in proportion to their softmax: at least 1 each, FREQUENCIES at most."""
    table = exponentials()
    below = (logits.max(-1, keepdims=True) - logits).astype(np.int64)
    shares = table[np.minimum(below, len(table) - 1)]
    room = FREQUENCIES - logits.shape[-1]
    return 1 + shares * room // shares.sum(-1, keepdims=True)
