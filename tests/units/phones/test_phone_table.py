"""The numbers of the heat map, the transitions and the lengths: by hand, and laws."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from speechvq.units.alignments.alignment import Alignment, Interval
from speechvq.units.phones.joint import Joint
from speechvq.units.phones.mapping import accuracy, majority_map
from speechvq.units.phones.phone_table import (
    REST,
    PhoneTable,
    code_order,
    entropies,
    phone_recalls,
    phone_table,
    shares,
    silent,
)
from speechvq.units.recordings import Recording, Units
from speechvq.units.usage.transitions import length_shares, phone_seconds, run_seconds, transitions

TABLES = arrays(
    np.int64, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.integers(0, 4)
)


def recording(name, *intervals, seconds=1.0, speaker="a"):
    return Recording(
        name,
        speaker,
        seconds,
        Alignment(tuple(Interval(*interval) for interval in intervals)) if intervals else None,
    )


def units(size=5, rate=10.0, **codes):
    return Units(
        "some", rate, size, {name: np.array(each, np.int64) for name, each in codes.items()}
    )


def test_table_by_hand():
    made = units(one=[0, 0, 1, 1, 2, 2, 2, 0], two=[1, 3])
    result = phone_table(
        made,
        [
            recording(
                "one", (0, 0.2, "SIL"), (0.2, 0.45, "S"), (0.45, 0.7, "IY")
            ),  # frame 4 is at .45, where IY begins
            recording("two", (0, 0.1, "S")),  # frame 3 has no phone
            recording("three", (0, 0.1, "ZZ")),  # has no codes
        ],
    )
    assert result is not None
    assert result.labels == ("IY", "S", "SIL")
    assert result.counts.tolist() == [[0, 0, 2], [0, 3, 0], [3, 0, 0], [0, 0, 0], [0, 0, 0]]
    assert result.best == ["SIL", "S", "IY", None, None]
    assert result.manners == ["vowels", "fricatives", "silence"]
    assert silent(result).tolist() == [True, False, False, False, False]


def test_no_phones():
    assert phone_table(units(one=[0, 1]), [recording("one")]) is None
    assert phone_table(units(one=[]), [recording("one", (0, 1, "S"))]) is None
    assert phone_table(units(one=[1]), [recording("one", (5, 6, "S"))]) is None


def test_rare_labels_are_counted_together():
    made = units(one=[0, 0, 0, 1, 1, 2, 3])
    item = recording("one", (0, 0.3, "S"), (0.3, 0.5, "T"), (0.5, 0.6, "K"), (0.6, 0.7, "Q7"))
    all_labels = phone_table(made, [item], most=4)
    assert all_labels is not None
    assert all_labels.labels == ("S", "T", "K", "Q7")
    few = phone_table(made, [item], most=3)
    assert few is not None
    assert few.labels == ("S", "T", REST)
    assert few.counts.tolist() == [[3, 0, 0], [0, 2, 0], [0, 0, 1], [0, 0, 1], [0, 0, 0]]


def test_shares_and_entropies_by_hand():
    counts = np.array([[3, 1], [0, 0], [2, 2], [0, 5]])
    assert shares(counts).tolist() == [[0.75, 0.25], [0, 0], [0.5, 0.5], [0, 1]]
    assert entropies(counts) == pytest.approx([0.75 * np.log2(4 / 3) + 0.5, 0, 1, 0])


def test_order_by_hand():
    counts = np.array([[0, 9], [2, 2], [0, 0], [4, 0], [1, 8], [3, 0]])
    assert code_order(counts).tolist() == [
        3,
        5,
        1,
        0,
        4,
    ]  # two clear ones, an even one; then those of the second phone


@given(TABLES)
def test_order_is_a_staircase(counts):
    order = code_order(counts)
    assert sorted(order.tolist()) == np.flatnonzero(counts.sum(1)).tolist()
    best, spread = counts[order].argmax(1), entropies(counts)[order]
    assert (np.diff(best) >= 0).all()
    assert all(
        spread[i] <= spread[i + 1] + 1e-8 for i in range(len(order) - 1) if best[i] == best[i + 1]
    )


@given(TABLES.filter(lambda counts: counts.any()))
def test_recalls_average_to_purity(counts):
    counts = counts[:, counts.any(0)]  # a label has frames
    table = PhoneTable(tuple("ptkbd"[: counts.shape[1]]), counts)
    recalls = phone_recalls(table, table)
    right = sum(item.recall * item.frames for item in recalls)
    assert right / counts.sum() == pytest.approx(Joint(counts).phone_purity)


def test_recalls_of_others_are_the_held_out_score():
    random = np.random.default_rng(0)
    train, labels, codes, recalls = (
        random.integers(0, high, 60) for high in (7, 3, 9, 3)
    )  # some codes are new

    def table(codes, labels):
        counts = np.zeros((9, 3), np.int64)
        np.add.at(counts, (codes, labels), 1)
        return PhoneTable(("p", "t", "k"), counts)

    result = phone_recalls(table(codes, recalls), table(train, labels))
    score = accuracy(codes, recalls, majority_map(train, labels, 9))
    assert sum(item.recall * item.frames for item in result) / 60 == pytest.approx(score)


def test_recalls_by_hand():
    table = PhoneTable(("p", "t"), np.array([[6, 1], [2, 2], [0, 5], [2, 0]]))
    fitted = PhoneTable(
        ("t", "k"), np.array([[0, 1], [3, 0], [4, 0], [0, 0]])
    )  # code 3 is new, and taken for t
    p, t = phone_recalls(table, fitted, top=2)
    assert (p.label, p.frames, p.recall, p.codes) == ("p", 10, 0.0, ((0, 0.6), (1, 0.2)))
    assert (t.label, t.frames, t.recall, t.codes) == ("t", 8, 7 / 8, ((2, 5 / 8), (1, 2 / 8)))


def test_transitions_by_hand():
    counts = transitions(
        [np.array([0, 0, 2, 2, 2, 0, 1, 2]), np.array([2]), np.array([], np.int64)],
        np.array([2, 0]),
    )
    assert counts.tolist() == [
        [0, 1],
        [1, 0],
    ]  # 0 2, 2 0; what comes before and after 1 is passed over


@given(st.lists(st.lists(st.integers(0, 4), max_size=12), max_size=4))
def test_transitions_are_the_changes(lists):
    utterances = [np.array(row, np.int64) for row in lists]
    slow = np.zeros((5, 5), int)
    for codes_of in lists:
        for before, after in pairwise(codes_of):
            slow[before, after] += before != after
    assert np.array_equal(transitions(utterances, np.arange(5)), slow)


def test_lengths():
    utterances = [np.array([0, 0, 2, 2, 2, 0, 1]), np.array([], np.int64)]
    assert run_seconds(utterances, 10).tolist() == pytest.approx([0.2, 0.3, 0.1, 0.1])
    assert run_seconds(utterances, 10, np.array([True, False, False])).tolist() == pytest.approx(
        [0.3, 0.1]
    )
    assert phone_seconds(
        [recording("a", (0, 1, "SIL"), (1, 1.5, "S")), recording("b")]
    ).tolist() == [0.5]
    lengths = np.array([0.01, 0.05, 0.1, 0.149, 0.15, 0.3, 9])
    assert length_shares(lengths, 0.1, 4) == pytest.approx(np.array([4, 1, 1, 1]) / 7)
    assert length_shares(np.zeros(0), 0.1, 2).tolist() == [0, 0]
