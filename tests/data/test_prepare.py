"""speechvq prepare: every recording is in the manifest, or named with the reason."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speechvq.audio.formats import READABLE, UNREADABLE
from speechvq.data import prepare
from speechvq.data.manifest import Utterance, read_manifest
from tests.helpers.paths import CLIPS


def audio(path, seconds=2.0, level=0.1):
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = level * np.random.default_rng(0).standard_normal(round(seconds * 8000))
    soundfile.write(path, noise, 8000, format="WAV")
    return path


@pytest.fixture
def prepared(run, tmp_path):
    """Prepare the folder `corpus`: what the command said, and the rows."""

    def attempt(*more):
        done = run("prepare", tmp_path / "corpus", tmp_path / "m.jsonl", *more)
        assert done.code == 0, done.err
        return done, read_manifest(tmp_path / "m.jsonl")

    return attempt


def test_speakers_and_what_is_left_out(prepared, tmp_path):
    corpus = tmp_path / "corpus"
    for name in ("ann/a.wav", "ann/deep/b.WAV", "top.wav", "bob/c.wav"):
        audio(corpus / name)
    audio(corpus / "ann" / "short.wav", 0.5)
    audio(corpus / "ann" / "long.wav", 20)
    audio(corpus / "ann" / "longer.wav", 100)
    audio(corpus / "eve" / "silent.wav", level=0)
    (corpus / "eve" / "text.flac").write_text("no audio")
    (corpus / "eve" / "empty.wav").touch()
    audio(corpus / ".trash" / "x.wav")
    audio(corpus / "ann" / "._a.wav")
    (corpus / "ann" / "a.TextGrid").touch()
    (corpus / "none").mkdir()
    (corpus / "link").symlink_to(audio(tmp_path / "elsewhere" / "d.wav").parent)
    done, rows = prepared("--longest", 9, "--left-out", tmp_path / "out.jsonl")
    assert [(row.audio.name, row.speaker) for row in rows] == [
        ("a.wav", "ann"),
        ("b.WAV", "ann"),
        ("c.wav", "bob"),
        ("d.wav", "link"),
        ("top.wav", None),
    ]
    assert done.out.endswith(
        "5 files, 0.00 h, 3 speakers in " + f"{tmp_path}/m.jsonl; 8 left out\n"
    )
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert {
        Path(line["path"]).relative_to(corpus).as_posix(): line["reason"] for line in lines
    } == {
        ".trash": "hidden",
        "ann/._a.wav": "hidden",
        "ann/long.wav": "more than 9 s of speech: cut it into sentences",
        "ann/longer.wav": "more than 9 s of speech: cut it into sentences",
        "ann/short.wav": "less than 1 s of speech",
        "eve/empty.wav": "cannot be read",
        "eve/silent.wav": "cannot be read",
        "eve/text.flac": "cannot be read",
    }
    for words in (
        f"left out 2, hidden: {corpus}/.trash; {corpus}/ann/._a.wav\n",
        f"left out 1, less than 1 s of speech: {corpus}/ann/short.wav (0.50 s)\n",
        "left out 3, cannot be read: ",
        f"1 files lie in {corpus} itself: they have no speaker\n",
        "2 folders hold nothing that is used: eve, none\n",
        "1 other files are no audio by their names: .textgrid 1\n",
    ):
        assert words in done.err


@pytest.mark.parametrize("suffix", sorted(READABLE))
def test_all_that_is_read_is_prepared(prepared, tmp_path, suffix):
    """What a file holds decides how it is read; here it is always WAV."""
    audio(tmp_path / "corpus" / "ann" / f"x{suffix.upper()}")
    assert len(prepared("--quiet")[1]) == 1


@pytest.mark.parametrize("suffix", [".m4a", ".webm", ".wma", ".aac", ".amr", ".mp4"])
def test_what_is_not_read_is_named(prepared, tmp_path, suffix):
    audio(tmp_path / "corpus" / "ann" / "x.wav")
    assert suffix in UNREADABLE
    (tmp_path / "corpus" / "ann" / f"y{suffix}").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(99))
    done, rows = prepared()
    assert len(rows) == 1
    assert "left out 1, cannot be read: " in done.err
    assert f"y{suffix} (" in done.err


def test_remarks_on_sound_are_one_warning(prepared, tmp_path):
    for number in range(5):
        path = audio(tmp_path / "corpus" / "ann" / f"{number}.wav", 4)
        path.write_bytes(path.read_bytes()[:-20_000])
    done, rows = prepared("--quiet")
    assert len(rows) == 5
    (line,) = done.err.splitlines()
    assert line.startswith(f"warning: {tmp_path}/corpus/ann/0.wav ")
    assert line.endswith("; and 2 more")


def test_nothing_to_say(prepared, tmp_path):
    for name in ("female", "male"):
        (tmp_path / "corpus" / name).mkdir(parents=True)
        shutil.copy(CLIPS / f"{name}.flac", tmp_path / "corpus" / name)
    done, rows = prepared()
    assert done.err == ""
    assert [row.speaker for row in rows] == ["female", "male"]


def test_names_that_are_alike(prepared, tmp_path):
    for speaker in ("Zoe", "zoe", "m\u00fcde", "mu\u0308de", "one"):
        audio(tmp_path / "corpus" / speaker / "x.wav")
    done, rows = prepared()
    assert {row.speaker for row in rows} == {"Zoe", "zoe", "m\u00fcde", "one"}
    assert "speakers whose names differ in case only count as several: Zoe, zoe\n" in done.err
    assert "folders whose names differ only in how Unicode writes letters are of one" in done.err


def test_one_speaker_of_many_folders_is_questioned(prepared, tmp_path):
    for speaker in ("a", "b"):
        audio(tmp_path / "corpus" / "train" / speaker / "x.wav")
    done, _ = prepared()
    assert "all recordings are of one speaker, train; if its folders are speakers" in done.err


def test_names_that_files_can_have_but_not_speakers(prepared, tmp_path):
    corpus = tmp_path / "corpus"
    for name in ("ann/x\u2028y.wav", "ann/two\nlines\tand tab.wav", "e\x1b[31mve/x.wav"):
        audio(corpus / name)
    (Path(os.fsdecode(os.fsencode(corpus) + b"/m\xfcde"))).mkdir()
    shutil.copy(audio(tmp_path / "x.wav"), os.fsencode(corpus) + b"/m\xfcde/x.wav")
    done, rows = prepared("--quiet")
    assert [row.audio.name for row in rows] == ["two\nlines\tand tab.wav", "x\u2028y.wav"]
    assert "2 left out" in done.out
    surveyed = prepare.survey(corpus, prepare.find_audio(corpus), shortest=1, longest=60)
    assert [item.reason for item in surveyed.left_out] == ["named as no list can hold"] * 2
    details = [item.detail for item in surveyed.left_out]
    assert "must be printable, without control characters" in details[0]
    assert "is a name that is not UTF-8; rename it" in details[1]


def test_what_cannot_be_prepared(refused, tmp_path):
    corpus = tmp_path / "corpus"
    (corpus / "ann").mkdir(parents=True)
    manifest = tmp_path / "m.jsonl"
    refused("prepare", corpus, manifest, says="no audio below")
    (corpus / "ann" / "x.wav").write_text("no audio")
    refused("prepare", corpus, manifest, says="none of 1 files below")
    audio(corpus / "ann" / "x.wav")
    (tmp_path / "link.jsonl").symlink_to(corpus / "ann" / "x.wav")
    refused("prepare", corpus, manifest, "--shortest", 9, "--longest", 8, says="give other limits")
    refused("prepare", tmp_path / "none", manifest, says="there is no folder")
    refused("prepare", corpus / "ann" / "x.wav", manifest, says="is not a folder")
    refused("prepare", corpus, corpus / "ann" / "y.wav", says="has the name of audio")
    refused("prepare", corpus, tmp_path / "link.jsonl", "--force", says="is the same file as")
    refused("prepare", corpus, manifest, "--left-out", manifest, says="cannot hold both lists")


def test_long_recordings_are_not_read_to_find_silence(monkeypatch, tmp_path):
    path = audio(tmp_path / "x.wav", 2)
    monkeypatch.setattr(prepare, "chunks", None)
    assert prepare.speech_bounds(path, most=1) == (0.0, 2.0)


def test_what_is_prepared_is_what_is_read(prepared, tmp_path):
    audio(tmp_path / "corpus" / "ann" / "x.wav")
    _, (row,) = prepared()
    assert row == Utterance(tmp_path / "corpus/ann/x.wav", 2.0, "ann")
