"""The report: its content, users' text, and reports without phones, sound or codebook."""

import re
import sys
from base64 import b64decode
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO

import numpy as np
import pytest
import soundfile
from PIL import Image

from speechvq.errors import AudioError, MissingExtra, OutputError, UnitsError
from speechvq.units.alignments.alignment import Alignment, Interval
from speechvq.units.boundaries.segmentation import Segments
from speechvq.units.evaluation.published import ZEROSPEECH_2019
from speechvq.units.recordings import Recording, Units
from speechvq.units.report.report import write_report

EVIL = '<script>alert("x")</script>'
LABELS = ["IY", "S", EVIL, "SIL"]
RATE, SIZE = 25.0, 6
HEADINGS = [
    "Scores",
    "Phones of each code",
    "How well each phone is found",
    "Examples",
    "Listen to a code",
    "How often codes are used",
    "How long units last",
    "Which code follows which",
    "Codes in their space",
    "Bit rate and ABX error",
    "Notes",
]


class Reader(HTMLParser):
    """Parses a page: tags with attributes, texts of headings and cells, balanced tags."""

    VOID = ("meta", "img")

    def __init__(self, text):
        super().__init__()
        self.tags, self.open, self.texts = [], [], {}
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open:
            self.texts[self.open[-1]][-1] += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def made_up(folder):
    """Six recordings by three speakers; code i is a tone of 300 (i + 1) Hz, code 5 is unused."""
    random = np.random.default_rng(0)
    recordings, codes = [], {}
    for number in range(6):
        name, speaker = f"{number} & <b>{number}</b>", f"speaker<{number % 3}>"
        own = np.repeat(random.integers(0, SIZE - 1, 30), random.integers(1, 4, 30))
        edges = np.flatnonzero(np.diff(own, prepend=-1, append=-1)) / RATE
        starts = (edges[:-1] * RATE).round().astype(int)
        phones = [
            Interval(*item)
            for item in zip(
                edges[:-1], edges[1:], [LABELS[min(own[start], 3)] for start in starts], strict=True
            )
        ]
        pitch = np.repeat(300 * (own + 1), round(16000 / RATE))
        audio = folder / f"{number}.wav"
        soundfile.write(audio, 0.1 * np.sin(2 * np.pi * np.cumsum(pitch) / 16000), 16000)
        recordings.append(
            Recording(name, speaker, len(own) / RATE, Alignment(tuple(phones)), audio)
        )
        codes[name] = own
    features = {name: np.eye(SIZE)[own] for name, own in codes.items()}
    return Units(f"units {EVIL}", RATE, SIZE, codes, features, np.eye(SIZE)), recordings


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    return made_up(tmp_path_factory.mktemp("audio"))


def written(path, units, recordings, **options):
    write_report(
        path,
        "a report",
        units,
        recordings,
        scored=[recording.name for recording in recordings[:4]],
        **options,
    )
    return path.read_text("utf-8")


@pytest.fixture(scope="module")
def text(known, tmp_path_factory):
    units, recordings = known
    path = tmp_path_factory.mktemp("report") / "report.html"
    cut = np.array([4, len(units.codes[recordings[0].name])])
    write_report(
        path,
        f"Title & {EVIL}",
        units,
        recordings,
        scored=[recording.name for recording in recordings[:4]],
        tables=[
            (
                "English <dev>",
                [
                    {"system": EVIL, "PNMI": 0.41237, "ABX": "**12.3**"},
                    {"system": "none", "bit/s": 400},
                ],
            )
        ],
        notes=["A note & more.", EVIL],
        segments={recordings[0].name: Segments(cut, np.array([0, 3]))},
        points=[("ours", 200, 0.21), (f"$other_{EVIL}", 400.5, 0.15)],
        players=4,
    )
    return path.read_text("utf-8")


@pytest.fixture(scope="module")
def page(text):
    return Reader(text)


