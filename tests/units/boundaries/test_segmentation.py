"""Duration-penalized segmentation: against all segmentations, by laws, on known segments."""

import time
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechvq.errors import UnitsError
from speechvq.units.boundaries.segmentation import (
    automatic_weight,
    segment,
    segment_costs,
    squared_distances,
)
from speechvq.units.usage.rates import runs

TABLES = st.integers(1, 8).flatmap(
    lambda frames: st.lists(
        st.lists(st.integers(0, 9), min_size=3, max_size=3), min_size=frames, max_size=frames
    )
)


def price(distances, ends, weight):
    """What a cut costs, by the formula."""
    pieces = [distances[a:b] for a, b in pairwise([0, *ends])]
    return sum(piece.sum(0).min() - weight * (len(piece) - 1) for piece in pieces)


def all_cuts(count, longest):
    """The ends of every way to cut `count` frames."""
    for inner in (
        chosen for many in range(count) for chosen in combinations(range(1, count), many)
    ):
        ends = [*inner, count]
        if max(np.diff([0, *ends])) <= longest:
            yield ends


@settings(max_examples=60, deadline=None)
@given(TABLES, st.integers(0, 12), st.integers(1, 9))
def test_equals_trying_every_cut(table, weight, longest):
    distances = np.array(table, np.float64)
    segments = segment(segment_costs(distances, longest), weight)
    assert segments.ends.tolist() in list(all_cuts(len(table), longest))
    least = min(price(distances, ends, weight) for ends in all_cuts(len(table), longest))
    assert price(distances, segments.ends, weight) == pytest.approx(least)
    for code, (a, b) in zip(segments.codes, pairwise([0, *segments.ends]), strict=True):
        assert code == distances[a:b].sum(0).argmin()


def test_by_hand():
    """One odd frame in a run: 5 dearer in the company of the others than alone."""
    distances = np.array([[0, 9], [0, 9], [5, 0], [0, 9], [9, 0.0]])
    costs = segment_costs(distances)
    assert segment(costs, 1).ends.tolist() == [
        2,
        3,
        4,
        5,
    ]  # alone it saves 5, and costs 2 segments more
    assert segment(costs, 3).ends.tolist() == [4, 5]
    assert segment(costs, 3).codes.tolist() == [0, 1]
    assert segment(costs, 3).frames().tolist() == [0, 0, 0, 0, 1]
    assert segment(costs, 3).boundaries(50).tolist() == [0.08]
    assert segment(costs, 10).ends.tolist() == [5]  # 14 on code 0 against 5 and a segment more
    assert segment(segment_costs(distances, 2), 10).ends.tolist() == [2, 4, 5]


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60), st.integers(0, 100), st.lists(st.floats(0, 20), min_size=2, max_size=4))
def test_more_weight_never_gives_more_segments(count, seed, weights):
    costs = segment_costs(np.random.default_rng(seed).uniform(0, 10, (count, 4)))
    counts = [len(segment(costs, weight).ends) for weight in sorted(weights)]
    assert counts == sorted(counts, reverse=True)


def test_without_a_weight_frames_have_their_nearest_codes():
    random = np.random.default_rng(0)
    distances = squared_distances(random.normal(size=(50, 4)), random.normal(size=(8, 4)))
    segments = segment(segment_costs(distances), 0)
    assert segments.frames().tolist() == distances.argmin(1).tolist()
    merged = segment(segment_costs(distances), 1e-6)
    assert merged.codes.tolist() == runs(distances.argmin(1))[0].tolist()


def test_an_endless_weight_gives_the_fewest_segments():
    costs = segment_costs(np.random.default_rng(0).uniform(size=(47, 3)), 15)
    assert len(segment(costs, 1e9).ends) == 4


def test_squared_distances_are_those_of_the_definition():
    random = np.random.default_rng(0)
    z, e = random.normal(size=(5, 3)), random.normal(size=(4, 3))
    assert squared_distances(z, e) == pytest.approx(((z[:, None] - e) ** 2).sum(2))
    assert (squared_distances(e, e) >= 0).all()


