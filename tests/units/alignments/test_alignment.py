"""Alignments hold what can be; labels are cleaned to one inventory."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechvq.errors import AlignmentError
from speechvq.units.alignments.alignment import (
    SIL,
    TOLERANCE,
    Alignment,
    Interval,
    checked,
    from_codes,
    is_silence,
    labeled,
)
from speechvq.units.phones import timit


def alignment(*rows, tier="phones"):
    return checked([Interval(*row) for row in rows], tier, "a.phn")


def rows(cleaned):
    return [(interval.start, interval.end, interval.label) for interval in cleaned.intervals]


def test_gaps_are_allowed_and_intervals_without_length_left_out():
    result = alignment((0.0, 0.5, "a"), (0.5, 0.5, "b"), (0.7, 1.0, "c"))
    assert rows(result) == [(0.0, 0.5, "a"), (0.7, 1.0, "c")]
    assert result.end == 1.0


def test_overlaps_by_rounding_are_healed():
    assert rows(alignment((-0.0005, 0.5005, "a"), (0.5, 1.0, "b"))) == [
        (0.0, 0.5005, "a"),
        (0.5005, 1.0, "b"),
    ]


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            (0.498, 1.0, "b"),
            (
                r"a\.phn, tier 'phones', interval 2 \('b', 0\.498 to 1 s\) overlaps 'a' before "
                r"it.* 0\.5 s; fix"
            ),
        ),
        ((0.9, 0.8, "b"), r"interval 2 .* ends before it starts"),
        ((-0.1, 0.8, "b"), r"interval 2 .* starts before the recording"),
        ((math.nan, 0.8, "b"), r"interval 2 .* not a finite number"),
        ((0.5, math.inf, "b"), r"interval 2 .* not a finite number"),
    ],
)
def test_impossible_times_are_named(second, message):
    with pytest.raises(AlignmentError, match=message):
        alignment((0.0, 0.5, "a"), second)


@pytest.mark.parametrize("given", [(), ((0.3, 0.3, "a"),)])
def test_no_intervals(given):
    with pytest.raises(AlignmentError, match=r"a\.phn, tier 'phones': there are no intervals"):
        alignment(*given)


@given(st.lists(st.tuples(st.floats(-2e-3, 0.02), st.floats(-1e-3, 0.02)), max_size=8))
def test_what_is_let_through_is_in_order(steps):
    """Intervals start some step after the previous end; accepted ones moved at most 1 ms."""
    given, at = [], 0.0
    for index, (gap, length) in enumerate(steps):
        given.append(Interval(at + gap, at + gap + length, str(index)))
        at += gap + length
    try:
        cleaned = checked(given, "phones", "x").intervals
    except AlignmentError:
        return
    assert all(item.start < item.end for item in cleaned)
    assert all(item.end <= other.start for item, other in itertools.pairwise(cleaned))
    for value in cleaned:
        assert value.end == given[int(value.label)].end
        assert 0 <= value.start - given[int(value.label)].start <= TOLERANCE + 1e-12


@pytest.mark.parametrize(
    "label",
    [
        "",
        "sil",
        "SIL",
        "sp",
        "spn",
        "<SIL>",
        "h#",
        "pau",
        "epi",
        "{B_TRANS}",
        "[NOISE]",
        "+NSN+",
        "<eps>",
        "<VOCNOISE>",
        "VOCNOISE",
    ],
)
def test_silences(label):
    assert is_silence(label)


@pytest.mark.parametrize("label", ["s", "S", "p", "AH0", "q", "ʃ", "a<", "sill", "0"])
def test_phones_are_no_silences(label):
    assert not is_silence(label)


def test_silences_that_touch_become_one():
    cleaned = labeled(
        alignment((0, 1, "h#"), (1, 2, " sp "), (2, 3, " a "), (3, 4, ""), (4.5, 5, "sil"))
    )
    assert rows(cleaned) == [(0, 2, SIL), (2, 3, "a"), (3, 4, SIL), (4.5, 5, SIL)]


def test_stress_goes_when_asked():
    given = alignment((0, 1, "AH0"), (1, 2, "IY1"), (2, 3, "ER2"), (3, 4, "5"), (4, 5, "a5"))
    assert labeled(given) == given
    assert [interval.label for interval in labeled(given, stress=False).intervals] == [
        "AH",
        "IY",
        "ER",
        "5",
        "a5",
    ]


SIXTY_ONE = (
    *(
        "aa",
        "ae",
        "ah",
        "ao",
        "aw",
        "ax",
        "ax-h",
        "axr",
        "ay",
        "b",
        "bcl",
        "ch",
        "d",
        "dcl",
        "dh",
        "dx",
        "eh",
        "el",
        "em",
        "en",
    ),
    *(
        "eng",
        "epi",
        "er",
        "ey",
        "f",
        "g",
        "gcl",
        "h#",
        "hh",
        "hv",
        "ih",
        "ix",
        "iy",
        "jh",
        "k",
        "kcl",
        "l",
        "m",
        "n",
        "ng",
        "nx",
    ),
    *(
        "ow",
        "oy",
        "p",
        "pau",
        "pcl",
        "q",
        "r",
        "s",
        "sh",
        "t",
        "tcl",
        "th",
        "uh",
        "uw",
        "ux",
        "v",
        "w",
        "y",
        "z",
        "zh",
    ),
)
THIRTY_NINE = (
    *(
        "iy",
        "ih",
        "eh",
        "ae",
        "ah",
        "uw",
        "uh",
        "aa",
        "ey",
        "ay",
        "oy",
        "aw",
        "ow",
        "er",
        "l",
        "r",
        "w",
        "y",
        "m",
        "n",
        "ng",
    ),
    *(
        "v",
        "f",
        "dh",
        "th",
        "z",
        "s",
        "sh",
        "jh",
        "ch",
        "b",
        "p",
        "d",
        "dx",
        "t",
        "g",
        "k",
        "hh",
        "sil",
    ),
)


def test_timit_folds_61_to_48_to_39():
    assert len(SIXTY_ONE) == 61
    assert len({timit.to48(label) for label in SIXTY_ONE} - {None}) == 48
    assert {timit.to39(label) for label in SIXTY_ONE} - {None} == set(THIRTY_NINE)
    assert timit.to48("q") is timit.to39("q") is None


@pytest.mark.parametrize(
    ("label", "at48", "at39"),
    [
        *[
            ("bcl", "vcl", "sil"),
            ("kcl", "cl", "sil"),
            ("h#", "sil", "sil"),
            ("epi", "epi", "sil"),
            ("ux", "uw", "uw"),
        ],
        *[
            ("axr", "er", "er"),
            ("ax-h", "ax", "ah"),
            ("eng", "ng", "ng"),
            ("nx", "n", "n"),
            ("em", "m", "m"),
            ("hv", "hh", "hh"),
        ],
        *[
            ("zh", "zh", "sh"),
            ("ao", "ao", "aa"),
            ("el", "el", "l"),
            ("en", "en", "n"),
            ("ix", "ix", "ih"),
            ("dx", "dx", "dx"),
        ],
    ],
)
def test_timit_by_hand(label, at48, at39):
    assert (timit.to48(label), timit.to39(label)) == (at48, at39)


@pytest.mark.parametrize("label", SIXTY_ONE)
def test_folding_twice_is_folding_once(label):
    if label != "q":
        folded = timit.to48(label)
        assert folded is not None
        assert timit.to48(folded) == folded
        assert timit.to39(folded) == timit.to39(str(timit.to39(label))) == timit.to39(label)


def test_folding_an_alignment_takes_q_out_and_joins_closures_with_pauses():
    given = alignment((0, 1, "h#"), (1, 2, "kcl"), (2, 3, "k"), (3, 4, "q"), (4, 5, "ix"))
    assert rows(labeled(given, fold=timit.to39)) == [(0, 2, SIL), (2, 3, "k"), (4, 5, "ih")]
    with pytest.raises(AlignmentError, match="no interval is left"):
        labeled(alignment((0, 1, "q")), fold=timit.to39)
    with pytest.raises(AlignmentError, match="'HH' is not one of TIMIT's 61"):
        labeled(alignment((0, 1, "HH")), fold=timit.to39)


def test_codes_become_runs():
    assert rows(from_codes(np.array([3, 3, 0, 0, 0, 7]), 0.5, "codes")) == [
        (0, 1, "3"),
        (1, 2.5, "0"),
        (2.5, 3, "7"),
    ]
    for codes in (np.zeros(0, int), np.zeros((2, 2), int)):
        with pytest.raises(ValueError, match="a row of at least one"):
            from_codes(codes, 0.5, "codes")


@given(st.lists(st.integers(0, 3), min_size=1, max_size=30))
def test_runs_hold_every_code(codes):
    cleaned = from_codes(np.array(codes), 1.0, "codes")
    assert isinstance(cleaned, Alignment)
    assert [
        int(interval.label)
        for interval in cleaned.intervals
        for _ in range(int(interval.end - interval.start))
    ] == codes
    assert all(a.label != b.label for a, b in itertools.pairwise(cleaned.intervals))
