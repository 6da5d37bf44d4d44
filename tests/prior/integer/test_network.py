"""The prior in fixed-point arithmetic: float64 equals int64, steps equal the full pass."""

import math

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from speechvq.errors import ModelError
from speechvq.nn.speaker import unpack_embeddings
from speechvq.prior.integer import arithmetic
from speechvq.prior.integer.network import integer_streams
from speechvq.prior.network import PriorNetwork
from tests.prior.integer.conftest import SHAPES, SPEAKER, codes


def all_frequencies(
    network: PriorNetwork,
    given: list[np.ndarray],
    dtype: type,
    chunk: int = 10_000,
    speaker: np.ndarray | None = SPEAKER,
) -> list[np.ndarray]:
    """The frequencies (n, size) of every codebook, computed `chunk` codes at a time."""
    arrays = []
    for index, (stream, codebook) in enumerate(
        zip(integer_streams(network, dtype), given, strict=True)
    ):
        previous = np.concatenate([[stream.codebook_size], codebook[:-1]]).astype(np.int64)
        state, rows = stream.initial_state(), []
        for first in range(0, len(codebook), chunk):
            part = range(first, min(first + chunk, len(codebook)))
            conditions = stream.conditions(given[:index], part, len(codebook), speaker)
            frequencies, state = stream.step(previous[part.start : part.stop], conditions, state)
            rows.append(frequencies)
        arrays.append(np.concatenate(rows))
    return arrays


def test_float64_and_int64_give_the_same_numbers(network):
    given = codes()
    for fast, reference in zip(
        all_frequencies(network, given, np.float64),
        all_frequencies(network, given, np.int64),
        strict=True,
    ):
        assert fast.dtype == reference.dtype == np.int64
        assert np.array_equal(fast, reference)


@pytest.mark.parametrize("chunk", [1, 7])
def test_code_by_code_is_the_full_pass(network, chunk):
    given = codes()
    full, stepped = (
        all_frequencies(network, given, np.float64),
        all_frequencies(network, given, np.float64, chunk),
    )
    assert all(map(np.array_equal, full, stepped))


def test_the_number_of_threads_changes_nothing(network):
    given, rows = codes(400), []
    for count in (1, 2):
        with threadpool_limits(count, user_api="blas"):
            rows.append(all_frequencies(network, given, np.float64))
    assert all(map(np.array_equal, *rows))


@torch.no_grad()
@pytest.mark.parametrize("known", [True, False])
def test_frequencies_are_those_of_the_float_prior_to_a_thousandth_of_a_bit(network, known):
    given = codes(200)
    tensors = [torch.from_numpy(codebook.astype(np.int64))[None] for codebook in given]
    speaker = unpack_embeddings(SPEAKER[None]) if known else None
    frequencies = all_frequencies(network, given, np.float64, speaker=SPEAKER if known else None)
    for depth, (stream, rows) in enumerate(zip(network.streams, frequencies, strict=True)):
        logits = stream(
            tensors[depth], stream.condition(tensors[:depth], len(given[depth]), speaker)
        )[0].T
        expected = torch.softmax(logits.double(), 1).numpy()
        shares = rows / rows.sum(1, keepdims=True)
        assert (expected * np.log2(expected / shares)).sum(1).mean() < 1e-3
        assert expected.max() > 2 / SHAPES[depth][1]
        assert rows.min() >= 1
        assert rows.sum(1).max() <= arithmetic.TOTAL


def test_tables_are_the_functions_to_the_last_bit():
    half = arithmetic.LIMIT // 2
    x = np.arange(-half, half + 1, dtype=np.float64)
    exact = arithmetic.UNIT / (1 + np.exp(-x / arithmetic.UNIT))
    assert np.abs(arithmetic.sigmoid(x) - exact).max() <= 0.5 + 1e-6
    assert np.abs(arithmetic.tanh(x) - arithmetic.UNIT * np.tanh(x / arithmetic.UNIT)).max() <= 1.01
    assert np.array_equal(
        arithmetic.sigmoid(x.astype(np.int64)), arithmetic.sigmoid(x).astype(np.int64)
    )
    assert arithmetic.sigmoid(np.array([-1e5, 1e5])).tolist() == [0, arithmetic.UNIT]
    steps = np.arange(0, 50_000, 97)
    assert (
        np.abs(
            arithmetic.exponential_table()[steps]
            - np.floor(2**30 * np.exp(-steps / arithmetic.UNIT))
        ).max()
        <= 1
    )


def test_rounding_is_to_the_nearest_halves_up():
    for dtype in (np.float64, np.int64):
        rows = arithmetic.shift(np.array([-6, -5, -2, -1, 0, 1, 2, 5, 6], dtype), 2)
        assert rows.tolist() == [math.floor(x / 4 + 0.5) for x in (-6, -5, -2, -1, 0, 1, 2, 5, 6)]
        assert rows.dtype == dtype


def test_weights_beyond_exact_arithmetic_are_refused_and_those_just_below_are_exact():
    with pytest.raises(ModelError, match="too large for exact arithmetic"):
        arithmetic.Linear(np.full((2, 600), 4000.0), None, np.float64)
    for wrong in (np.nan, np.inf, 1e6):
        with pytest.raises(ModelError, match="not finite in half precision"):
            arithmetic.Linear(np.full((2, 2), wrong), None, np.float64)
    random = np.random.default_rng(0)
    weight, x = (
        2000 * random.choice([-1.0, 1.0], (40, 256)),
        random.integers(-arithmetic.LIMIT, arithmetic.LIMIT + 1, (50, 256)),
    )
    assert 2.0**49 < 2000 * 2**arithmetic.WEIGHT_BITS * 256 * arithmetic.LIMIT < 2.0**50
    fast, reference = (
        arithmetic.Linear(weight, None, dtype).accumulate(x.astype(dtype))
        for dtype in (np.float64, np.int64)
    )
    assert np.array_equal(fast.astype(np.int64), reference)
