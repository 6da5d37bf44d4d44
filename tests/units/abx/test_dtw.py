"""Time warping against the algorithm as the reference writes it, and against all paths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechvq.units.abx import dtw as module
from speechvq.units.abx.dtw import Sequences, dtw, pair_distances

F = np.float32


def traced(distances):
    """Cost and length of one pair's path, traced back from the end as in Libri-Light's dtw.pyx."""
    height, width = distances.shape
    cost = np.empty((height, width), F)
    for i in range(height):
        for j in range(width):
            before = (
                [cost[i - 1, j]] * (i > 0)
                + [cost[i, j - 1]] * (j > 0)
                + [cost[i - 1, j - 1]] * (i > 0 and j > 0)
            )
            cost[i, j] = F(distances[i, j]) + min(before, default=F(0))
    i, j, length = height - 1, width - 1, 1
    while i > 0 and j > 0:
        up, left, corner = cost[i - 1, j], cost[i, j - 1], cost[i - 1, j - 1]
        if corner <= left and corner <= up:
            i, j = i - 1, j - 1
        elif left <= up:
            j -= 1
        else:
            i -= 1
        length += 1
    return cost[-1, -1], length + i + j


def paths(height, width):
    """Every way from one corner to the other."""
    if height == width == 1:
        yield [(0, 0)]
        return
    for step in ((1, 0), (0, 1), (1, 1)):
        if height > step[0] and width > step[1]:
            for path in paths(height - step[0], width - step[1]):
                yield [*path, (height - 1, width - 1)]


def batched(matrices):
    """Padded with what must not matter."""
    height, width = (
        max(sizes) for sizes in zip(*(matrix.shape for matrix in matrices), strict=True)
    )
    full = np.full((len(matrices), height, width), -99, F)
    for row, matrix in zip(full, matrices, strict=True):
        row[: matrix.shape[0], : matrix.shape[1]] = matrix
    return dtw(full, *(np.array([matrix.shape[axis] for matrix in matrices]) for axis in (0, 1)))


@pytest.mark.parametrize("values", [2, 3, 1000], ids="{} values".format)
def test_equal_to_the_trace_back_bit_by_bit_with_and_without_ties(values):
    random = np.random.default_rng(values)
    shapes = random.integers(1, 13, (1000, 2))
    matrices = [(random.integers(values, size=shape) / F(7)).astype(F) for shape in shapes]
    expected = [cost / F(length) for cost, length in map(traced, matrices)]
    assert batched(matrices).tolist() == [float(value) for value in expected]


def test_the_rule_for_ties_matters_and_is_not_symmetric():
    random = np.random.default_rng(0)
    matrices = [random.integers(2, size=(4, 6)).astype(F) for _ in range(200)]
    assert (batched(matrices) != batched([matrix.T for matrix in matrices])).any()
    lengths = {
        len(path)
        for path in paths(4, 6)
        if sum(matrices[0][place] for place in path) == traced(matrices[0])[0]
    }
    assert len(lengths) > 1


@settings(deadline=None, max_examples=50)
@given(st.data())
def test_no_path_is_cheaper(data):
    shape = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    matrix = np.array(
        data.draw(
            st.lists(st.integers(0, 5), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1])
        ),
        F,
    )
    matrix = matrix.reshape(shape)
    costs = [(sum(matrix[place] for place in path), len(path)) for path in paths(*shape)]
    cheapest = min(cost for cost, _ in costs)
    assert float(batched([matrix])[0]) in {
        float(F(cost) / F(length)) for cost, length in costs if cost == cheapest
    }


LEFT_OR_UP = [[0, 0, 0, 9], [9, 0, 9, 0], [9, 9, 0, 1]]


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ([[3]], 3),
        ([[1, 2, 3]], 6 / 3),
        ([[1], [2]], 3 / 2),
        ([[0, 1], [1, 0]], 0),
        ([[0, 0], [0, 1]], 1 / 2),  # the diagonal first; the ways round have three frames
        (LEFT_OR_UP, 1 / 4),  # left, where four frames lead to the end; five come from above
        (np.transpose(LEFT_OR_UP), 1 / 5),
    ],
)
def test_by_hand(matrix, expected):
    assert batched([np.array(matrix, F)]).tolist() == [F(expected)]


def sequences(random, lengths):
    return Sequences(
        random.integers(5, size=(sum(lengths), 1)), np.cumsum([0, *lengths[:-1]]), np.array(lengths)
    )


def unequal(one, other):
    return (one[:, :, None, 0] != other[:, None, :, 0]).astype(F)


@pytest.mark.parametrize("room", [1, 100, 1 << 21])
def test_pairs_of_any_lengths_come_back_in_order_whatever_fits_at_once(monkeypatch, room):
    monkeypatch.setattr(module, "ROOM", room)
    random = np.random.default_rng(0)
    stored = sequences(random, random.integers(1, 12, 20).tolist())
    first, second = random.integers(20, size=(2, 300))
    split = np.split(stored.frames[:, 0], stored.starts[1:])
    expected = [
        traced((split[i][:, None] != split[j]).astype(F))
        for i, j in zip(first, second, strict=True)
    ]
    assert pair_distances(stored, first, second, unequal).tolist() == [
        float(cost / F(length)) for cost, length in expected
    ]


def test_a_sequence_is_nowhere_from_itself_and_stretching_costs_nothing():
    stored = Sequences(
        np.array([1, 2, 3, 1, 1, 2, 2, 2, 3])[:, None], np.array([0, 3]), np.array([3, 6])
    )
    assert pair_distances(stored, np.array([0, 1, 0]), np.array([0, 1, 1]), unequal).tolist() == [
        0,
        0,
        0,
    ]


def test_no_pairs():
    nothing = np.array([], np.intp)
    assert pair_distances(
        sequences(np.random.default_rng(0), [2]), nothing, nothing, unequal
    ).shape == (0,)
