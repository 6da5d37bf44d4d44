"""Bit rates, run lengths and usage: by hand, against counting, and by the laws between them."""

from collections import Counter
from itertools import groupby
from math import log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechvq.errors import UnitsError
from speechvq.units.usage.rates import bit_rate, bit_rates, run_lengths, runs, usage

CODES = st.lists(st.integers(0, 3), max_size=30)
SETS = st.lists(CODES, min_size=1, max_size=4).filter(any)


def arrays(sets):
    return [np.array(codes, int) for codes in sets]


def slow_rate(symbols, seconds):
    counts = Counter(symbols)
    return -sum(count * log2(count / len(symbols)) for count in counts.values()) / seconds


def test_by_hand():
    assert bit_rate([np.array([0, 1, 2, 3]), np.array([0, 1, 2, 3])], 0.5) == pytest.approx(
        32
    )  # 16 symbols a second, 2 bits
    rates = bit_rates([np.array([0, 0, 0, 1, 1, 0])], 2)
    assert rates.frames == pytest.approx(3 * (4 / 6 * log2(6 / 4) + 2 / 6 * log2(3)))
    assert rates.deduplicated == pytest.approx(1.5 * (2 / 3 * log2(3 / 2) + 1 / 3 * log2(3)))
    assert rates.with_durations == pytest.approx(1.5 * log2(3))  # three different pairs


def test_the_published_rate_and_perplexity_of_a_peer_agree():
    """412 bit/s at 50 Hz is a perplexity of 303 (reference, A3)."""
    assert bit_rate([np.arange(303)], 303 / 50) == pytest.approx(412, abs=0.5)
    assert usage([np.arange(303)], 512).perplexity == pytest.approx(303)


@settings(max_examples=40, deadline=None)
@given(SETS, st.floats(0.1, 100))
def test_rates_equal_counting(sets, seconds):
    rates = bit_rates(arrays(sets), seconds)
    grouped = [(code, len(list(group))) for codes in sets for code, group in groupby(codes)]
    assert rates.frames == pytest.approx(
        slow_rate([code for codes in sets for code in codes], seconds), abs=1e-9
    )
    assert rates.deduplicated == pytest.approx(
        slow_rate([code for code, _ in grouped], seconds), abs=1e-9
    )
    assert rates.with_durations == pytest.approx(slow_rate(grouped, seconds), abs=1e-9)
    assert rates.deduplicated <= rates.with_durations + 1e-9


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=30))
def test_tuples_are_symbols_and_cost_at_most_their_codebooks(pairs):
    codes = np.array(pairs)
    joint = bit_rate([codes], 1)
    assert joint == pytest.approx(slow_rate(pairs, 1), abs=1e-9)
    assert joint <= bit_rate([codes[:, 0]], 1) + bit_rate([codes[:, 1]], 1) + 1e-9
    assert bit_rates([codes], 1).deduplicated == pytest.approx(
        slow_rate([pair for pair, _ in groupby(pairs)], 1), abs=1e-9
    )


def test_a_code_per_frame_costs_as_much_as_continuous_vectors():
    assert bit_rate([np.arange(1000)], 10) == pytest.approx(100 * log2(1000))
    assert bit_rate([np.zeros(1000, int)], 10) == 0


@settings(max_examples=40, deadline=None)
@given(CODES)
def test_runs_say_the_same(codes):
    kept, lengths = runs(np.array(codes, int))
    assert np.repeat(kept, lengths).tolist() == codes
    assert (kept[1:] != kept[:-1]).all()
    assert (lengths > 0).all()


def test_run_lengths_by_hand():
    lengths = run_lengths(
        [np.array([0, 0, 0, 1]), np.array([1, 2, 2])], 25
    )  # 3, 1, 1, 2 frames: runs end with utterances
    assert (lengths.mean, lengths.median, lengths.frame) == (70, 60, 40)
    assert lengths.histogram == [(40, 2), (80, 1), (120, 1)]


@settings(max_examples=40, deadline=None)
@given(SETS, st.sampled_from([12.5, 25.0, 50.0]))
def test_run_lengths_cover_all_frames(sets, rate):
    lengths = run_lengths(arrays(sets), rate)
    assert sum(length * count for length, count in lengths.histogram) == pytest.approx(
        sum(map(len, sets)) * 1000 / rate
    )
    assert lengths.mean * lengths.counts.sum() == pytest.approx(sum(map(len, sets)) * 1000 / rate)


def test_usage_by_hand():
    use = usage([np.array([0, 0, 3]), np.array([0])], 6)
    assert use.counts.tolist() == [3, 0, 0, 1, 0, 0]
    assert (use.used, use.top) == (2, 0.75)
    assert use.perplexity == pytest.approx(2 ** (2 - 0.75 * log2(3)))


@settings(max_examples=40, deadline=None)
@given(SETS)
def test_perplexity_lies_between_one_and_the_codes_used(sets):
    use = usage(arrays(sets), 4)
    assert 1 - 1e-9 <= use.perplexity <= use.used + 1e-9
    assert use.counts.sum() == sum(map(len, sets))


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: bit_rate([], 1), "0 symbols in 1 s"),
        (lambda: bit_rate([np.zeros(0, int)], 1), "0 symbols in 1 s"),
        (lambda: bit_rate([np.zeros(2, int)], 0), "2 symbols in 0 s"),
        (lambda: bit_rates([np.zeros(0, int)], 1), "0 symbols"),
        (lambda: run_lengths([], 25), "0 runs"),
        (lambda: run_lengths([np.zeros(3, int)], 0), "at 0 frames per second"),
        (lambda: usage([], 4), "no codes to count"),
        (lambda: usage([np.array([1, 4])], 4), "from 1 to 4 exceed a codebook of 4"),
        (lambda: usage([np.array([-1, 3])], 4), "from -1 to 3"),
    ],
)
def test_bad_input_is_named(ask, message):
    with pytest.raises(UnitsError, match=message):
        ask()
