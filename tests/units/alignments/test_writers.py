"""What is written is read again as the same, and TextGrids have no holes."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from speechvq.errors import AlignmentError, OutputError
from speechvq.units.alignments.alignment import Alignment, Interval
from speechvq.units.alignments.readers import read_alignment, read_ctm, read_km
from speechvq.units.alignments.writers import write_audacity, write_ctm, write_km, write_textgrid

TEXTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\r\n"), max_size=8
)
WORDS = TEXTS.filter(lambda text: text.split() == [text] and not text.startswith((";;", "\ufeff")))
PATIENT = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@st.composite
def alignments(draw, labels=TEXTS, tier="phones"):
    """Intervals of whole microseconds, with gaps."""
    result, at = [], 0
    for gap, length, label in draw(
        st.lists(
            st.tuples(st.integers(0, 10**6) | st.just(0), st.integers(1, 10**7), labels), min_size=1
        )
    ):
        result.append(Interval((at + gap) / 1e6, (at + gap + length) / 1e6, label))
        at += gap + length
    return Alignment(tuple(result), tier)


def same(actual, expected):
    assert [item.label for item in actual] == [item.label for item in expected]
    for value, other in zip(actual, expected, strict=True):
        assert (value.start, value.end) == pytest.approx((other.start, other.end), abs=1e-9)


@PATIENT
@given(st.data(), TEXTS.filter(bool), TEXTS.filter(bool), st.floats(0, 50))
def test_textgrids_are_read_again_and_tile(tmp_path, data, first, second, seconds):
    assume(first != second)
    tiers = [data.draw(alignments(tier=name)) for name in (first, second)]
    path = tmp_path / "a.TextGrid"
    write_textgrid(path, tiers, seconds=seconds, force=True)
    end = max(round(seconds, 6), *(tier.end for tier in tiers))
    for tier in tiers:
        alignment = read_alignment(path, tier.tier)
        assert alignment.tier == tier.tier
        times = [0.0, *(interval.end for interval in alignment.intervals)]
        assert times[:-1] == [interval.start for interval in alignment.intervals]
        assert times[-1] == pytest.approx(end, abs=1e-9)
        given = {(interval.start, interval.end) for interval in tier.intervals}
        same(
            [
                interval
                for interval in alignment.intervals
                if (interval.start, interval.end) in given
            ],
            tier.intervals,
        )
        assert not any(
            interval.label
            for interval in alignment.intervals
            if (interval.start, interval.end) not in given
        )


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
    expected = {
        name: [interval for interval in tier.intervals if interval.label]
        for name, tier in given.items()
    }
    expected = {name: intervals for name, intervals in expected.items() if intervals}
    assume(expected)
    write_ctm(tmp_path / "a.ctm", given, force=True)
    alignment = read_ctm(tmp_path / "a.ctm")
    assert list(alignment) == list(expected)
    for name, intervals in expected.items():
        same(alignment[name].intervals, intervals)


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
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
