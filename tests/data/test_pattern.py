"""Regular expressions of users: one group, found in time, or one sentence."""

import pytest

from speechvq.data import pattern
from speechvq.data.pattern import speaker_pattern, speakers_in
from speechvq.errors import UnitsError


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("(", "is not a regular expression"),
        ("[[a]", "is not a regular expression"),  # a warning of Python's
        ("(" * 400 + ")" * 400, "is not a regular expression|has 400 groups"),
        ("a{99999999999999999999}", "is not a regular expression"),
        ("(a)" * 2000, "more than 1000 characters"),
        ("a", "has no groups; put one group, in brackets, around the speaker"),
        ("(a)(b)", "has 2 groups"),
    ],
)
def test_what_is_no_pattern(given, words):
    with pytest.raises(UnitsError, match=words):
        speaker_pattern(given, UnitsError)


def test_speakers_are_found():
    regex = speaker_pattern("^([a-z]*)-", UnitsError)
    assert speakers_in(["ann-1", "-2", "3"], regex, UnitsError) == ["ann", None, None]


def test_a_pattern_that_never_ends_is_stopped(monkeypatch):
    monkeypatch.setattr(pattern, "SECONDS", 0.2)
    regex = speaker_pattern("((?:a+)+)$", UnitsError)
    with pytest.raises(UnitsError, match=r"takes too long .*give a simpler pattern"):
        speakers_in(["a" * 40 + "!"], regex, UnitsError)
