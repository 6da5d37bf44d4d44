"""recipes/phoneme_discovery/align: what is left out and why, where the tiers go, and that they cover the recording."""

import json
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speechvq.data.manifest import Utterance
from speechvq.errors import AlignmentError, ManifestError
from speechvq.units.alignments.readers import read_alignment
from tests.helpers.paths import ROOT

TEXT, SECONDS = (
    "I COULD DO SO MUCH FOR ALL AT HOME HOW I SHOULD ENJOY THAT",
    4.05,
)  # of tests/clips/female.flac


@pytest.fixture(scope="module")
def align():
    from recipes.phoneme_discovery.corpora import align

    return align


SPOKEN = [
    ("<sil>", [("SIL", 0)]),
    ("the(2)", [("DH", 20), ("IY", 25)]),
    ("end", [("EH", 30), ("N", 40), ("D", 45)]),
]


def test_tiers_cover_the_recording(align):
    words, phones = align.tiers_of(SPOKEN, 0.5)
    first, second = 0.2 + align.CENTER, 0.3 + align.CENTER
    assert [one.start for one in words.intervals] == pytest.approx([0, first, second])
    assert [one.end for one in words.intervals] == pytest.approx([first, second, 0.5])
    assert [one.label for one in words.intervals] == ["", "the", "end"]
    assert [one.label for one in phones.intervals] == ["SIL", "DH", "IY", "EH", "N", "D"]
    assert [one.start for one in phones.intervals] == pytest.approx(
        [0, *(x / 100 + align.CENTER for x in (20, 25, 30, 40, 45))]
    )
    assert [one.end for one in phones.intervals] == [
        *(one.start for one in phones.intervals[1:]),
        0.5,
    ]


def test_a_phone_of_a_second_is_no_phone(align):
    with pytest.raises(align.LeftOut, match=r"D would last 1\.5 s: is it the right text\?"):
        align.tiers_of(SPOKEN, 2.0)
    align.tiers_of([*SPOKEN, ("<sil>", [("SIL", 50)])], 2.0)


def test_words_keep_what_cannot_be_looked_up(align):
    assert align.words("Mr. O\u2019Neil's 2nd café -- 'tis well-made.") == [
        "mr",
        "o'neil's",
        "2nd",
        "café",
        "'tis",
        "well",
        "made",
    ]
    assert align.words(" ' -- ") == []


@pytest.mark.parametrize(
    ("last", "sounds"),
    [("S", "IH Z"), ("JH", "IH Z"), ("T", "S"), ("TH", "S"), ("D", "Z"), ("ER", "Z")],
)
def test_genitives(align, last, sounds):
    assert align.genitive(last) == sounds


def test_targets_are_named_after_files_and_speakers(align, tmp_path):
    some = [
        Utterance(Path("x/a.wav"), 1, "ann"),
        Utterance(Path("y/a.wav"), 1, "../bob"),
        Utterance(Path("z/b.c.flac"), 1),
    ]
    assert align.targets(some, tmp_path) == [
        tmp_path / name for name in ("ann/a.TextGrid", "bob/a.TextGrid", "b.c.TextGrid")
    ]
    parts = [Utterance(Path("x/a.wav"), 1, "ann", start) for start in (0, 1, 12.34)]
    assert align.targets(parts, tmp_path) == [
        tmp_path / "ann" / f"{name}.TextGrid" for name in ("a", "a_1.000", "a_12.340")
    ]
    with pytest.raises(
        ManifestError, match=r"x/a\.wav and w/a\.flac would both be aligned in .*ann/a\.TextGrid"
    ):
        align.targets([some[0], Utterance(Path("w/a.flac"), 1, "ann")], tmp_path)


def test_dictionaries(align, tmp_path):
    path = tmp_path / "more.dict"
    path.write_text(";;; mine\nQuilter  K W IH1 L T ER0\n\nvq v iy k y uw\n")
    assert align.pronunciations(path) == [("quilter", "K W IH L T ER"), ("vq", "V IY K Y UW")]
    path.write_text("quilter\n")
    with pytest.raises(AlignmentError, match="a word without phones"):
        align.pronunciations(path)
    with pytest.raises(AlignmentError, match="cannot read the dictionary"):
        align.pronunciations(tmp_path / "none")


def test_the_summary_is_one_line(align):
    assert align.summary(Counter(aligned=3)) == "aligned 3 of 3 recordings"
    counts = Counter({"aligned": 1, "done": 2, "without text": 1, "that cannot be read": 2})
    assert (
        align.summary(counts)
        == "aligned 3 of 6 recordings (2 of them before); left out: 2 that cannot be read, 1 "
        "without text"
    )


def test_a_manifest_without_texts_is_refused_at_once(align, tmp_path):
    (tmp_path / "all.jsonl").write_text('{"audio": "a.wav", "seconds": 1}\n')
    with pytest.raises(ManifestError, match=r'no row of .*all\.jsonl has a "text"'):
        align.main(tmp_path / "all.jsonl", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_is_left_out_has_a_reason(align, tmp_path, capsys):
    """With all of it, from the manifest to the summary; nothing is made twice."""
    pytest.importorskip("pocketsphinx")
    soundfile.write(tmp_path / "silent.wav", np.full(16_000, 5e-4), 16_000)
    (tmp_path / "broken.wav").write_bytes(b"RIFF")
    shutil.copy(ROOT / "tests" / "clips" / "female.flac", tmp_path / "good.flac")
    (tmp_path / "more.dict").write_text("speechvq S P IY CH V IY K Y UW\n")
    texts = {
        "silent.wav": "speechvq",
        "broken.wav": "yes",
        "unknown.wav": "Xyzzy is Quux's",
        "empty.wav": "?",
        "good.flac": TEXT,
    }
    lines = [
        json.dumps({"audio": name, "seconds": 1 if name != "good.flac" else SECONDS, "text": t})
        for name, t in texts.items()
    ]
    (tmp_path / "all.jsonl").write_text("\n".join(lines))
    align.main(tmp_path / "all.jsonl", tmp_path / "out", tmp_path / "more.dict")
    said = capsys.readouterr()
    assert said.out.startswith("aligned 1 of 5 recordings; left out: 1 ")
    for words in (
        "silent.wav: it is silent",
        "unknown.wav: in no dictionary: xyzzy, quux's",
        "empty.wav: it has no text",
        "broken.wav",
    ):
        assert words in said.err
    made = tmp_path / "out" / "good.TextGrid"
    assert read_alignment(made).end == pytest.approx(SECONDS, abs=1e-6)
    assert [
        one.label for one in read_alignment(made, "words").intervals if one.label
    ] == TEXT.lower().split()
    before = made.stat().st_mtime_ns
    align.main(tmp_path / "all.jsonl", tmp_path / "out", tmp_path / "more.dict")
    assert "aligned 1 of 5 recordings (1 of them before)" in capsys.readouterr().out
    assert made.stat().st_mtime_ns == before
