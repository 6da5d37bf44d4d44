"""Manifests of any content: what is right is read, and what is wrong is named with its line."""

import json

import numpy as np
import pytest
import soundfile

from speechvq.data.manifest import Utterance, read_manifest, write_manifest
from speechvq.data.speech import read_utterance
from speechvq.errors import ManifestError

ROW = '{"audio": "x.wav", "seconds": 1}'


def row(**changes):
    return json.dumps({"audio": "x.wav", "seconds": 1} | changes)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "it is not JSON"),
        ("[]", 'needs a table with "audio"'),
        ("null", 'needs a table with "audio"'),
        ("3", 'needs a table with "audio"'),
        ('"text"', 'needs a table with "audio"'),
        ("[" * 100_000, "nested more than"),
        ('{"a":' * 100_000, "nested more than"),
        ("{" + '"a": 1, ' * 100_000 + '"audio": "x", "seconds": 1}', "the key 'a' twice"),
        ('{"audio": 3, "seconds": 1}', 'needs a table with "audio"'),
        ('{"audio": "x"}', '"seconds" is missing'),
        ('{"audio": "", "seconds": 1}', '"audio" must be the path of a file'),
        ('{"audio": "a\\u0000b", "seconds": 1}', '"audio" must be the path of a file'),
        ('{"audio": "a\\ud800", "seconds": 1}', "a text that UTF-8 cannot hold"),
        (row(seconds=-1), '"seconds" must be'),
        (row(seconds=0), '"seconds" must be'),
        (row(seconds="1"), '"seconds" must be a number'),
        (row(seconds=True), '"seconds" must be a number'),
        (row(seconds=None), '"seconds" must be a number'),
        (row(seconds=[1]), '"seconds" must be a number'),
        (row(seconds=1e308), '"seconds" must be a number of at least 0.001 and at most 10000000'),
        (ROW.replace("1", "1" * 400), "a whole number of more than 64 bits"),
        (ROW.replace("1", "1" * 400 + ".0"), "a number that is not finite"),
        (ROW.replace("1", "NaN"), "a number that is not finite"),
        (ROW.replace("1", "-Infinity"), "a number that is not finite"),
        (ROW.replace("1", "1_000"), "it is not JSON"),
        (ROW.replace("1", "٣"), "it is not JSON"),
        (ROW.replace("1", "0x10"), "it is not JSON"),
        (row(start=-0.5), '"start" must be'),
        (row(speaker=3), '"speaker" must be a text'),
        (row(speaker=""), '"speaker" must be a text'),
        (row(speaker="e\x1b[31mve"), '"speaker" must be printable'),
        (row(speaker="e" * 300), '"speaker" has at most 255 bytes'),
        (row(text=3), '"text" must be a text'),
        (row(name=["a"]), '"name" must be a text'),
        (ROW + "\0", "it is not JSON"),
        (ROW + ROW, "it is not JSON"),
        (ROW + "\n" + ROW, "lists the same as .*line 2; remove one"),
    ],
    ids=lambda text: text[:40],
)
def test_bad_lines_are_named(line, message, tmp_path):
    path = tmp_path / "m.jsonl"
    path.write_text(f"\n{line}\n")
    with pytest.raises(ManifestError, match=message) as caught:
        read_manifest(path)
    assert str(caught.value).startswith(f"{path}, line {3 if 'same' in message else 2}: ")
    assert len(str(caught.value)) < 600
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("content", [b"", b"\n\n \n", b"\xef\xbb\xbf"])
def test_manifests_of_nothing(content, tmp_path):
    (tmp_path / "m.jsonl").write_bytes(content)
    with pytest.raises(ManifestError, match="lists no audio; make one with `speechvq prepare"):
        read_manifest(tmp_path / "m.jsonl")


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "latin-1"])
def test_manifests_that_are_not_utf8(encoding, tmp_path):
    (tmp_path / "m.jsonl").write_bytes(row(speaker="é").replace("\\u00e9", "é").encode(encoding))
    with pytest.raises(ManifestError, match="is not a text in UTF-8"):
        read_manifest(tmp_path / "m.jsonl")


def test_what_manifests_may_be(tmp_path):
    """A byte order mark, line ends of any system, paths of any kind, metadata of any kind."""
    paths = ["a b/é.wav", "../up.wav", "/whole.wav", "~/x.wav", "two\nlines\u2028\x85.wav"]
    lines = [row(audio=path, speaker=None, more={"a": [1, None]}) for path in paths]
    text = "\r\n".join(json.dumps(json.loads(line), ensure_ascii=False) for line in lines)
    (tmp_path / "m.jsonl").write_bytes(b"\xef\xbb\xbf" + text.encode())
    rows = read_manifest(tmp_path / "m.jsonl")
    assert [str(row.audio) for row in rows] == [
        f"{tmp_path}/a b/é.wav",
        f"{tmp_path}/../up.wav",
        "/whole.wav",
        f"{tmp_path}/~/x.wav",
        f"{tmp_path}/two\nlines\u2028\x85.wav",
    ]
    assert {row.speaker for row in rows} == {None}
    assert rows[0].metadata == {"more": {"a": [1, None]}}
    write_manifest(tmp_path / "again.jsonl", rows)
    again = read_manifest(tmp_path / "again.jsonl")
    assert [row.audio.resolve() for row in again] == [row.audio.resolve() for row in rows]
    assert [row.metadata for row in again] == [row.metadata for row in rows]


@pytest.mark.parametrize("metadata", [{"a": float("nan")}, {"a": b"bytes"}, {"a": "\ud800"}])
def test_what_manifests_cannot_hold_is_not_written(metadata, tmp_path):
    with pytest.raises(ManifestError, match="a manifest cannot hold"):
        write_manifest(tmp_path / "m.jsonl", [Utterance(tmp_path / "x", 1.0, metadata=metadata)])
    assert not list(tmp_path.iterdir())


def test_a_missing_manifest_is_said_to_be_missing(tmp_path):
    with pytest.raises(ManifestError, match=r"there is no manifest .*; make one with `speechvq"):
        read_manifest(tmp_path / "m.jsonl")
    with pytest.raises(ManifestError, match="is a folder, not a manifest"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("again", ["./a.wav", "b/../a.wav", "{folder}/a.wav"])
def test_a_recording_is_listed_twice_whatever_the_spelling(tmp_path, again):
    path = tmp_path / "all.jsonl"
    rows = [{"audio": name.format(folder=tmp_path), "seconds": 1} for name in ("a.wav", again)]
    path.write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(ManifestError, match=r"line 2: lists the same as .*line 1"):
        read_manifest(path)


def test_lines_that_go_beyond_their_file_are_named(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.tile([0.1, -0.1], 8000), 16_000)
    (tmp_path / "m.jsonl").write_text(f"{row(start=0.5, seconds=0.6)}\n{row(start=0.5, seconds=1)}")
    first, second = read_manifest(tmp_path / "m.jsonl")
    assert len(read_utterance(first, 16_000)) == 8000
    with pytest.raises(
        ManifestError, match=r"m\.jsonl, line 2: .*x\.wav lasts 1\.000 s, and its u"
    ):
        read_utterance(second, 16_000)
