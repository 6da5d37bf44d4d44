"""Each corpus, synthesized in its own layout, gives its speakers, texts, splits and phones."""

import numpy as np
import pytest
import soundfile

from recipes.phoneme_discovery.corpora.corpus import utterances
from speechvq.data.manifest import Utterance, read_manifest, write_manifest
from speechvq.errors import AlignmentError, ManifestError

RATE, SECONDS = 8000, 0.25


def sound(path, seconds=SECONDS):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, round(seconds * RATE)), RATE)


def sphere(path, seconds=SECONDS):
    """NIST's header as TIMIT has it, and samples of 16 bits."""
    samples = (np.random.default_rng(0).normal(0, 0.1, round(seconds * 16_000)) * 32767).astype(
        "<i2"
    )
    fields = {
        "sample_count": len(samples),
        "sample_n_bytes": 2,
        "channel_count": 1,
        "sample_rate": 16_000,
    }
    lines = [f"{key} -i {value}" for key, value in fields.items()] + [
        "sample_byte_format -s2 01",
        "sample_coding -s3 pcm",
    ]
    head = "\n".join(["NIST_1A", "   1024", *lines, "end_head", ""]).encode()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head.ljust(1024) + samples.tobytes())


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def rows_of(path, corpus=None, **options):
    """What it is, and (path below it, speaker, facts) of each row; all files can be read."""
    what, rows = utterances(
        path, corpus, left_out=lambda *_: pytest.fail("a file cannot be read"), **options
    )
    assert all(row.seconds == pytest.approx(SECONDS) and row.start == 0 for row in rows)
    return what, [
        (row.audio.relative_to(path).as_posix(), row.speaker, row.metadata) for row in rows
    ]


@pytest.mark.parametrize(
    ("version", "files"),
    [
        ("wav48", ("p225_001.wav", "p315_001.wav")),
        ("wav48_silence_trimmed", ("p225_001_mic1.flac", "p315_001_mic1.flac")),
    ],
)
def test_vctk(tmp_path, version, files):
    root = tmp_path / "VCTK-Corpus"
    for name in files:
        sound(root / version / name[:4] / name)
        if "mic1" in name:
            sound(root / version / name[:4] / name.replace("mic1", "mic2"))
    write(root / "txt" / "p225" / "p225_001.txt", "Please call Stella.\n")
    write(root / version / "log.txt", "of the corpus")
    expected = [
        (
            f"VCTK-Corpus/{version}/p225/{files[0]}",
            "p225",
            {"corpus": "vctk", "name": "p225_001", "text": "Please call Stella."},
        ),
        (f"VCTK-Corpus/{version}/p315/{files[1]}", "p315", {"corpus": "vctk", "name": "p315_001"}),
    ]
    assert rows_of(tmp_path) == ("vctk", expected)
    assert rows_of(tmp_path, "vctk") == ("vctk", expected)


def test_librispeech_whole_and_in_part(tmp_path):
    for subset, name in (("dev-clean", "84-121123-0000"), ("train-clean-100", "103-1240-0001")):
        speaker, chapter, _ = name.split("-")
        folder = tmp_path / "LibriSpeech" / subset / speaker / chapter
        sound(folder / f"{name}.flac")
        write(
            folder / f"{speaker}-{chapter}.trans.txt",
            f"{name} GO ON\n{speaker}-{chapter}-0009 NOT THERE\n",
        )
    write(tmp_path / "LibriSpeech" / "SPEAKERS.TXT", "; who they are")
    what, rows = rows_of(tmp_path)
    assert what == "librispeech"
    assert rows == [
        (
            "LibriSpeech/dev-clean/84/121123/84-121123-0000.flac",
            "84",
            {"corpus": "librispeech-dev-clean", "split": "dev", "text": "GO ON"},
        ),
        (
            "LibriSpeech/train-clean-100/103/1240/103-1240-0001.flac",
            "103",
            {"corpus": "librispeech-train-clean-100", "split": "train", "text": "GO ON"},
        ),
    ]
    what, part = rows_of(tmp_path / "LibriSpeech" / "dev-clean")
    assert (what, [facts for _, _, facts in part]) == ("librispeech", [rows[0][2]])