def test_sections(page):
    assert page.texts["h2"] == HEADINGS
    anchors = {attributes["id"] for attributes in page.all("h2")}
    assert {attributes["href"] for attributes in page.all("a")} == {
        f"#{anchor}" for anchor in anchors
    }
    assert page.texts["title"] == [f"Title & {EVIL}"]


def test_all_text_is_text(text, page):
    assert "script" not in {tag for tag, _ in page.tags}
    assert EVIL not in text
    assert "<b>0</b>" not in text
    assert text.count("<b>") == 1  # the best score
    assert page.texts["b"] == ["12.3"]
    assert not any(name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_nothing_is_loaded(text, page):
    for _, attributes in page.tags:
        for name in ("src", "href", "data", "srcset", "poster", "action"):
            assert re.match(
                r"data:(image/png|audio/wav);base64,|#s\d+$", attributes.get(name, "#s1")
            )
    assert "url(" not in text
    assert "@import" not in text
    assert "http:" not in text
    assert "https:" not in text
    assert "default-src 'none'" in text


def test_pictures(page):
    pictures = page.all("img")
    assert len(pictures) == 6 + 3  # three examples
    for attributes in pictures:
        image = Image.open(BytesIO(b64decode(attributes["src"].partition(",")[2])))
        assert image.format == "PNG"
        assert min(image.size) > 100
        assert len(image.getcolors(1 << 20) or ()) > 5  # something is drawn
        assert len(attributes["alt"]) > 20


def test_players(known, page):
    units, recordings = known
    counts = np.bincount(
        np.concatenate([units.codes[recording.name] for recording in recordings[:4]]),
        minlength=SIZE,
    )
    frequent = [
        code for code in np.argsort(-counts, kind="stable") if code < 3
    ]  # 3 and 4 are silence
    sounds = {
        a["aria-label"]: soundfile.read(BytesIO(b64decode(a["src"].partition(",")[2])))
        for a in page.all("audio")
    }
    assert [name for name in sounds if name.startswith("code ")] == [
        f"code {code}" for code in frequent
    ]
    for code in frequent:
        wave, rate = sounds[f"code {code}"]
        assert rate == 16000
        assert 8 * 0.1 + 7 * 0.25 <= len(wave) / rate <= 8 * 0.5 + 7 * 0.25
        spectrum = np.abs(np.fft.rfft(wave, 16000 * 8))
        assert spectrum.argmax() / 8 == pytest.approx(300 * (code + 1), abs=12)
    examples = [wave for name, (wave, _) in sounds.items() if not name.startswith("code ")]
    assert len(examples) == 3
    assert all(2 * 16000 < len(wave) <= 5 * 16000 for wave in examples)


def test_table_of_phones(page):
    """Codes are phones here, so all recalls are 1; the map is from the two other recordings."""
    cells = page.texts["td"]
    for label in ("IY", "S", EVIL, "SIL"):
        place = cells.index(label, cells.index("IY"))
        assert cells[place + 3] == "1.00"
    assert "from recordings that are not scored" in " ".join(page.texts["p"])


def test_numbers_stand_to_the_right(page):
    heads = dict(zip(page.texts["th"], page.all("th"), strict=True))
    assert list(heads)[:4] == ["system", "PNMI", "ABX", "bit/s"]
    assert ["class" in heads[name] for name in ("system", "PNMI", "ABX", "bit/s")] == [
        False,
        True,
        True,
        True,
    ]
    assert "0.412" in page.texts["td"]
    assert "400" in page.texts["td"]


def test_published_systems(page):
    assert {system.key for system in ZEROSPEECH_2019} <= set(page.texts["td"])
    assert "for orientation only" in " ".join(page.texts["p"])


def test_equal_input_gives_equal_bytes(known, tmp_path):
    first, second = (written(tmp_path / name, *known, players=2) for name in ("a.html", "b.html"))
    assert first == second


def test_without_phones(known, tmp_path):
    units, recordings = known
    page = Reader(
        written(
            tmp_path / "a.html",
            units,
            [replace(recording, phones=None) for recording in recordings],
        )
    )
    assert page.texts["h2"] == HEADINGS[3:9]
    assert (
        len([player for player in page.all("audio") if player["aria-label"].startswith("code ")])
        == SIZE - 1
    )


def test_without_sound_or_codebook(known, tmp_path):
    units, recordings = known
    bare = Units("bare", RATE, SIZE, units.codes)
    page = Reader(
        written(
            tmp_path / "a.html", bare, [replace(recording, audio=None) for recording in recordings]
        )
    )
    assert page.texts["h2"] == [*HEADINGS[1:4], *HEADINGS[5:8]]
    assert not page.all("audio")
    assert len(page.all("img")) == 4 + 3


def test_map_of_the_same_recordings(known, tmp_path):
    units, recordings = known
    page = Reader(written(tmp_path / "a.html", units, recordings[:4], players=0))
    assert "Listen to a code" not in page.texts["h2"]
    assert "which overestimates recall" in " ".join(page.texts["p"])


def test_sound_has_a_limit(known, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "speechvq.units.report.sound_sections.HEARD", 200_000
    )  # a player has 8 x 0.1 to 0.12 s and 7 gaps, some 80 kB
    page = Reader(written(tmp_path / "a.html", *known))
    assert (
        len([player for player in page.all("audio") if player["aria-label"].startswith("code ")])
        == 2
    )
    assert "The 2 most frequent codes" in " ".join(page.texts["p"])


def test_many_codes_and_phones(tmp_path):
    """More than a picture has room for: 700 codes and 100 labels, each in one frame."""
    intervals = tuple(
        Interval(number / 25, (number + 1) / 25, f"Q{number // 7}") for number in range(700)
    )
    page = Reader(
        written(
            tmp_path / "a.html",
            Units("x", 25, 700, {"a": np.arange(700)}),
            [Recording("a", "b", 28, Alignment(intervals))],
        )
    )
    assert "188 rare or unlabeled codes" in " ".join(page.texts["p"])
    assert page.all("img")[0]["alt"].startswith("Heat map of 80 phones by 512 codes")


def test_segments_of_other_units(known, tmp_path):
    units, recordings = known
    with pytest.raises(UnitsError, match="codes beyond 5"):
        written(
            tmp_path / "a.html",
            units,
            recordings,
            segments={recordings[0].name: Segments(np.array([9]), np.array([6]))},
        )


def test_one_code_and_empty_recordings(tmp_path):
    codes = {"a": np.zeros(20, int), "b": np.zeros(0, int)}
    page = Reader(
        written(
            tmp_path / "a.html",
            Units("one", 25, 1, codes),
            [Recording("a", "x", 0.8), Recording("b", "x", 0.0)],
        )
    )
    assert page.texts["h2"] == ["Examples", "How often codes are used", "How long units last"]


def test_no_codes(tmp_path):
    with pytest.raises(UnitsError, match="nothing to report"):
        written(
            tmp_path / "a.html",
            Units("one", 25, 4, {"a": np.zeros(0, int)}),
            [Recording("a", "x", 0.8)],
        )
    assert not list(tmp_path.iterdir())


def test_names_that_lack(known, tmp_path):
    units, recordings = known
    for given, recording in (
        (units, ["who"]),
        (replace(units, codes={}, features={}), [recordings[0].name]),
    ):
        with pytest.raises(UnitsError, match="the first is"):
            write_report(tmp_path / "a.html", "a", given, recordings, scored=recording)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten_or_left_half(known, tmp_path):
    units, recordings = known
    path = tmp_path / "a.html"
    path.write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        written(path, units, recordings)
    with pytest.raises(AudioError, match="there is no audio file"):
        written(
            path,
            units,
            [replace(recording, audio=tmp_path / "gone.wav") for recording in recordings],
            force=True,
        )
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("name", ["matplotlib", "librosa"])
def test_missing_extra(known, tmp_path, monkeypatch, name):
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtra, match=rf"needs {name}: pip install 'speechvq\[plots\]'"):
        written(tmp_path / "a.html", *known)
    assert not list(tmp_path.iterdir())
