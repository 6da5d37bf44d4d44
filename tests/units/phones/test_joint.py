"""Joint counts of codes and phones: by hand, against sums over pairs, and by laws."""

from math import log2

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechvq.errors import UnitsError
from speechvq.units.phones.joint import (
    NO_LABEL,
    Joint,
    entropy,
    frame_labels,
    joint,
    paired,
    shuffled,
)
from speechvq.units.phones.mapping import accuracy, majority_accuracy, majority_map

FRAMES = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), min_size=1, max_size=60)


def columns(frames):
    return tuple(np.array(column) for column in zip(*frames, strict=True))


def slow_information(frames):
    """I(y; z) by its definition, bits."""
    count, total = len(frames), 0.0
    for code, label in set(frames):
        both = frames.count((code, label)) / count
        alone = sum(c == code for c, _ in frames) * sum(y == label for _, y in frames) / count**2
        total += both * log2(both / alone)
    return total


def slow_entropy(values):
    shares = [values.count(value) / len(values) for value in set(values)]
    return -sum(share * log2(share) for share in shares)


def test_by_hand():
    table = joint(np.array([0, 0, 0, 1, 1, 2, 2, 2]), np.array([0, 0, 1, 1, 1, 0, 0, 1]))
    assert table.counts.tolist() == [[2, 1], [0, 2], [2, 1]]
    assert table.phone_purity == 6 / 8  # 2 + 2 + 2
    assert table.cluster_purity == 4 / 8  # 2 + 2
    assert table.label_entropy == 1
    assert table.mutual_information == pytest.approx(
        1 - 0.75 * (log2(3) - 2 / 3)
    )  # H(y|z): 3/4 of frames at a third to two
    assert table.pnmi == pytest.approx(table.mutual_information)


@settings(max_examples=40, deadline=None)
@given(FRAMES)
def test_equals_sums_over_all_pairs(frames):
    table = joint(*columns(frames))
    codes, labels = [code for code, _ in frames], [label for _, label in frames]
    assert table.code_entropy == pytest.approx(slow_entropy(codes), abs=1e-12)
    assert table.label_entropy == pytest.approx(slow_entropy(labels), abs=1e-12)
    assert table.mutual_information == pytest.approx(slow_information(frames), abs=1e-12)
    most = sum(max(frames.count((code, label)) for label in range(4)) for code in range(6))
    assert table.phone_purity == pytest.approx(most / len(frames))
    if len(set(codes)) > 1 and len(set(labels)) > 1:
        full = slow_entropy(codes) + slow_entropy(labels)
        assert table.v_measure == pytest.approx(2 * slow_information(frames) / full, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(FRAMES)
def test_phone_purity_is_the_majority_map_on_its_own_data(frames):
    codes, labels = columns(frames)
    assert joint(codes, labels).phone_purity == pytest.approx(
        accuracy(codes, labels, majority_map(codes, labels, 6))
    )


@settings(max_examples=40, deadline=None)
@given(FRAMES)
def test_codes_and_labels_change_places(frames):
    table = joint(*columns(frames))
    other = Joint(table.counts.T)
    assert table.phone_purity == other.cluster_purity
    assert table.homogeneity == pytest.approx(other.completeness)
    assert table.v_measure == pytest.approx(other.v_measure)
    assert 0 <= table.pnmi <= 1 + 1e-12


@settings(max_examples=40, deadline=None)
@given(FRAMES, st.permutations(range(6)))
def test_names_of_codes_do_not_matter_and_merging_tells_less(frames, names):
    codes, labels = columns(frames)
    table, renamed = joint(codes, labels), joint(np.array(names)[codes], labels)
    assert table.pnmi == pytest.approx(renamed.pnmi)
    merged = joint(codes // 2, labels)
    assert merged.mutual_information <= table.mutual_information + 1e-12
    assert merged.phone_purity <= table.phone_purity


def test_extremes():
    labels = np.array([0, 1, 2, 2])
    assert joint(labels, labels).v_measure == pytest.approx(1)
    assert joint(np.arange(4), labels).pnmi == pytest.approx(1)  # a code a frame tells all ...
    assert joint(np.arange(4), labels).completeness == pytest.approx(
        0.75
    )  # ... and is found out here: 1.5 of 2 bits
    nothing = joint(np.zeros(4, int), labels)
    assert (nothing.pnmi, nothing.completeness, nothing.v_measure) == (0, 1, 0)
    assert joint(labels, np.zeros(4, int)).pnmi == 1
    assert entropy(np.array([[4, 0], [2, 2]])) == pytest.approx(1.5)


def test_random_codes_look_pure_on_a_minute():
    """The reference's warning: 512 random codes, 3000 frames of 40 phones."""
    random = np.random.default_rng(0)
    codes, labels = random.integers(512, size=3000), random.integers(40, size=3000)
    assert joint(codes, labels).pnmi > 0.4
    assert shuffled(codes, labels).pnmi == pytest.approx(joint(codes, labels).pnmi, abs=0.02)
    assert shuffled(labels, labels).pnmi < 0.1 < joint(labels, labels).pnmi
    assert shuffled(codes, labels).code_entropy == pytest.approx(joint(codes, labels).code_entropy)


def test_the_majority_class_is_that_of_the_training_set():
    assert majority_accuracy(np.array([1, 1, 0, 2]), np.array([0, 0, 0, 1])) == 0.25
    assert majority_accuracy(np.array([2, 2]), np.array([0, 1])) == 0
    with pytest.raises(ValueError, match="a label is -1"):
        majority_map(np.array([0, 1]), np.array([-1, 0]), 2)


def test_frames_have_the_phone_at_their_center():
    intervals = [(0.10, 0.22, 7), (0.04, 0.10, 3), (0.30, 0.34, 5)]
    # centers at 25 Hz: .02 .06 .10 .14 .18 .22 .26 .30 .34
    expected = [NO_LABEL, 3, 7, 7, 7, NO_LABEL, NO_LABEL, 5, NO_LABEL]
    assert frame_labels(intervals, 9, 25).tolist() == expected
    assert frame_labels([], 2, 25).tolist() == [NO_LABEL] * 2


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4)), max_size=10),
    st.sampled_from([12.5, 25, 31.25, 50]),
)
def test_frame_labels_equal_a_look_at_every_center(lengths, rate):
    edges = np.cumsum([0, *(length for length, _ in lengths)]) / 100
    intervals = [(a, b, y) for a, b, (_, y) in zip(edges[:-1], edges[1:], lengths, strict=True)]
    for index, interval in enumerate(frame_labels(intervals, 20, rate)):
        center = (index + 0.5) / rate
        assert interval == next((y for a, b, y in intervals if a <= center + 1e-6 < b), NO_LABEL)


