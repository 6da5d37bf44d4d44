"""MP3 files without a length, laid end to end, cut off, tagged: every frame is read, or said."""

import re
import warnings

import numpy as np
import pytest
import soundfile

from speechvq.audio import mpeg
from speechvq.audio.reading import inspect, read_mono
from speechvq.errors import AudioError, AudioWarning
from tests.audio.test_reading import noise

TAG = b"TAG" + bytes(125)
ID3 = b"ID3\x04\0\0\0\0\0\x14" + bytes(20)
APE = (
    b"APETAGEX" + bytes([208, 7, 0, 0, 52, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xA0]) + bytes(8)
    + b"x" * 20 + b"APETAGEX" + bytes(24)
)  # fmt: skip
LYRICS = b"LYRICSBEGIN" + b"la la la" * 9 + b"000083LYRICS200"


def mp3(path, wave, rate=16000, **options):
    soundfile.write(path, wave, rate, format="MP3", subtype="MPEG_LAYER_III", **options)
    return path.read_bytes()


def without_info(data):
    """The frames without the one that tells their number, as a program writes into a pipe."""
    return data[mpeg._header(data[:4]).length :]


def frames(data):
    place, count = 0, 0
    while place < len(data):
        place, count = place + mpeg._header(data[place : place + 4]).length, count + 1
    return count


