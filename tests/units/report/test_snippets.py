"""Which segments of speech represent a code, and how they are cut."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import soundfile

from speechvq.units.recordings import Recording, Units
from speechvq.units.report.snippets import (
    GAP,
    LONGEST,
    SHORTEST,
    Snippet,
    code_snippets,
    cut,
    joined,
    wav,
)

SOMEWHERE = Path("somewhere.wav")


def spoken(name, speaker, *, seconds=2.0, audio: Path | None = SOMEWHERE, start=0.0):
    return Recording(name, speaker, seconds, None, audio, start)


def units(**codes):
    return Units("some", 20.0, 9, {name: np.array(each, np.int64) for name, each in codes.items()})


def test_speakers_take_turns():
    made = units(a=[1, 1, 2, 1, 1, 1], b=[1, 2, 1, 1], c=[3, 1], d=[1] * 40)
    given = [
        spoken("a", "ann"),
        spoken("b", "bob"),
        spoken("c", "ann"),
        spoken("d", "eve", audio=None),
    ]
    snippets = code_snippets(made, given, [1, 7], 4)
    places = [
        (item.recording.name, round(20 * (item.start + item.end) / 2, 6)) for item in snippets[1]
    ]
    assert places == [
        ("a", 4.5),
        ("b", 3),
        ("a", 1),
        ("b", 1),
    ]  # middles in frames; the last cannot begin before 0
    assert snippets[7] == []
    assert code_snippets(made, given, [1], 99)[1][:4] == snippets[1]
    assert len(code_snippets(made, given, [1], 99)[1]) == 5


def test_neither_too_short_nor_too_long():
    made = units(a=[5, *[1] * 40, 2, 0])
    item = spoken("a", "ann", seconds=43 / 20)
    snippets = code_snippets(made, [item], [5, 1, 2, 0], 1)
    assert {code: (own[0].start, own[0].end) for code, own in snippets.items()} == {
        5: pytest.approx((0, SHORTEST)),
        1: pytest.approx((1.05 - LONGEST / 2, 1.05 + LONGEST / 2)),
        2: pytest.approx((2.025, 2.125)),
        0: pytest.approx((2.05, 2.15)),
    }


def test_recordings_shorter_than_a_snippet():
    (snippets,) = code_snippets(units(a=[1]), [spoken("a", "ann", seconds=0.06)], [1], 1)[1]
    assert snippets.start == 0


def test_cut(tmp_path):
    """From two files in turn, from the recording's start, and at a rate other than the file's."""
    ramp = np.linspace(0, 0.9, 2 * 8000)
    soundfile.write(tmp_path / "ramp.wav", ramp, 8000, subtype="FLOAT")
    quiet = np.repeat([-0.01, 0.01], 8000)
    soundfile.write(tmp_path / "other.wav", quiet, 16000, subtype="FLOAT")
    early, late = (
        spoken(name, "a", audio=tmp_path / "ramp.wav", start=start)
        for name, start in (("x", 0.0), ("y", 1.0))
    )
    other = spoken("z", "b", audio=tmp_path / "other.wav")
    waves = cut([Snippet(late, 0.5, 0.7), Snippet(other, 0.0, 0.1), Snippet(early, 0.5, 0.7)])
    assert [len(wave) for wave in waves] == [3200, 1600, 3200]
    for wave in waves:
        assert wave[0] == wave[-1] == 0
        assert np.abs(np.diff(wave)).max() < 0.02  # no click
    middles = [float(wave[len(wave) // 2]) for wave in waves]
    assert middles == pytest.approx(
        [0.5 * 1.6 / 1.7, -0.1, 0.5 * 0.6 / 0.7], abs=2e-3
    )  # as loud, but at most 20 dB louder


def test_joined_and_written():
    waves = [np.full(1600, 0.25, np.float32), np.full(800, 2.0, np.float32)]
    gap = round(GAP * 16000)
    wave = joined(waves)
    assert len(wave) == 2400 + gap
    assert not wave[1600 : 1600 + gap].any()
    assert len(joined([])) == 0
    data = wav(wave)
    assert len(data) == 44 + 2 * len(wave)
    back, rate = soundfile.read(BytesIO(data))
    assert rate == 16000
    assert back == pytest.approx(wave.clip(-1, 1), abs=1e-4)