@pytest.mark.parametrize("case", [str.upper, str.lower])
def test_timit(tmp_path, case):
    def path(name):
        return tmp_path / "timit" / case(name)

    for part, speaker, sentence in (
        ("TRAIN/DR1", "FCJF0", "SI1027"),
        ("TEST/DR8", "MSLB0", "SX23"),
    ):
        base = f"{part}/{speaker}/{sentence}"
        sphere(path(f"{base}.WAV"))
        write(path(f"{base}.PHN"), "0 2000 h#\n2000 4000 q\n")
        write(path(f"{base}.TXT"), "0 4000 Even then, if she took one step.\n")
        write(path(f"{base}.WRD"), "2000 4000 even\n")
    sphere(path("TRAIN/DR1/FCJF0/SA1.WAV"))
    what, rows = rows_of(tmp_path)
    assert what == "timit"
    assert [(file, speaker) for file, speaker, _ in rows] == [
        (f"timit/{case('TEST/DR8/MSLB0/SX23.WAV')}", "MSLB0"),
        (f"timit/{case('TRAIN/DR1/FCJF0/SI1027.WAV')}", "FCJF0"),
    ]
    assert rows[1][2] == {
        "corpus": "timit",
        "split": "train",
        "name": "SI1027",
        "text": "Even then, if she took one step.",
        "align": str(path("TRAIN/DR1/FCJF0/SI1027.PHN")),
    }


def test_timit_takes_the_converted_copy(tmp_path):
    folder = tmp_path / "data" / "TRAIN" / "DR2" / "MABC0"
    write(folder / "SX1.WAV", "broken")
    sound(folder / "SX1.WAV.wav")
    write(folder / "SX1.PHN", "0 2000 h#\n")
    _, rows = rows_of(tmp_path)
    assert [(file, facts["name"]) for file, _, facts in rows] == [
        ("data/TRAIN/DR2/MABC0/SX1.WAV.wav", "SX1")
    ]


def test_zerospeech2019(tmp_path):
    names = (
        "english/train/unit/S015_0361841101.wav",
        "english/train/voice/V001_0000000047.wav",
        "english/test/S002_0379.wav",
    )
    for name in names:
        sound(tmp_path / name)
    what, rows = rows_of(tmp_path)
    assert what == "zerospeech2019"
    assert rows == [
        (
            name,
            name.rpartition("/")[2][:4],
            {"corpus": "zerospeech2019-english", "split": name.split("/")[-2]},
        )
        for name in names
    ]


def test_mboshi(tmp_path):
    root, name = (
        tmp_path / "mboshi-french-parallel-corpus",
        "abiayi_2015-09-08-11-33-57_samsung-SM-T530_mdw_elicit_Dico18_10",
    )
    sound(root / "full_corpus_newsplit" / "train" / f"{name}.wav")
    sound(root / "full_corpus_newsplit" / "all" / f"{name}.wav")
    sound(root / "full_corpus_newsplit" / "dev" / "martial_1.wav")
    write(root / "full_corpus_newsplit" / "train" / f"{name}.mb", "Etongo yá mbía\n")
    aligned = root / "forced_alignments_supervised_spkr" / "align-kit-old" / "all" / f"{name}.txt"
    write(aligned, "SIL 0.0 0.116\nΏ 0.116 0.2\n")
    what, rows = rows_of(tmp_path)
    assert what == "mboshi"
    assert [speaker for _, speaker, _ in rows] == ["abiayi", "martial"]
    assert [facts for _, _, facts in rows] == [
        {
            "corpus": "mboshi",
            "split": "train",
            "language": "mdw",
            "text": "Etongo yá mbía",
            "phones": [[0.0, 0.116, "SIL"], [0.116, 0.2, "Ώ"]],
        },
        {"corpus": "mboshi", "split": "dev", "language": "mdw"},
    ]
    for line in ("SIL 0 x", "SIL 0", "0 0.116 1.2.3"):
        write(aligned, f"SIL 0.0 0.116\n{line}\n")
        with pytest.raises(
            AlignmentError, match=r"Dico18_10\.txt, line 2: (needs label, start, end|'[x.123]+' is)"
        ):
            rows_of(tmp_path)


