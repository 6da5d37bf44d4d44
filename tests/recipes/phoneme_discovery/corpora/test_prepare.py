"""Preparing: what is read, what is refused and why, who is held out, and that it is kept."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from recipes.phoneme_discovery.corpora import (
    alignments,
    checks,
    holding_out,
    naming,
    prepare,
    prepared,
)
from recipes.phoneme_discovery.corpora.options import CorpusOptions
from speechvq.audio.reading import read_mono
from speechvq.data.manifest import Utterance
from speechvq.errors import AlignmentError, AudioError, ManifestError, OutputError, UnitsError
from speechvq.units.alignments.alignment import Alignment, Interval
from speechvq.units.alignments.writers import write_textgrid
from speechvq.units.recordings import Recording
from tests.helpers.unit_corpus import alignment_of

RATE, SECONDS = 8000, 1.0


def sound(path, seconds=SECONDS, level=0.1):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(
        path, np.random.default_rng(0).normal(0, level, round(seconds * RATE)).clip(-1, 1), RATE
    )


def textgrid(path, *intervals):
    path.parent.mkdir(parents=True, exist_ok=True)
    write_textgrid(
        path,
        [Alignment(tuple(Interval(*interval) for interval in intervals))],
        seconds=intervals[-1][1],
        force=True,
    )


def prepare_with(corpus, work, *, force=False, say=print, **options):
    """Prepare a corpus with some options."""
    options["held_out"] = tuple(options.get("held_out", ()))
    return prepare.prepare(corpus, work, CorpusOptions(**options), force=force, say=say)


def said(*given, **options):
    """The recordings and the remarks."""
    lines = []
    return prepare_with(*given, say=lines.append, **options), lines


@pytest.fixture
def corpus(tmp_path):
    """Three speakers with two recordings each, of which all but one are aligned."""
    for speaker in ("ann", "bob", "cyd"):
        for name in ("x", f"{speaker}2"):
            sound(tmp_path / "corpus" / speaker / f"{name}.wav")
            textgrid(
                tmp_path / "align" / speaker / f"{name}.TextGrid", (0, 0.5, "AH1"), (0.5, 1.0, "sp")
            )
    (tmp_path / "align" / "cyd" / "cyd2.TextGrid").unlink()
    return tmp_path / "corpus"


def test_what_is_prepared(corpus, tmp_path):
    (corpus / "bob" / "x.txt").write_text("oh")
    recordings, lines = said(corpus, tmp_path / "work", align=tmp_path / "align")
    assert [recording.name for recording in recordings] == [
        "ann2",
        "ann-x",
        "bob2",
        "bob-x",
        "cyd2",
        "cyd-x",
    ]
    assert [recording.speaker for recording in recordings] == [
        "ann",
        "ann",
        "bob",
        "bob",
        "cyd",
        "cyd",
    ]
    assert all(
        recording.seconds == SECONDS
        and recording.audio
        and recording.audio.samefile(corpus / recording.speaker / recording.audio.name)
        for recording in recordings
    )
    phones = Alignment((Interval(0, 0.5, "AH"), Interval(0.5, 1.0, "SIL")))
    assert [recording.phones for recording in recordings] == [phones] * 4 + [None, phones]
    assert lines == [f"without an alignment, for training only: 1 ({corpus / 'cyd' / 'cyd2.wav'})"]
    rows = [
        json.loads(line) for line in (tmp_path / "work" / "manifest.jsonl").read_text().splitlines()
    ]
    assert rows[3]["text"] == "oh"
    assert rows[3]["align"] == str(tmp_path / "align" / "bob" / "x.TextGrid")
    assert prepared.held_out_of(tmp_path / "work") == {"bob2", "bob-x"}
    assert prepare.summary(recordings, prepared.held_out_of(tmp_path / "work")) == (
        "6 recordings, 0.00 h, speakers: 3, 5 with phones; held out: 2, of bob"
    )


def test_the_same_again_is_kept_and_other_inputs_refused(corpus, tmp_path):
    options = {"align": tmp_path / "align"}
    first, _ = said(corpus, tmp_path / "work", **options)
    made = (tmp_path / "work" / "manifest.jsonl").stat().st_mtime_ns
    again, lines = said(corpus, tmp_path / "work", **options)
    assert (again, lines) == (first, [])
    assert (tmp_path / "work" / "manifest.jsonl").stat().st_mtime_ns == made
    with pytest.raises(
        OutputError,
        match=r"was prepared with other share; use another folder, or prepare it again",
    ):
        prepare_with(corpus, tmp_path / "work", share=0.5, **options)
    sound(corpus / "ann" / "new.wav")
    (tmp_path / "align" / "ann" / "x.TextGrid").unlink()
    with pytest.raises(OutputError, match="other files, alignments"):
        prepare_with(corpus, tmp_path / "work", **options)
    assert len(said(corpus, tmp_path / "work", force=True, **options)[0]) == 7
    (tmp_path / "work" / "prepare.json").unlink()
    with pytest.raises(OutputError, match="was not made by prepare"):
        prepare_with(corpus, tmp_path / "work", **options)
    for text in ("[" * 100_000, '{"inputs": [1]}', "[]", "9" * 5000):
        (tmp_path / "work" / "prepare.json").write_text(text)
        with pytest.raises(OutputError, match="was not made by prepare"):
            prepare_with(corpus, tmp_path / "work", **options)


def test_nothing_is_made_of_what_is_refused(corpus, tmp_path):
    with pytest.raises(ManifestError, match="does not exist"):
        prepare_with(tmp_path / "none", tmp_path / "work")
    with pytest.raises(AlignmentError, match="there is no folder of alignments"):
        prepare_with(corpus, tmp_path / "work", align=tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(AlignmentError, match="there are no alignments in"):
        prepare_with(corpus, tmp_path / "work", align=tmp_path / "empty")
    with pytest.raises(UnitsError, match="cannot be folded to 40"):
        prepare_with(corpus, tmp_path / "work", inventory=40)
    with pytest.raises(
        UnitsError, match="there is no speaker 'zoe' to hold out; there are ann, bob, cyd"
    ):
        prepare_with(corpus, tmp_path / "work", held_out=["zoe"])
    with pytest.raises(ManifestError, match="lies inside"):
        prepare_with(corpus, corpus / "work")
    assert not (tmp_path / "work").exists()
    assert not (corpus / "work").exists()


def test_audio_that_cannot_be_used_is_left_out(corpus, tmp_path):
    sound(corpus / "ann" / "silent.wav", level=1e-4)
    (corpus / "ann" / "broken.wav").write_bytes(b"RIFF")
    sound(corpus / "nobody.wav")
    recordings, lines = said(corpus, tmp_path / "work", align=tmp_path / "align")
    assert len(recordings) == 6
    assert lines[0].startswith("left out, cannot be used: 2 (")
    assert "broken.wav is not audio" in lines[0]
    assert "silent.wav holds no sound from 0.000 s on for 1.000 s" in lines[0]
    assert f"left out, of unknown speakers: 1 ({corpus / 'nobody.wav'})" in lines


def test_audio_that_starts_late_is_not_silent(tmp_path):
    wave = np.zeros(3 * RATE)
    wave[2 * RATE + 5] = 0.5
    soundfile.write(tmp_path / "late.wav", wave, RATE)
    full = Utterance(tmp_path / "late.wav", 3.0, "ann")
    assert checks.audio_of(full).seconds == 3
    with pytest.raises(AudioError, match="no sound"):
        checks.audio_of(Utterance(tmp_path / "late.wav", 2.0, "ann"))
    assert checks.audio_of(Utterance(tmp_path / "late.wav", 1.0, "ann", start=2.0)).seconds == 3
    with pytest.raises(AudioError, match=r"lasts 3\.000 s, and its row goes to 3\.500 s"):
        checks.audio_of(Utterance(tmp_path / "late.wav", 1.5, "ann", start=2.0))


def test_a_channel_of_a_manifest_is_checked_and_read(tmp_path):
    wave = np.zeros((RATE, 2))
    wave[:, 1] = np.random.default_rng(0).normal(0, 0.1, RATE)
    path = tmp_path / "two.wav"
    soundfile.write(path, wave, RATE)
    silent, heard = (Utterance(path, 1.0, "ann", metadata={"channel": n}) for n in (1, 2))
    with pytest.raises(AudioError, match="silent"):
        checks.audio_of(silent)
    assert checks.audio_of(heard).mixed == (1,)
    recording = Recording("two", "ann", 1.0, None, path, channel=2)
    np.testing.assert_array_equal(prepared.load_wave(recording), read_mono(path, 16_000, 2))


def test_a_recording_that_became_shorter_is_noticed(tmp_path):
    sound(tmp_path / "a.wav")
    with pytest.raises(ManifestError, match=r"a\.wav lasts 1\.000 s, and its utterance would end"):
        prepared.load_wave(Recording("a", "ann", 1.5, None, tmp_path / "a.wav"))


def test_alignments_that_do_not_fit(corpus, tmp_path):
    def again(*intervals):
        textgrid(tmp_path / "align" / "ann" / "x.TextGrid", *intervals)
        return said(corpus, tmp_path / "work", align=tmp_path / "align", force=True)

    result, _ = again((0, 0.5, "AH1"), (0.5, 1.04, "B"))
    assert alignment_of(result[1]).intervals == ((0, 0.5, "AH"), (0.5, 1.0, "B"))
    result, lines = again((0, 0.5, "AH1"), (0.5, 1.06, "B"))
    assert result[1].phones is None
    assert "x.TextGrid goes to 1.060 s, and" in lines[0]
    result, lines = again((0, 0.4, "AH1"))
    assert alignment_of(result[1]).end == 0.4
    assert lines[0].startswith("alignments that end more than 0.5 s before the recording: 1 (")
    result, lines = again((0, 0.6, "sil"), (0.6, 1.0, "<noise>"))
    assert [item.name for item in result] == ["ann2", "bob2", "bob-x", "cyd2", "cyd-x"]
    assert lines[0].startswith("left out, nothing but silence by its labels: 1 (")
    (tmp_path / "align" / "ann" / "x.TextGrid").unlink()
    (tmp_path / "align" / "ann" / "x.lab").write_text("0.0 0.6 AH\n0.5 1.0 B\n")
    result, lines = said(corpus, tmp_path / "work", align=tmp_path / "align", force=True)
    assert result[1].phones is None
    assert "overlaps 'AH' before it" in lines[0]


def test_alignments_of_something_else_stop_it(corpus, tmp_path):
    for path in sorted((tmp_path / "align").rglob("*.TextGrid"))[:3]:
        textgrid(path, (0, 2, "AH"))
    with pytest.raises(
        AlignmentError,
        match=r"3 of 5 alignments cannot be used; the first: .*ann2\.TextGrid goes to 2\.000 s",
    ):
        prepare_with(corpus, tmp_path / "work", align=tmp_path / "align")
    assert not (tmp_path / "work" / "manifest.jsonl").exists()


def test_a_ctm_holds_all(corpus, tmp_path):
    lines = [
        f"{path.parent.name}-{path.stem} 1 0.2 0.3 AH0" for path in sorted(corpus.rglob("*.wav"))
    ]
    (tmp_path / "all.ctm").write_text("\n".join(lines[:-1]))
    recordings, remarks = said(corpus, tmp_path / "work", align=tmp_path / "all.ctm")
    assert [recording.phones and alignment_of(recording).intervals for recording in recordings] == [
        ((0.2, 0.5, "AH"),)
    ] * 5 + [None]
    assert len(remarks) == 1


def test_two_alignments_of_one_name_are_not_guessed_at(corpus, tmp_path):
    (tmp_path / "align" / "bob").rename(tmp_path / "align" / "robert")
    _, lines = said(corpus, tmp_path / "work", align=tmp_path / "align")
    assert "ann/x.TextGrid and " in lines[0]
    assert "could both be of" in lines[0]


def test_segments_of_one_file(tmp_path):
    """Alignments by `align` count from the stretch, those of the file from its beginning."""
    sound(tmp_path / "corpus" / "ann.wav", 3)
    lines = [
        {"audio": "corpus/ann.wav", "seconds": 1, "start": start, "speaker": "ann"}
        for start in (0, 1, 2)
    ]
    (tmp_path / "all.jsonl").write_text("\n".join(map(json.dumps, lines)))
    textgrid(tmp_path / "align" / "ann.TextGrid", (0, 0.5, "A"), (0.5, 1.5, "B"), (1.5, 3.0, "C"))
    textgrid(tmp_path / "align" / "ann" / "ann_2.000.TextGrid", (0, 0.25, "D"), (0.25, 1, "E"))
    recordings, remarks = said(tmp_path / "all.jsonl", tmp_path / "work", align=tmp_path / "align")
    assert [recording.name for recording in recordings] == ["ann", "ann_1.000", "ann_2.000"]
    assert [recording.start for recording in recordings] == [0, 1, 2]
    assert [alignment_of(recording).intervals for recording in recordings] == [
        ((0, 0.5, "A"), (0.5, 1, "B")),
        ((0, 0.5, "B"), (0.5, 1, "C")),
        ((0, 0.25, "D"), (0.25, 1, "E")),
    ]
    assert len(remarks) == 1
    row = Utterance(Path("x/a.b.flac"), 1, "ann", 12.34)
    assert naming.aligned_as(row) == Path("ann/a.b_12.340.TextGrid")
    assert next(alignments.keys(row)) == (naming.aligned_as(row).stem, False)
    wave = prepared.load_wave(recordings[1])
    assert wave.shape == (16_000,)
    full = read_mono(tmp_path / "corpus" / "ann.wav", 16_000)
    np.testing.assert_array_equal(wave, full[16_000:32_000])


def test_phones_in_a_manifest(tmp_path):
    rows = []
    for name, phones in (
        ("a", [[0, 0.5, "A2"], [0.5, 1, "h#"]]),
        ("b", [[0, 1, "B"]]),
        ("c", None),
        ("d", [[0, "x"]]),
    ):
        sound(tmp_path / f"{name}.wav")
        row = {"audio": f"{name}.wav", "seconds": 1, "speaker": name, "phones": phones}
        rows.append(json.dumps({key: value for key, value in row.items() if value is not None}))
    (tmp_path / "all.jsonl").write_text("\n".join(rows))
    recordings, lines = said(tmp_path / "all.jsonl", tmp_path / "work")
    assert [recording.phones and alignment_of(recording).intervals for recording in recordings] == [
        ((0, 0.5, "A"), (0.5, 1, "SIL")),
        ((0, 1, "B"),),
        None,
        None,
    ]
    assert any("are not a list of [start, end, label]" in line for line in lines)
    kept, _ = said(tmp_path / "all.jsonl", tmp_path / "kept", stress=True)
    assert alignment_of(kept[0]).intervals[0].label == "A2"


def test_timit_is_folded(tmp_path):
    for speaker, part in (("FABC0", "TRAIN/DR1"), ("MABC0", "TRAIN/DR2"), ("FXYZ0", "TEST/DR1")):
        sound(tmp_path / "timit" / part / speaker / "SX1.WAV.wav")
        (tmp_path / "timit" / part / speaker / "SX1.PHN").write_text(
            "0 4000 h#\n4000 8000 ix\n8000 12000 q\n12000 16000 bcl\n"
        )
    labels = {39: ["SIL", "ih", "SIL"], 48: ["SIL", "ix", "vcl"], 61: ["SIL", "ix", "q", "bcl"]}
    for inventory, expected in labels.items():
        recordings, _ = said(tmp_path / "timit", tmp_path / str(inventory), inventory=inventory)
        assert [recording.name for recording in recordings] == [
            "FXYZ0-SX1",
            "FABC0-SX1",
            "MABC0-SX1",
        ]
        assert [
            [interval.label for interval in alignment_of(each).intervals] for each in recordings
        ] == [expected] * 3
    assert prepared.held_out_of(tmp_path / "39") == {"FXYZ0-SX1"}
    assert prepare.summary(recordings, prepared.held_out_of(tmp_path / "39")).endswith(
        "held out: 1, of FXYZ0"
    )


def test_a_corpus_without_alignments_says_so(corpus, tmp_path):
    recordings, _ = said(corpus, tmp_path / "work")
    assert not any(recording.phones for recording in recordings)
    assert "scores need phones to compare" in prepare.summary(recordings, frozenset())


def test_a_corpus_of_unknown_speakers_is_refused(tmp_path):
    sound(tmp_path / "corpus" / "a.wav")
    with pytest.raises(ManifestError, match="no speakers are known"):
        prepare_with(tmp_path / "corpus", tmp_path / "work")


def rows_of(*speakers, labeled=(), splits=()):
    """A row for each: labeled where its place is among `labeled`, in the split of its place."""
    return [
        Utterance(
            Path(f"{place}.wav"),
            1,
            speaker,
            metadata=({"phones": []} if place in labeled else {})
            | ({"split": splits[place]} if splits else {}),
        )
        for place, speaker in enumerate(speakers)
    ]


def held(rows, speakers=(), share=0.33):
    remarks = checks.Remarks()
    return [
        place
        for place, out in enumerate(holding_out.held_out_rows(rows, speakers, share, remarks))
        if out
    ], remarks.notes


def test_who_is_held_out():
    assert held(rows_of("a", "b", "c", "a", "b", "c"))[0] == [1, 4]
    assert held(rows_of("a", "b", "c"), ["c", "a"])[0] == [0, 2]
    assert held(rows_of("a", "b", "c", "d"), share=0.5)[0] == [1, 3]
    assert held(rows_of("a", "b"), share=0.99)[0] == [1]
    assert held(rows_of("a", "b", "c", "c", labeled=(0, 2)))[0] == [2, 3]
    assert held(rows_of("a", "b", "c"))[1] == {"speakers with one recording": ["a", "b", "c"]}


def test_a_split_of_the_corpus_is_kept_if_its_speakers_are_apart():
    assert held(rows_of("a", "b", "c", splits=("test", "train", "train")))[0] == [0]
    assert held(rows_of("a", "b", "c", splits=("dev", "train", "train")))[0] == [0]
    assert held(rows_of("a", "b", "c", "a", splits=("test", "train", "train", "train")))[0] == [1]
    assert held(rows_of("a", "b", "c", labeled=(1, 2), splits=("test", "train", "train")))[0] == [2]


def test_one_speaker_is_held_out_by_recordings():
    kept, notes = held(rows_of("a", "a", "a", "b", labeled=(0, 1, 2)))
    assert kept == [1]
    assert notes[
        "held out by recordings, as only one speaker could be scored; --speaker-pattern tells more"
    ] == ["a"]
    with pytest.raises(UnitsError, match="the only recording that could be scored"):
        held(rows_of("a", "b", labeled=(0,)))


@pytest.mark.parametrize(
    ("speakers", "share", "words"),
    [
        (["z"], 0.5, "there is no speaker 'z' to hold out; there are a, b, c"),
        (["a", "b"], 0.5, "everything that could be scored is of the held-out speakers, a, b"),
        (["c"], 0.5, "nothing that could be scored"),
        ([], 1.0, "a share of 1 cannot be held out"),
    ],
)
def test_invalid_held_out_speakers(speakers, share, words):
    with pytest.raises(UnitsError, match=words):
        held(rows_of("a", "b", "c", labeled=(0, 1)), speakers, share)


def test_names_are_unlike_each_other_and_plain():
    values = [
        Utterance(Path("x/a b.wav"), 1, "ann"),
        Utterance(Path("y/c.wav"), 1, "ann"),
        Utterance(Path("z/c.wav"), 1, "bob k"),
        Utterance(Path("w/c.wav"), 1, "ann"),
        Utterance(Path("w/ann-c.wav"), 1, "ann"),
        Utterance(Path("w/d_mic1.wav"), 1, "bob", metadata={"name": "d"}),
        Utterance(Path("w/d.wav"), 1, "bob", start=0.5),
    ]
    assert naming.unique_names(values) == [
        "a_b",
        "ann-c",
        "bob_k-c",
        "ann-c-2",
        "ann-c-3",
        "d",
        "d_0.500",
    ]


def test_remarks_name_the_first_three():
    remarks = checks.Remarks()
    for name in "abcd":
        remarks.note("odd", name)
    remarks.note("even", "e")
    assert remarks.lines() == ["odd: 4 (a; b; c; ...)", "even: 1 (e)"]


def test_the_command(corpus, tmp_path, capsys):
    prepare.main(corpus, tmp_path / "work", align=tmp_path / "align", held_out=["ann"])
    said = capsys.readouterr()
    assert said.out.endswith("5 with phones; held out: 2, of ann\n")
    assert said.err.startswith("without an alignment")


def test_names_that_are_not_utf8_are_left_out(corpus, tmp_path):
    (corpus / "bob" / "x.wav").rename(corpus / "bob" / os.fsdecode(b"M\xfcller.wav"))
    recordings, lines = said(corpus, tmp_path / "work")
    assert len(recordings) == 5
    assert any(
        "cannot be used: 1 (" in line and "a name that is not UTF-8" in line for line in lines
    )


def test_audio_that_breaks_off_is_left_out(corpus, tmp_path):
    """The header of a truncated FLAC promises all of it; a single NaN makes the rest unusable."""
    path = corpus / "bob" / "x.flac"
    sound(path, 20)
    path.write_bytes(path.read_bytes()[:30_000])
    bad = np.full(RATE, 0.1, np.float32)
    bad[100] = np.nan
    soundfile.write(corpus / "ann" / "x.wav", bad, RATE, subtype="FLOAT")
    recordings, lines = said(corpus, tmp_path / "work")
    assert len(recordings) == 5
    assert any("cannot be used: 2 (" in line for line in lines)


def test_words_do_not_take_the_place_of_phones(corpus, tmp_path):
    folder = tmp_path / "ctm"
    folder.mkdir()
    (folder / "phones.ctm").write_text("x 1 0 0.5 AH\n")
    (folder / "words.ctm").write_text("x 1 0 1 oh\n")
    with pytest.raises(AlignmentError, match=r"phones.ctm and .*words.ctm could both be of x"):
        prepare_with(corpus, tmp_path / "work", align=folder)


def test_two_alignments_of_one_speaker_are_not_guessed_at(corpus, tmp_path):
    textgrid(tmp_path / "align" / "words" / "bob" / "x.TextGrid", (0, 1.0, "oh"))
    _, lines = said(corpus, tmp_path / "work", align=tmp_path / "align")
    assert "could both be of" in lines[0]


def test_letters_with_their_dots_apart(corpus, tmp_path):
    """As macOS writes names: they look the same."""
    (corpus / "bob" / "bob2.wav").rename(corpus / "bob" / "mu\u0308de.wav")
    (tmp_path / "align" / "bob" / "bob2.TextGrid").rename(
        tmp_path / "align" / "bob" / "m\u00fcde.TextGrid"
    )
    recordings, _ = said(corpus, tmp_path / "work", align=tmp_path / "align")
    assert [
        Path(str(recording.audio)).stem for recording in recordings if recording.phones is None
    ] == ["cyd2"]


def test_an_interrupted_preparation_can_be_done_again(corpus, tmp_path, monkeypatch):
    """Whatever could not be written, a full disk's record or manifest."""
    full = prepare.write_manifest
    monkeypatch.setattr(
        prepare,
        "write_manifest",
        lambda *_, **__: (_ for _ in ()).throw(OutputError("No space left")),
    )
    with pytest.raises(OutputError, match="No space left"):
        prepare_with(corpus, tmp_path / "work")
    monkeypatch.setattr(prepare, "write_manifest", full)
    dump = json.dumps

    def refused(*given, **options):
        if "indent" in options:
            raise KeyboardInterrupt
        return dump(*given, **options)

    monkeypatch.setattr(prepare.json, "dumps", refused)
    with pytest.raises(KeyboardInterrupt):
        prepare_with(corpus, tmp_path / "work")
    monkeypatch.setattr(prepare.json, "dumps", dump)
    assert len(prepare_with(corpus, tmp_path / "work")) == 6
