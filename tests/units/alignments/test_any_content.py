"""Alignments of any content: read in linear time, or one sentence; tiers of one name."""

import time

import pytest

from speechvq.errors import AlignmentError
from speechvq.units.alignments.alignment import Alignment, Interval
from speechvq.units.alignments.readers import read_alignment, read_km, read_textgrid
from speechvq.units.alignments.writers import write_audacity, write_ctm, write_textgrid

HEAD = 'File type = "ooTextFile"\nObject class = "TextGrid"\n'
TWO = HEAD + (
    '0 1 <exists> 3 "IntervalTier" "phones" 0 1 1 0 1 "first"\n'
    '"TextTier" "tones" 0 1 1 0.5 "H*"\n'
    '"IntervalTier" "phones" 0 1 1 0 1 "a ""quoted"" one"\n'
)
MANY = 200_000

CONTENTS = {
    "digits": "1" * MANY,
    "a number and more": "1" * MANY + "x",
    "points": "1." * MANY,
    "exponents": "1e1" * MANY,
    "equal signs": "=1" * MANY,
    "quotes": '"' * MANY,
    "a text without an end": '""' * MANY + "x",
    "spaces": " " * MANY,
    "tabs": "\t" * MANY,
    "blank lines": "\n" * MANY,
    "lines of old computers": "\r" * MANY,
    "headers": "#\n" * MANY,
    "hashes": "# " * MANY,
    "comments": ";;\n" * MANY,
    "one long line": "0 1 a " * MANY,
    "brackets": "[" * MANY,
    "zero bytes": "\0" * MANY,
    "tiers": HEAD + "0 1 1 " + '"IntervalTier" "a" 0 1 0\n' * (MANY // 10),
    "utterances": "".join(f"u{number} 1 0 1 a\n" for number in range(MANY // 10)),
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_time_is_linear(tmp_path, content):
    for suffix in ("TextGrid", "phn", "ctm", "lab", "km"):
        path = tmp_path / f"a.{suffix}"
        path.write_text(content, newline="")
        start, said = time.process_time(), ""
        try:
            read_km(path) if suffix == "km" else read_alignment(path)
        except AlignmentError as error:
            said = str(error)
        assert time.process_time() - start < 2
        assert len(said) < 600
        assert "\n" not in said


def test_tiers_of_one_name_are_chosen_by_number(tmp_path):
    path = tmp_path / "a.TextGrid"
    path.write_text(TWO)
    for tier, label in (
        (1, "first"),
        ("1", "first"),
        (3, 'a "quoted" one'),
        ("3", 'a "quoted" one'),
    ):
        assert read_textgrid(path, tier).intervals == (Interval(0, 1, label),)
    for tier, words in (
        (None, "more than one tier that could be 'phones'; give the name or the number of one of"),
        ("phones", "its interval tiers: 1 'phones', 3 'phones'"),
        (2, "the tier 'tones' has points, not intervals; name one of its interval tiers: 1 'pho"),
        (0, "no tier that could be '0'"),
        (4, "no tier that could be '4'"),
        (-1, "no tier that could be '-1'"),
        ("(a+)+$", "no tier that could be"),
    ):
        with pytest.raises(AlignmentError, match=words.replace("(", r"\(")):
            read_textgrid(path, tier)


def test_a_name_goes_before_a_number(tmp_path):
    path = tmp_path / "a.TextGrid"
    write_textgrid(path, [Alignment((Interval(0, 1, n),), n) for n in ("2", "1")])
    assert read_textgrid(path, 1).intervals == (Interval(0, 1, "1"),)


def test_binary_textgrids_are_refused_by_name(tmp_path):
    for name in ("a.TextGrid", "a.lab"):
        (tmp_path / name).write_bytes(b"ooBinaryFile\x08TextGrid" + bytes(16))
        with pytest.raises(
            AlignmentError, match="a binary TextGrid; in Praat, choose Save as text"
        ):
            read_alignment(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.phn", "0 " + "9" * 400 + " a", "interval 1 .*not a finite number"),
        ("a.phn", "0 " + "9" * 5000 + " a", "interval 1 .*not a finite number"),
        ("a.phn", "0 1_000 a", "line 1: '0' and '1_000' are not numbers of samples"),
        ("a.phn", "0 ٣ a", "line 1: '0' and '٣' are not numbers of samples"),
        ("a.lab", "0 ٣ a", "line 1: '٣' is not a time"),
        ("a.lab", "0.0 1_0.5 a", "line 1: '1_0.5' is not a time"),
        ("a.lab", "0.0 0x10 a", "line 1: '0x10' is not a time"),
        ("a.lab", "0.0 inf a", "line 1: 'inf' is not a time"),
        ("a.lab", "0.0 1e400 a", "interval 1 .*not a finite number"),
        ("a.lab", "0.0 1e308 a", "ends later than any recording: after 10000000 s"),
        ("a.lab", "0.0 1.0 a\x1b[31m", "has a label with a control character"),
        ("a.ctm", "u 1 0 1 a\0", "has a label with a control character"),
        ("a.phones", "#\n1e400 121 a", "interval 1 .*not a finite number"),
        ("a.TextGrid", TWO.replace('0 1 "first"', '0 1e999 "first"'), "not a finite number"),
        ("a.TextGrid", TWO.replace('0 1 "first"', '0 1_0 "first"'), "line 3: 'first' is not the"),
        ("a.TextGrid", "\ufeff", "is not a TextGrid"),
    ],
)
def test_numbers_and_labels_that_are_none(tmp_path, name, content, words):
    (tmp_path / name).write_text(content)
    with pytest.raises(AlignmentError, match=words):
        read_alignment(tmp_path / name, 1)


def test_lines_may_end_in_any_way(tmp_path):
    for end in ("\n", "\r\n", "\r"):
        (tmp_path / "a.lab").write_text(end.join(["0.0 0.5 a", "0.5 1.0 b", ""]), newline="")
        assert len(read_alignment(tmp_path / "a.lab").intervals) == 2


def test_buckeye_with_blank_lines_in_its_header(tmp_path):
    (tmp_path / "a.phones").write_text("signal a\n\n\n#\n0.5 121 a\n1.0 121 b\n")
    assert [i.label for i in read_alignment(tmp_path / "a.phones").intervals] == ["a", "b"]


def test_what_readers_refuse_is_not_written(tmp_path):
    for label, end in (("a\x1b", 1.0), ("a", float("nan")), ("a", 1e300)):
        wrong = Alignment((Interval(0.0, end, label),))
        for write, given in (
            (write_textgrid, [wrong]),
            (write_ctm, {"u": wrong}),
            (write_audacity, wrong),
        ):
            with pytest.raises(AlignmentError, match="interval 1"):
                write(tmp_path / "out", given)
    assert not list(tmp_path.iterdir())
