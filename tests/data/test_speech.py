"""The speech of an utterance: the right segment of the right channel, whole."""

import numpy as np
import pytest
import soundfile

from speechvq.data.manifest import Utterance, read_manifest, write_manifest
from speechvq.data.prepare import find_audio, survey
from speechvq.data.speech import read_utterance
from speechvq.errors import ManifestError
from tests.audio.test_reading import noise

RATE = 16000


def two_sides(path):
    """A recording with two seconds of one speaker on each side."""
    sides = np.stack([noise(2 * RATE), noise(2 * RATE + 1)[:-1]], 1)
    soundfile.write(path, sides, RATE, "FLOAT")
    return sides


def test_a_segment_of_a_channel(tmp_path):
    sides = two_sides(tmp_path / "a.wav")
    row = Utterance(tmp_path / "a.wav", 1.0, None, 0.5, {"channel": 2})
    assert np.array_equal(read_utterance(row, RATE), sides[8000:24000, 1])


def test_prepare_writes_down_the_channel_that_it_was_given(tmp_path):
    sides = two_sides(tmp_path / "a.wav")
    found = survey(tmp_path, find_audio(tmp_path), shortest=1.0, longest=9.0, channel=2)
    write_manifest(tmp_path / "m.jsonl", found.kept)
    row = read_manifest(tmp_path / "m.jsonl")[0]
    assert row.metadata["channel"] == 2
    samples = read_utterance(row, RATE)
    first = round(row.start * RATE)
    assert np.array_equal(samples, sides[first : first + len(samples), 1])


def test_a_file_that_ends_before_its_manifest_says_is_refused(tmp_path):
    two_sides(tmp_path / "a.wav")
    row = Utterance(tmp_path / "a.wav", 2.0, None, 0.5)
    with pytest.raises(ManifestError, match=r"lasts 2\.000 s, and .* would end at 2\.500 s"):
        read_utterance(row, RATE)


@pytest.mark.parametrize("channel", [0, 1.5, "2", True, [1], 2000])
def test_channels_that_cannot_be(tmp_path, channel):
    two_sides(tmp_path / "a.wav")
    row = Utterance(tmp_path / "a.wav", 1.0, metadata={"channel": channel})
    with pytest.raises(ManifestError, match=r'a\.wav: "channel" must be'):
        read_utterance(row, RATE)


def test_both_channels_of_a_file_may_be_listed(tmp_path):
    sides = two_sides(tmp_path / "a.wav")
    lines = [f'{{"audio": "a.wav", "seconds": 2.0, "channel": {n}}}\n' for n in (1, 2)]
    (tmp_path / "m.jsonl").write_text("".join(lines))
    for number, row in enumerate(read_manifest(tmp_path / "m.jsonl")):
        assert np.array_equal(read_utterance(row, RATE), sides[:, number])
