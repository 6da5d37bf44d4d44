"""The prior in whole numbers: the same in float64 and int64, in one pass and code by code, and near to the float prior."""

import math

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

from speechvq.errors import ModelError
from speechvq.prior.batches import vectors
from speechvq.prior.integer import arithmetic as fixed
from speechvq.prior.integer.network import integer_streams
from speechvq.prior.network import Prior, PriorConfig

TABLE = ((640, 17), (640, 9), (320, 33))
SPEAKER = np.array([0x0F, 0x37, 0xA8], np.uint8)


@pytest.fixture(scope="module")
def prior() -> Prior:
    """An untrained prior with weights as large as those of a trained one."""
    torch.manual_seed(0)
    found = Prior(
        PriorConfig(width=24, skip=32, layers=5, cycle=3, around=2), TABLE, speaker=6
    ).eval()
    with torch.no_grad():
        for one in found.parameters():
            one.copy_((2 * one).half().float())
    return found


def codes(frames: int = 40, seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(0, size, frames * 640 // hop).astype(np.uint16) for hop, size in TABLE]


def all_frequencies(
    prior: Prior,
    given: list[np.ndarray],
    dtype: type,
    pieces: int = 10_000,
    speaker: np.ndarray | None = SPEAKER,
) -> list[np.ndarray]:
    """Of every codebook (n, size), `pieces` codes at a time."""
    found = []
    for depth, (stream, codebook) in enumerate(
        zip(integer_streams(prior, dtype), given, strict=True)
    ):
        before, state, rows = (
            np.concatenate([[stream.size], codebook[:-1]]).astype(np.int64),
            stream.initial_state(),
            [],
        )
        for first in range(0, len(codebook), pieces):
            part = range(first, min(first + pieces, len(codebook)))
            told = stream.told(given[:depth], part, len(codebook), speaker)
            some, state = stream.step(before[part.start : part.stop], told, state)
            rows.append(some)
        found.append(np.concatenate(rows))
    return found


def test_float64_and_int64_give_the_same_numbers(prior):
    given = codes()
    for one, other in zip(
        all_frequencies(prior, given, np.float64),
        all_frequencies(prior, given, np.int64),
        strict=True,
    ):
        assert one.dtype == other.dtype == np.int64
        assert np.array_equal(one, other)


@pytest.mark.parametrize("pieces", [1, 7])
def test_code_by_code_is_the_full_pass(prior, pieces):
    given = codes()
    whole, stepped = (
        all_frequencies(prior, given, np.float64),
        all_frequencies(prior, given, np.float64, pieces),
    )
    assert all(map(np.array_equal, whole, stepped))


def test_the_number_of_threads_changes_nothing(prior):
    given, found = codes(400), []
    for count in (1, 2):
        with threadpool_limits(count, user_api="blas"):
            found.append(all_frequencies(prior, given, np.float64))
    assert all(map(np.array_equal, *found))


@torch.no_grad()
@pytest.mark.parametrize("known", [True, False])
def test_frequencies_are_those_of_the_float_prior_to_a_thousandth_of_a_bit(prior, known):
    given = codes(200)
    tensors = [torch.from_numpy(codebook.astype(np.int64))[None] for codebook in given]
    speaker = vectors(SPEAKER[None]) if known else None
    found = all_frequencies(prior, given, np.float64, speaker=SPEAKER if known else None)
    for depth, (stream, rows) in enumerate(zip(prior.streams, found, strict=True)):
        logits = stream(
            tensors[depth], stream.condition(tensors[:depth], len(given[depth]), speaker)
        )[0].T
        wanted = torch.softmax(logits.double(), 1).numpy()
        shares = rows / rows.sum(1, keepdims=True)
        assert (wanted * np.log2(wanted / shares)).sum(1).mean() < 1e-3
        assert wanted.max() > 2 / TABLE[depth][1]
        assert rows.min() >= 1
        assert rows.sum(1).max() <= fixed.FREQUENCIES


def test_tables_are_the_functions_to_the_last_bit():
    half = fixed.LIMIT // 2
    x = np.arange(-half, half + 1, dtype=np.float64)
    exact = fixed.ONE / (1 + np.exp(-x / fixed.ONE))
    assert np.abs(fixed.sigmoid(x) - exact).max() <= 0.5 + 1e-6
    assert np.abs(fixed.tanh(x) - fixed.ONE * np.tanh(x / fixed.ONE)).max() <= 1.01
    assert np.array_equal(fixed.sigmoid(x.astype(np.int64)), fixed.sigmoid(x).astype(np.int64))
    assert fixed.sigmoid(np.array([-1e5, 1e5])).tolist() == [0, fixed.ONE]
    steps = np.arange(0, 50_000, 97)
    assert (
        np.abs(fixed.exponentials()[steps] - np.floor(2**30 * np.exp(-steps / fixed.ONE))).max()
        <= 1
    )


def test_rounding_is_to_the_nearest_halves_up():
    for dtype in (np.float64, np.int64):
        found = fixed.shifted(np.array([-6, -5, -2, -1, 0, 1, 2, 5, 6], dtype), 2)
        assert found.tolist() == [math.floor(x / 4 + 0.5) for x in (-6, -5, -2, -1, 0, 1, 2, 5, 6)]
        assert found.dtype == dtype


def test_weights_beyond_exact_arithmetic_are_refused_and_those_just_below_are_exact():
    with pytest.raises(ModelError, match="too large for exact arithmetic"):
        fixed.Linear(np.full((2, 600), 4000.0), None, np.float64)
    for wrong in (np.nan, np.inf, 1e6):
        with pytest.raises(ModelError, match="no numbers in half precision"):
            fixed.Linear(np.full((2, 2), wrong), None, np.float64)
    random = np.random.default_rng(0)
    weight, x = (
        2000 * random.choice([-1.0, 1.0], (40, 256)),
        random.integers(-fixed.LIMIT, fixed.LIMIT + 1, (50, 256)),
    )
    assert 2.0**49 < 2000 * 2**fixed.WEIGHT * 256 * fixed.LIMIT < 2.0**50
    one, other = (
        fixed.Linear(weight, None, dtype).open(x.astype(dtype)) for dtype in (np.float64, np.int64)
    )
    assert np.array_equal(one.astype(np.int64), other)
