"""Aligning: what is left out and why, where tiers go, and that they cover the recording."""

import json
import shutil
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import soundfile

from recipes.phoneme_discovery.corpora import align, decoder
from speechvq.data.manifest import Utterance
from speechvq.errors import AlignmentError, ManifestError, MissingExtra
from speechvq.units.alignments.readers import read_alignment
from tests.helpers.paths import ROOT

TEXT, SECONDS = (
    "I COULD DO SO MUCH FOR ALL AT HOME HOW I SHOULD ENJOY THAT",
    4.05,
)  # of tests/clips/female.flac


class Word(list):
    """A word of an alignment: its phones, and its name."""

    def __init__(self, name, phones):
        super().__init__(phones)
        self.name = name


class Phone(NamedTuple):
    name: str
    start: int


class FakeDecoder:
    """A decoder that knows the words of TEXT and gives every phone of a text five frames."""

    def __init__(self):
        self.dictionary = dict.fromkeys(["yes", "is", *TEXT.lower().split()], "AH T")
        self.passes = 0

    def lookup_word(self, word):
        return self.dictionary.get(word)

    def add_word(self, word, phones, *, update):
        assert not update
        if set(phones.split()) - {"AH", "T", "S", "P", "IY", "CH", "V", "K", "Y", "UW", "Z"}:
            raise RuntimeError("unknown phone")
        self.dictionary[word] = phones

    def set_align_text(self, text):
        self.text, self.aligned = text.split(), False

    def set_alignment(self):
        self.aligned = True

    def reinit_feat(self):
        self.data = b""

    def start_utt(self):
        self.passes += 1

    def process_raw(self, data, *, full_utt):
        assert full_utt
        self.data = data

    def end_utt(self):
        if len(self.text) * 10 > len(self.data) / 2 / 160:
            raise RuntimeError("no alignment")

    def get_alignment(self):
        assert self.aligned
        frame, words = 0, []
        for word in ["<sil>", *self.text]:
            phones = []
            for name in ["SIL"] if word == "<sil>" else self.dictionary[word].split():
                phones.append(Phone(name, frame))
                frame += 5
            words.append(Word(word, phones))
        return [*words, Word("<sil>", [Phone("SIL", frame)])]


SPOKEN = [
    ("<sil>", [("SIL", 0)]),
    ("the(2)", [("DH", 20), ("IY", 25)]),
    ("end", [("EH", 30), ("N", 40), ("D", 45)]),
]


def test_tiers_cover_the_recording():
    words, phones = align.tiers_of(SPOKEN, 0.5)
    first, second = 0.2 + align.CENTER, 0.3 + align.CENTER
    assert [interval.start for interval in words.intervals] == pytest.approx([0, first, second])
    assert [interval.end for interval in words.intervals] == pytest.approx([first, second, 0.5])
    assert [interval.label for interval in words.intervals] == ["", "the", "end"]
    assert [interval.label for interval in phones.intervals] == ["SIL", "DH", "IY", "EH", "N", "D"]
    assert [interval.start for interval in phones.intervals] == pytest.approx(
        [0, *(x / 100 + align.CENTER for x in (20, 25, 30, 40, 45))]
    )
    assert [interval.end for interval in phones.intervals] == [
        *(interval.start for interval in phones.intervals[1:]),
        0.5,
    ]


def test_a_phone_of_a_second_is_no_phone():
    with pytest.raises(align.LeftOut, match=r"D would last 1\.5 s: is it the right text\?"):
        align.tiers_of(SPOKEN, 2.0)
    align.tiers_of([*SPOKEN, ("<sil>", [("SIL", 50)])], 2.0)


def test_words_keep_what_cannot_be_looked_up():
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
def test_genitives(last, sounds):
    assert decoder.genitive(last) == sounds