def test_a_folder_says_who_speaks_and_what(tmp_path):
    for name in ("ann/one/a.wav", "bob/b.c.flac", "bob/d.wav", "e.wav"):
        sound(tmp_path / name)
    write(tmp_path / "ann" / "one" / "a.txt", "Good\n morning ")
    write(tmp_path / "ann" / "one" / "a.lab", "0 1000000 g\n1000000 2000000 uh\n\n")
    write(tmp_path / "bob" / "b.c.lab", "1 o'clock\n")
    write(tmp_path / "bob" / "d.TextGrid", "any")
    what, rows = rows_of(tmp_path)
    assert what == "folder"
    assert rows == [
        (
            "ann/one/a.wav",
            "ann",
            {"text": "Good morning", "align": str(tmp_path / "ann" / "one" / "a.lab")},
        ),
        ("bob/b.c.flac", "bob", {"text": "1 o'clock"}),
        ("bob/d.wav", "bob", {"align": str(tmp_path / "bob" / "d.TextGrid")}),
        ("e.wav", None, {}),
    ]
    assert [speaker for _, speaker, _ in rows_of(tmp_path, pattern=r"([^/]+)\.wav$")[1]] == [
        "a",
        None,
        "d",
        "e",
    ]


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("(", "not a regular expression"), ("a", "has no groups"), ("(a)(b)", "has 2 groups")],
)
def test_patterns_that_name_nobody(tmp_path, pattern, words):
    sound(tmp_path / "a.wav")
    with pytest.raises(ManifestError, match=words):
        rows_of(tmp_path, pattern=pattern)


def test_a_manifest_is_taken_as_it_is(tmp_path):
    given = [
        Utterance(
            tmp_path / "x" / "a.wav", 1.5, "ann", 0.25, {"text": "so", "align": "phones/a.ctm"}
        )
    ]
    write_manifest(tmp_path / "some.jsonl", given)
    what, rows = utterances(tmp_path / "some.jsonl", left_out=lambda *_: None)
    expected = read_manifest(tmp_path / "some.jsonl")[0]
    expected.metadata["align"] = str(tmp_path / "phones" / "a.ctm")
    assert (what, rows) == ("manifest", [expected])
    with pytest.raises(ManifestError, match="leave out the pattern"):
        utterances(tmp_path / "some.jsonl", pattern="(a)", left_out=lambda *_: None)


def test_a_corpus_that_is_not_what_it_is_called(tmp_path):
    sound(tmp_path / "ann" / "a.wav")
    for name, words in (
        ("vctk", "wav48"),
        ("timit", "DR1 to DR8"),
        ("librispeech", "SPEAKER/CHAPTER"),
        ("mboshi", "full_corpus_newsplit"),
        ("zerospeech2019", "train/unit"),
    ):
        with pytest.raises(ManifestError, match=f"is not laid out as {name}: it has no .*{words}"):
            rows_of(tmp_path, name)
    with pytest.raises(
        ManifestError, match=r"there is no corpus 'wsj'; give one of vctk, .*folder"
    ):
        rows_of(tmp_path, "wsj")
    with pytest.raises(ManifestError, match="does not exist"):
        rows_of(tmp_path / "none")
    with pytest.raises(ManifestError, match="neither a folder nor a manifest"):
        rows_of(tmp_path / "ann" / "a.wav")


def test_a_corpus_without_audio_is_refused(tmp_path):
    write(tmp_path / "wav48" / "p225" / "p225_001.mp4", "no")
    with pytest.raises(ManifestError, match="there is no audio of vctk"):
        rows_of(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestError, match="no audio below"):
        rows_of(tmp_path / "empty")


def test_unreadable_files_are_reported(tmp_path):
    sound(tmp_path / "ann" / "a.wav")
    write(tmp_path / "ann" / "b.wav", "RIFF")
    reported = []
    _, rows = utterances(
        tmp_path, left_out=lambda path, error: reported.append((path.name, str(error)))
    )
    assert [row.audio.name for row in rows] == ["a.wav"]
    assert [name for name, _ in reported] == ["b.wav"]
    assert "is not audio" in reported[0][1]
