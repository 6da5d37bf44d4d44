"""T14: the phone probe on codes that mean nothing, everything, or one frame each."""

import numpy as np
import pytest

from speechvq.units.phones.mapping import accuracy, majority_map, shuffled_accuracy

PRIOR = [0.5, 0.2, 0.2, 0.1]


def labels(count, seed):
    return np.random.default_rng(seed).choice(4, count, p=PRIOR)


def test_majority_map_by_hand():
    codes, phones = np.array([0, 0, 0, 1, 1, 3]), np.array([2, 2, 1, 1, 0, 2])
    assert majority_map(codes, phones, 5).tolist() == [
        2,
        0,
        2,
        2,
        2,
    ]  # ties to the smaller, the unseen to the most frequent
    assert accuracy(codes, phones, majority_map(codes, phones, 5)) == pytest.approx(4 / 6)
    with pytest.raises(ValueError, match="3 codes and 2 labels"):
        majority_map(codes[:3], phones[:2], 5)


def test_shuffled_codes_score_as_the_majority_class():
    random = np.random.default_rng(0)
    train, test = labels(20_000, 1), labels(20_000, 2)
    codes, others = random.integers(16, size=20_000), random.integers(16, size=20_000)
    result = accuracy(others, test, majority_map(codes, train, 16))
    assert result == pytest.approx((test == 0).mean(), abs=1e-9)


def test_permuting_codes_changes_no_score_and_true_codes_score_more():
    random = np.random.default_rng(0)
    train, test = labels(20_000, 1), labels(20_000, 2)
    codes, others = (
        4 * train + random.integers(4, size=20_000),
        4 * test + random.integers(4, size=20_000),
    )
    assert accuracy(others, test, majority_map(codes, train, 16)) == 1.0
    assert shuffled_accuracy(codes, train, others, test, 16) == pytest.approx(
        (test == 0).mean(), abs=0.01
    )


def test_with_a_code_per_frame_only_held_out_accuracy_is_meaningful():
    train, test = labels(5_000, 1), labels(5_000, 2)
    own = np.arange(5_000)
    assert accuracy(own, train, majority_map(own, train, 5_000)) == 1.0
    assert accuracy(own, test, majority_map(own, train, 5_000)) == pytest.approx(
        sum(p * p for p in PRIOR), abs=0.02
    )