@pytest.mark.parametrize(
    ("intervals", "message"),
    [
        ([(0.0, 0.2, 0), (0.1, 0.3, 1)], "starts at 0.1 s overlaps one that ends at 0.2 s"),
        ([(0.2, 0.1, 0)], "from 0.2 to 0.1 s"),
        ([(float("nan"), 0.1, 0)], "from nan to 0.1 s"),
        ([(0.0, 0.1, -1)], "label -1"),
    ],
)
def test_impossible_intervals_are_named(intervals, message):
    with pytest.raises(UnitsError, match=message):
        frame_labels(intervals, 5, 50)


def test_utterances_are_cut_to_the_shorter_by_an_edge_frame_only():
    codes = [np.array([0, 1, 2]), np.array([3, 4])]
    labels = [np.array([5, NO_LABEL]), np.array([6, 7, 8])]
    assert [column.tolist() for column in paired(codes, labels)] == [[0, 3, 4], [5, 6, 7]]
    with pytest.raises(UnitsError, match="utterance 1 has 2 codes and 3 labels: check"):
        paired([codes[0][:2], codes[1]], labels, slack=0)
    with pytest.raises(UnitsError, match="codes of 2 utterances and labels of 1"):
        paired(codes, labels[:1])
    with pytest.raises(UnitsError, match="no frame has a label"):
        paired(codes[:1], [np.full(3, NO_LABEL)])
    with pytest.raises(UnitsError, match="no frame has a label"):
        paired([], [])


def test_tables_of_nothing_or_of_unlabeled_frames_are_refused():
    with pytest.raises(UnitsError, match="3 codes and 2 labels"):
        joint(np.arange(3), np.arange(2))
    with pytest.raises(UnitsError, match="negative"):
        joint(np.arange(2), np.array([0, NO_LABEL]))
