"""What a terminal would obey is shown instead."""

import pytest

from speechvq.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("\x07\x00\x7f\x9b", r"\x07\x00\x7f\x9b"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\u202eabc\u2066\u200f\ufeff", r"\u202eabc\u2066\u200f\ufeff"),
        ("\u2028\u2029\x85", r"\u2028\u2029\x85"),
        ("\udcff\ud800", r"\udcff\ud800"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_it_is_escaped(text, shown):
    assert printable(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "",
        "talk.wav",
        "\u00c4\u03a9\u8a9e \u3000",
        "\u0645\u06cc\u200c\u062e",
        "\U0001f469\u200d\U0001f4bb",
    ],
)
def test_letters_of_all_scripts_stay(text):
    assert printable(text) == text


def test_what_is_ours_stays():
    assert printable("a\tb\nc\x1b", keep="\n\t") == "a\tb\nc\\x1b"