def noisy(seconds, seed=0):
    """Vectors at 50 Hz of phones of 80 ms in the mean, their codebook, and where they change."""
    random = np.random.default_rng(seed)
    lengths = random.integers(2, 7, int(seconds * 12.5))
    codes = random.integers(1, 16, len(lengths)).cumsum() % 16  # never the same twice
    codebook = random.normal(size=(16, 8))
    true = np.repeat(codes, lengths)
    return codebook[true] + random.normal(size=(len(true), 8)), codebook, true


def test_the_automatic_weight_meets_the_rate_and_finds_the_segments():
    utterances = [noisy(8, seed) for seed in range(3)]
    costs = [segment_costs(squared_distances(z, e)) for z, e, _ in utterances]
    weight = automatic_weight(costs, 50, 12.5)
    segments = [segment(cost, weight) for cost in costs]
    frames = sum(cost.frames for cost in costs)
    assert sum(len(cut.ends) for cut in segments) * 50 / frames == pytest.approx(12.5, rel=0.005)
    right = np.mean(
        [
            (row.frames() == true).mean()
            for row, (*_, true) in zip(segments, utterances, strict=True)
        ]
    )
    alone = np.mean(
        [(cost.codes[0] == true).mean() for cost, (*_, true) in zip(costs, utterances, strict=True)]
    )
    assert right > alone + 0.1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 1000), st.floats(0.15, 0.9))
def test_the_automatic_weight_lies_at_the_step_across_the_target(seed, share):
    costs = segment_costs(np.random.default_rng(seed).uniform(0, 10, (40, 5)), 10)
    most = len(segment(costs, 0).ends)
    expected = max(4.0, share * most)
    weight = automatic_weight([costs], 40, expected, accuracy=0)
    assert len(segment(costs, weight).ends) <= expected
    assert weight == 0 or len(segment(costs, weight * (1 - 1e-6)).ends) >= expected


def test_rates_that_no_weight_gives_are_refused():
    costs = segment_costs(np.random.default_rng(0).uniform(size=(100, 3)), 10)
    assert automatic_weight([costs], 50, 5) > 0  # ten segments of ten frames
    with pytest.raises(
        UnitsError, match="4 segments per second cannot be reached: these utterances have 5 to "
    ):
        automatic_weight([costs], 50, 4)
    with pytest.raises(UnitsError, match="51 segments per second cannot be reached"):
        automatic_weight([costs], 50, 51)


def test_a_thousand_frames_of_512_codes_take_little_time():
    distances = np.random.default_rng(0).uniform(size=(1000, 512))
    start = time.process_time()
    segment(segment_costs(distances), 0.1)
    assert time.process_time() - start < 0.5


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (
            lambda: squared_distances(np.zeros((3, 2)), np.zeros((4, 3))),
            r"\(3, 2\) and a codebook \(4, 3\) do not fit",
        ),
        (lambda: squared_distances(np.zeros((3, 2)), np.zeros((0, 2))), "do not fit"),
        (lambda: segment_costs(np.zeros((0, 4))), r"distances \(0, 4\) cannot be segmented"),
        (lambda: segment_costs(np.full((2, 4), np.nan)), "cannot be segmented"),
        (lambda: segment_costs(np.zeros((2, 4)), 0), "up to 0 frames"),
        (lambda: segment(segment_costs(np.zeros((2, 4))), -1), "a weight of -1"),
        (lambda: segment(segment_costs(np.zeros((2, 4))), float("nan")), "a weight of nan"),
        (lambda: automatic_weight([], 50, 12), "0 utterances"),
        (
            lambda: automatic_weight([segment_costs(np.zeros((2, 4)))], 50, 0),
            "0 segments per second",
        ),
    ],
)
def test_bad_input_is_named(ask, message):
    with pytest.raises(UnitsError, match=message):
        ask()