def silently(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_mono(path, inspect(path).rate)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An MP3 file of a second of a rising tone, in constant bit rate."""
    wave = np.sin(np.arange(16000) ** 2 / 3e4).astype(np.float32) / 2
    return mp3(tmp_path_factory.mktemp("made") / "a.mp3", wave, bitrate_mode="CONSTANT")


def test_the_length_of_a_file_with_info_is_exact(tmp_path, made):
    (tmp_path / "a.mp3").write_bytes(made)
    assert len(silently(tmp_path / "a.mp3")) == 16000


@pytest.mark.parametrize("mode", ["CONSTANT", "AVERAGE", "VARIABLE"])
@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_without_info_every_frame_is_read(tmp_path, rate, channels, mode):
    loud = noise(rate, channels) * np.linspace(0, 1, rate, dtype=np.float32)[:, None] ** 4
    data = without_info(mp3(tmp_path / "a.mp3", loud, rate, bitrate_mode=mode))
    (tmp_path / "a.mp3").write_bytes(data)
    samples = frames(data) * (1152 if rate >= 32000 else 576)
    assert len(silently(tmp_path / "a.mp3")) == samples >= rate


def test_the_sound_is_the_same_without_info(tmp_path, made):
    (tmp_path / "a.mp3").write_bytes(made)
    (tmp_path / "b.mp3").write_bytes(without_info(made))
    trimmed, whole = silently(tmp_path / "a.mp3"), silently(tmp_path / "b.mp3")
    delay = int(np.argmax(np.correlate(whole, trimmed[:8000], "valid")))
    assert np.abs(whole[delay : delay + len(trimmed)] - trimmed).max() < 1e-4


@pytest.mark.parametrize("between", [b"", TAG, ID3, APE, APE + TAG, LYRICS + TAG, bytes(999)])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("second", [True, False])
def test_recordings_laid_end_to_end(tmp_path, made, first, second, between):
    one, two = (made if info else without_info(made) for info in (first, second))
    (tmp_path / "a.mp3").write_bytes(ID3 + one + between + two + between)
    count = frames(without_info(made)) * 576
    expected = 16000 if second else count
    if first:  # the number of frames that it tells holds only where no others follow
        expected += 16000 if second else count
    else:
        expected += count
    assert len(silently(tmp_path / "a.mp3")) == expected


def test_the_number_of_frames_may_be_too_small(tmp_path, made):
    place = re.search(b"Info|Xing", made).end() + 4
    (tmp_path / "a.mp3").write_bytes(made[:place] + b"\0\0\0\5" + made[place + 4 :])
    assert len(silently(tmp_path / "a.mp3")) == frames(without_info(made)) * 576


@pytest.mark.parametrize("lost", [1, 100, 1000])
@pytest.mark.parametrize("info", [True, False])
def test_a_file_that_is_cut_off(tmp_path, made, info, lost):
    data = (made if info else without_info(made))[:-lost]
    (tmp_path / "a.mp3").write_bytes(data)
    with pytest.warns(AudioWarning, match="is cut off"):
        assert 10000 < len(read_mono(tmp_path / "a.mp3", 16000)) < 17000


def test_garbage_between_frames_is_said(tmp_path, made):
    data = without_info(made)
    middle = 5 * mpeg._header(data[:4]).length
    (tmp_path / "a.mp3").write_bytes(data[:middle] + b"garbage" * 50 + data[middle:])
    with pytest.warns(AudioWarning, match="350 bytes among or behind its sound"):
        assert len(read_mono(tmp_path / "a.mp3", 16000)) == frames(data) * 576


@pytest.mark.parametrize(("rate", "channels"), [(22050, 1), (16000, 2)])
def test_another_rate_or_number_of_channels_in_the_middle_is_refused(
    tmp_path, made, rate, channels
):
    other = mp3(tmp_path / "b.mp3", noise(rate, channels), rate)
    (tmp_path / "a.mp3").write_bytes(made + other)
    with pytest.raises(AudioError, match=r"changes from layer III at 16000 Hz, mono to"):
        inspect(tmp_path / "a.mp3")


def test_free_format_is_refused_by_name(tmp_path, made):
    data = bytearray(without_info(made))
    data[5 * mpeg._header(bytes(data[:4])).length + 2] &= 0x0F
    (tmp_path / "a.mp3").write_bytes(bytes(data))
    with pytest.raises(AudioError, match="free format"):
        inspect(tmp_path / "a.mp3")
    frame = b"\xff\xfb\x04\x44" + bytes(1196)
    (tmp_path / "a.mp3").write_bytes(20 * frame)
    with pytest.raises(AudioError, match=r"free format.*lame --decode"):
        inspect(tmp_path / "a.mp3")


def test_the_decoder_prints_nothing_of_its_own(tmp_path, made, capfd):
    data = bytearray(without_info(made))
    place = 5 * mpeg._header(bytes(data[:4])).length
    data[place + 5 : place + 7] = b"\x7f\xff"  # a frame that would go beyond its end
    (tmp_path / "a.mp3").write_bytes(bytes(data))
    assert len(silently(tmp_path / "a.mp3")) == 576 * frames(without_info(made))
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "data",
    [
        b"<html><body>404 not found</body></html>" * 200,
        b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(range(256)) * 100,
        "A text in UTF-16, of which the mark looks like a frame".encode("utf-16") * 99,
        b"\xff\xfb\x90\x64" + bytes(20000),
        b"\xff" * 20000,
        ID3 + b"no frames" * 1000,
        np.random.default_rng(0).bytes(300_000),
    ],
)
def test_what_is_called_mp3_and_is_none_is_never_decoded(tmp_path, data, capfd):
    (tmp_path / "a.mp3").write_bytes(data)
    with pytest.raises(AudioError, match="is not audio that can be read"):
        inspect(tmp_path / "a.mp3")
    assert capfd.readouterr().err == ""


def test_mpeg_frames_in_a_wav_file(tmp_path, made):
    data = without_info(made)
    head = b"\x55\0\1\0\x80\x3e\0\0\xa0\x0f\0\0\1\0\0\0\x0c\0\1\0\2\0\0\0\1\0\1\0\0\0"
    chunks = b"fmt " + len(head).to_bytes(4, "little") + head
    chunks += b"data" + len(data).to_bytes(4, "little") + data
    size = (4 + len(chunks)).to_bytes(4, "little")
    (tmp_path / "a.wav").write_bytes(b"RIFF" + size + b"WAVE" + chunks)
    assert len(silently(tmp_path / "a.wav")) == frames(data) * 576