def test_targets_are_named_after_files_and_speakers(tmp_path):
    values = [
        Utterance(Path("x/a.wav"), 1, "ann"),
        Utterance(Path("y/a.wav"), 1, "../bob"),
        Utterance(Path("z/b.c.flac"), 1),
    ]
    assert align.targets(values, tmp_path) == [
        tmp_path / name for name in ("ann/a.TextGrid", "bob/a.TextGrid", "b.c.TextGrid")
    ]
    parts = [Utterance(Path("x/a.wav"), 1, "ann", start) for start in (0, 1, 12.34)]
    assert align.targets(parts, tmp_path) == [
        tmp_path / "ann" / f"{name}.TextGrid" for name in ("a", "a_1.000", "a_12.340")
    ]
    with pytest.raises(
        ManifestError, match=r"x/a\.wav and w/a\.flac would both be aligned in .*ann/a\.TextGrid"
    ):
        align.targets([values[0], Utterance(Path("w/a.flac"), 1, "ann")], tmp_path)


def test_dictionaries(tmp_path):
    path = tmp_path / "more.dict"
    path.write_text(";;; mine\nQuilter  K W IH1 L T ER0\n\nvq v iy k y uw\n")
    assert decoder.pronunciations(path) == [("quilter", "K W IH L T ER"), ("vq", "V IY K Y UW")]
    path.write_text("quilter\n")
    with pytest.raises(AlignmentError, match="a word without phones"):
        decoder.pronunciations(path)
    with pytest.raises(AlignmentError, match="dictionary"):
        decoder.pronunciations(tmp_path / "none")


def test_the_summary_is_one_line():
    assert align.summary(Counter(aligned=3)) == "aligned 3 of 3 recordings"
    counts = Counter({"aligned": 1, "done": 2, "without text": 1, "that cannot be read": 2})
    assert (
        align.summary(counts)
        == "aligned 3 of 6 recordings (2 of them before); left out: 2 that cannot be read, 1 "
        "without text"
    )


def test_a_manifest_without_texts_is_refused_at_once(tmp_path):
    (tmp_path / "all.jsonl").write_text('{"audio": "a.wav", "seconds": 1}\n')
    with pytest.raises(ManifestError, match=r'no row of .*all\.jsonl has a "text"'):
        align.main(tmp_path / "all.jsonl", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("real", [False, *([True] if find_spec("pocketsphinx") else [])])
def test_what_is_left_out_has_a_reason(tmp_path, capsys, monkeypatch, real):
    """From the manifest to the summary; nothing is made twice."""
    if not real:
        monkeypatch.setattr(decoder, "pocketsphinx", FakeDecoder)
    soundfile.write(tmp_path / "silent.wav", np.tile([5e-4, -5e-4], 8_000), 16_000)
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
        interval.label for interval in read_alignment(made, "words").intervals if interval.label
    ] == TEXT.lower().split()
    before = made.stat().st_mtime_ns
    align.main(tmp_path / "all.jsonl", tmp_path / "out", tmp_path / "more.dict")
    assert "aligned 1 of 5 recordings (1 of them before)" in capsys.readouterr().out
    assert made.stat().st_mtime_ns == before


def test_words_with_an_s_need_only_the_rest():
    fake = FakeDecoder()
    assert decoder.pronounceable(fake, "home's")
    assert fake.lookup_word("home's") == "AH T S"
    assert not decoder.pronounceable(fake, "quux's")
    assert not decoder.pronounceable(fake, "quux")


def test_a_text_that_does_not_fit_is_left_out():
    with pytest.raises(align.LeftOut, match="its text cannot be found in the sound") as error:
        align.spoken_in(FakeDecoder(), np.zeros(1600, np.float32), align.words(TEXT))
    assert error.value.reason == "whose text does not fit"


def test_words_of_a_dictionary_are_added_unless_known(tmp_path, monkeypatch):
    monkeypatch.setattr(decoder, "pocketsphinx", FakeDecoder)
    (tmp_path / "more.dict").write_text("speechvq S P IY CH\nhome K\n")
    fake = decoder.aligner(tmp_path / "more.dict")
    assert fake.lookup_word("speechvq") == "S P IY CH"
    assert fake.lookup_word("home") == "AH T"
    (tmp_path / "more.dict").write_text("speechvq Q\n")
    with pytest.raises(AlignmentError, match="word 1: 'speechvq' cannot be pronounced 'Q'"):
        decoder.aligner(tmp_path / "more.dict")


def test_without_pocketsphinx_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(MissingExtra, match=r"pip install 'speechvq\[eval\]'"):
        decoder.aligner(None)
