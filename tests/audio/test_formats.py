"""The lists of suffixes, and the command for what cannot be read."""

import shlex
from pathlib import Path

import pytest

from speechvq.audio.formats import READABLE, UNREADABLE, advice


def test_a_suffix_is_in_one_list_and_in_lower_case():
    assert not READABLE & UNREADABLE
    assert all(s.startswith(".") and s == s.lower() for s in READABLE | UNREADABLE)


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("x.m4a", "ffmpeg -i x.m4a x.wav"),
        ("my talk.m4a", "ffmpeg -i 'my talk.m4a' 'my talk.wav'"),
        ("/a/it's.webm", """ffmpeg -i '/a/it'"'"'s.webm' '/a/it'"'"'s.wav'"""),
        ("-y.wma", "ffmpeg -i ./-y.wma ./-y.wav"),
        ("http:x.aac", "ffmpeg -i ./http:x.aac ./http:x.wav"),
        ("x.wav", "ffmpeg -i x.wav 'x converted.wav'"),
        ("x.raw", "ffmpeg -f s16le -ar 16000 -ac 1 -i x.raw x.wav"),
        ("noname", "ffmpeg -i noname noname.wav"),
    ],
)
def test_the_command_names_the_file_and_never_itself(name, command):
    assert advice(Path(name)) == command
    assert len(set(shlex.split(advice(Path(name)))[-3:])) == 3
