"""Count models against a slow, obvious one; probabilities sum to one; known sources."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from speechvq.prior.counts import (
    CountModel,
    coarser_code,
    joint,
    order_0,
    previous_codes,
    witten_bell,
)

SIZE = 5


def recordings(count: int = 6, frames: int = 40, seed: int = 0) -> list[tuple[np.ndarray, ...]]:
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        coarse = random.integers(0, SIZE, frames)
        fine = (np.repeat(coarse, 2) + (random.random(2 * frames) < 0.3)) % SIZE
        rows.append((coarse.astype(np.uint16), fine.astype(np.uint16)))
    return rows


def oracle(train: list, test: tuple, order: int) -> list[float]:
    """Witten-Bell over the past of codebook 1, with dictionaries, one code at a time."""
    tables = [defaultdict(Counter) for _ in range(order + 1)]
    padded = lambda codes: [SIZE] * order + [int(code) for code in codes]  # noqa: E731
    for codebooks in train:
        codes = padded(codebooks[1])
        for position in range(order, len(codes)):
            for length, table in enumerate(tables):
                table[tuple(codes[position - length : position])][codes[position]] += 1
    rows, codes = [], padded(test[1])
    for position in range(order, len(codes)):
        probability = 1 / SIZE
        for length, table in enumerate(tables):
            seen = table.get(tuple(codes[position - length : position]))
            if seen:
                probability = (seen[codes[position]] + len(seen) * probability) / (
                    seen.total() + len(seen)
                )
        rows.append(-np.log2(probability))
    return rows


@pytest.mark.parametrize("order", [0, 1, 2])
def test_bits_are_those_of_the_slow_model(order):
    train, test = recordings(), recordings(seed=1)[0]
    model = CountModel(train, 1, SIZE, [previous_codes(length) for length in range(order + 1)])
    assert np.allclose(model.bits(test), oracle(train, test, order))


def test_probabilities_sum_to_one_in_known_and_unknown_contexts():
    model = CountModel(
        recordings(), 1, SIZE, [order_0, coarser_code, joint(coarser_code, previous_codes(2))]
    )
    coarse, fine = recordings(1, seed=3)[0]
    for position in range(4, 10):
        total = 0.0
        for code in range(SIZE):
            changed = fine.copy()
            changed[position] = code
            total += 2 ** -model.bits((coarse, changed))[position]
        assert total == pytest.approx(1)


def test_a_coarser_code_leaves_the_conditional_entropy():
    """Fine codes are the coarse code plus 0 or 1, with .7 and .3: .88 bits given the coarse."""
    train, test = recordings(400), recordings(50, seed=1)
    plain = CountModel(train, 1, SIZE, [order_0])
    given_coarser = CountModel(train, 1, SIZE, [order_0, coarser_code])
    assert np.mean([plain.bits(codes).mean() for codes in test]) == pytest.approx(
        np.log2(SIZE), abs=0.02
    )
    assert np.mean([given_coarser.bits(codes).mean() for codes in test]) == pytest.approx(
        0.8813, abs=0.03
    )
    first = CountModel(train, 0, SIZE, [order_0, coarser_code])
    assert np.allclose(
        first.bits(test[0]), CountModel(train, 0, SIZE, [order_0, order_0]).bits(test[0])
    )


def test_witten_bell_smoothing_is_the_formula():
    """A context seen 6 times with 2 different codes: the shorter context has the weight 2 / 8."""
    count, backoff = np.array([4, 2, 0]), np.array([0.2, 0.3, 0.5])
    smoothed = witten_bell(count, np.array(6), np.array(2), backoff)
    assert smoothed == pytest.approx([4.4 / 8, 2.6 / 8, 1 / 8])
    assert smoothed.sum() == pytest.approx(1)
    unseen = witten_bell(np.zeros(3), np.array(0), np.array(0), backoff)
    assert np.array_equal(unseen, backoff)
