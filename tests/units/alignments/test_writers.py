"""What is written is read again as the same, and TextGrids have no holes."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from speechvq.errors import AlignmentError, OutputError
from speechvq.units.alignments.alignment import Alignment, Interval
from speechvq.units.alignments.readers import read_alignment, read_ctm, read_km
from speechvq.units.alignments.writers import write_audacity, write_ctm, write_km, write_textgrid

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
WORDS = TEXTS.filter(lambda text: text.split() == [text] and not text.startswith((";;", "\ufeff")))
PATIENT = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def alignments(draw, labels=TEXTS, tier="phones"):
    """Intervals of whole microseconds, with gaps."""
    found, at = [], 0
    for gap, length, label in draw(
        st.lists(
            st.tuples(st.integers(0, 10**6) | st.just(0), st.integers(1, 10**7), labels), min_size=1
        )
    ):
        found.append(Interval((at + gap) / 1e6, (at + gap + length) / 1e6, label))
        at += gap + length
    return Alignment(tuple(found), tier)


def same(found, wanted):
    assert [one.label for one in found] == [one.label for one in wanted]
    for one, other in zip(found, wanted, strict=True):
        assert (one.start, one.end) == pytest.approx((other.start, other.end), abs=1e-9)


@PATIENT
@given(st.data(), TEXTS.filter(bool), TEXTS.filter(bool), st.floats(0, 50))
def test_textgrids_are_read_again_and_tile(tmp_path, data, first, second, seconds):
    assume(first != second)
    tiers = [data.draw(alignments(tier=name)) for name in (first, second)]
    path = tmp_path / "a.TextGrid"
    write_textgrid(path, tiers, seconds=seconds, force=True)
    end = max(round(seconds, 6), *(tier.end for tier in tiers))
    for tier in tiers:
        found = read_alignment(path, tier.tier)
        assert found.tier == tier.tier
        times = [0.0, *(one.end for one in found.intervals)]
        assert times[:-1] == [one.start for one in found.intervals]
        assert times[-1] == pytest.approx(end, abs=1e-9)
        given = {(one.start, one.end) for one in tier.intervals}
        same([one for one in found.intervals if (one.start, one.end) in given], tier.intervals)
        assert not any(one.label for one in found.intervals if (one.start, one.end) not in given)


def test_a_textgrid_by_hand(tmp_path):
    phones = Alignment((Interval(0.1, 0.3, 'a"b'), Interval(0.1 + 0.2, 0.5, "")))
    write_textgrid(tmp_path / "a.TextGrid", [phones], seconds=1)
    assert (tmp_path / "a.TextGrid").read_bytes().decode() == (
        'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0 \nxmax = 1 \ntiers? '
        "<exists> \nsize = 1 \nitem []: \n"
        '    item [1]:\n        class = "IntervalTier" \n        name = "phones" \n        xmin = '
        "0 \n        xmax = 1 \n"
        "        intervals: size = 4 \n"
        "        intervals [1]:\n            xmin = 0 \n            xmax = 0.1 \n            text "
        '= "" \n'
        "        intervals [2]:\n            xmin = 0.1 \n            xmax = 0.3 \n            "
        'text = "a""b" \n'
        "        intervals [3]:\n            xmin = 0.3 \n            xmax = 0.5 \n            "
        'text = "" \n'
        "        intervals [4]:\n            xmin = 0.5 \n            xmax = 1 \n            text "
        '= "" \n'
    )


@PATIENT
@given(st.dictionaries(WORDS, alignments(WORDS | st.just("")), min_size=1, max_size=3))
def test_ctms_are_read_again_but_for_what_has_no_label(tmp_path, given):
    wanted = {name: [one for one in tier.intervals if one.label] for name, tier in given.items()}
    wanted = {name: intervals for name, intervals in wanted.items() if intervals}
    assume(wanted)
    write_ctm(tmp_path / "a.ctm", given, force=True)
    found = read_ctm(tmp_path / "a.ctm")
    assert list(found) == list(wanted)
    for name, intervals in wanted.items():
        same(found[name].intervals, intervals)


@PATIENT
@given(alignments(TEXTS.filter(lambda text: not set(text) & set("\t\r\n"))))
def test_audacity_labels_are_read_again(tmp_path, given):
    write_audacity(tmp_path / "a.txt", given, force=True)
    same(read_alignment(tmp_path / "a.txt").intervals, given.intervals)


@PATIENT
@given(st.lists(st.lists(st.integers(0, 2**31))))
def test_km_lines_are_read_again(tmp_path, given):
    write_km(tmp_path / "a.km", [np.array(codes, np.int64) for codes in given], force=True)
    assert [codes.tolist() for codes in read_km(tmp_path / "a.km")] == given


ONE = Alignment((Interval(0.0, 1.0, "a"),))


def test_what_a_format_cannot_hold_is_refused(tmp_path):
    tabbed = Alignment((Interval(0.0, 1.0, "a\tb"),))
    for write, words in (
        (lambda path: write_textgrid(path, []), "cannot have the tiers"),
        (lambda path: write_textgrid(path, [ONE, ONE]), "cannot have the tiers"),
        (lambda path: write_ctm(path, {"a b": ONE}), "'a b' is not one word"),
        (lambda path: write_ctm(path, {";;a": ONE}), "';;a' is not one word"),
        (lambda path: write_ctm(path, {"a": tabbed}), "is not one word"),
        (lambda path: write_ctm(path, {"a": ONE}, channel=""), "'' is not one word"),
        (
            lambda path: write_ctm(path, {"a": Alignment((Interval(0.0, 1.0, ""),))}),
            "nothing to write",
        ),
        (lambda path: write_audacity(path, tabbed), "has a tab"),
    ):
        with pytest.raises(AlignmentError, match=words):
            write(tmp_path / "out")
    with pytest.raises(ValueError, match="utterance 2 go below 0"):
        write_km(tmp_path / "out", [np.array([1]), np.array([3, -1])])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "write",
    [
        lambda path, **how: write_textgrid(path, [ONE], **how),
        lambda path, **how: write_ctm(path, {"a": ONE}, **how),
        lambda path, **how: write_audacity(path, ONE, **how),
        lambda path, **how: write_km(path, [np.array([1])], **how),
    ],
)
def test_nothing_is_overwritten_unasked(tmp_path, write):
    path = tmp_path / "out"
    path.write_text("precious")
    with pytest.raises(OutputError, match="exists already"):
        write(path)
    assert path.read_text() == "precious"
    write(path, force=True)
    assert path.read_text() != "precious"
    with pytest.raises(OutputError, match="does not exist"):
        write(tmp_path / "none" / "out")
    assert [one.name for one in tmp_path.iterdir()] == ["out"]
