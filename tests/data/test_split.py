"""The hold-out rule: by hash, at random, evenly; no held-out text and no held-out speaker in
training."""

import hashlib

import numpy as np
import pytest

from speechvq.data.split import by_hash, drawn, evenly_spaced, hold_out, hold_out_size, split

NAMES = tuple(f"speaker{index}" for index in range(9))


def test_names_come_in_the_order_of_their_hashes_whatever_else_is_there():
    hashes = {hashlib.sha256(name.encode()).hexdigest(): name for name in NAMES}
    expected = [hashes[key] for key in sorted(hashes)]
    assert by_hash(NAMES) == by_hash(NAMES[::-1]) == expected
    assert by_hash(set(NAMES), 3) == expected[:3]
    assert [name for name in by_hash((*NAMES, "another")) if name != "another"] == expected
    assert by_hash([name.encode() for name in NAMES]) == [name.encode() for name in expected]


def test_a_share_is_rounded_but_at_least_one_and_not_all():
    for share, count in ((0.01, 1), (0.3, 3), (0.5, 4), (0.99, 8)):
        for choose in (by_hash, evenly_spaced, drawn(np.random.default_rng(0))):
            chosen = hold_out(NAMES, share, choose)
            assert len(chosen) == len(set(chosen)) == count
            assert set(chosen) < set(NAMES)
    assert hold_out("abcdefgh", 0.5, evenly_spaced) == list("bdfh")


def test_draws_are_the_first_of_a_permutation():
    values = np.array(NAMES)
    expected = np.random.default_rng(3).permutation(values)[:3].tolist()
    assert hold_out(NAMES, 1 / 3, drawn(np.random.default_rng(3))) == expected
    numbers = np.array([4, 7, 9, 20])
    expected = np.random.default_rng(5).permutation(numbers)[:2].tolist()
    assert hold_out(numbers.tolist(), 0.5, drawn(np.random.default_rng(5))) == expected


def test_names_with_the_lowest_hashes_make_up_a_share_of_the_sizes():
    sizes = {name: 10.0 + index for index, name in enumerate(NAMES)}
    held_out = hold_out_size(sizes, 0.3)
    order = by_hash(NAMES)
    assert held_out == set(order[: len(held_out)])
    held = sum(sizes[name] for name in held_out)
    assert held >= 0.3 * sum(sizes.values()) > held - sizes[order[len(held_out) - 1]]


def test_a_held_out_text_is_not_trained_on_whoever_says_it():
    speakers = ["a", "a", "b", "b", None, "c"]
    texts = ["hello", "two", "hello", None, "two", "three"]
    parts = split(speakers, {"a"}, texts=texts)
    assert parts.held_out.tolist() == [True, True, False, False, False, False]
    assert parts.training.tolist() == [False, False, False, True, False, True]
    without = split(speakers, {"a"})
    assert without.training.tolist() == [not held for held in without.held_out]


def test_no_speaker_makes_up_more_than_a_share_of_what_is_held_out():
    speakers = ["a"] * 50 + ["b"] * 6 + ["c"] * 5 + ["d"] * 20
    sizes = np.random.default_rng(0).uniform(1, 2, len(speakers))
    parts = split(speakers, {"a", "b", "c"}, sizes=sizes, largest_share=0.4)
    assert not (parts.training & parts.held_out).any()
    assert parts.training.sum() == 20
    names = np.array(speakers)
    totals = {name: sizes[parts.held_out & (names == name)].sum() for name in "abc"}
    assert max(totals.values()) <= 0.4 * sizes[names != "d"][6:].sum()
    assert totals["a"] <= 0.4 * (totals["a"] + totals["b"] + totals["c"]) + 2  # an utterance
    assert totals["b"] == pytest.approx(sizes[names == "b"].sum())
    with pytest.raises(ValueError, match="hold out more of them, or allow a larger share"):
        split(speakers, {"a", "b"}, largest_share=0.4)
