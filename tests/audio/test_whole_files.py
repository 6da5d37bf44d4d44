"""Files that are cut off, never finished or laid end to end: nothing is lost in silence."""

import struct
import warnings

import numpy as np
import pytest
import soundfile

from speechvq.audio.reading import read_mono
from speechvq.errors import AudioWarning
from tests.audio.test_reading import noise

KINDS = {
    "wav": ("WAV", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "aifc": ("AIFF", "FLOAT"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "svx": ("SVX", "PCM_16"),
}
SIZES = {
    "wav": (b"data", 4, "<I"),
    "rf64": (b"ds64", 16, "<Q"),
    "w64": (b"data", 16, "<Q"),
    "aiff": (b"SSND", 4, ">I"),
    "aifc": (b"SSND", 4, ">I"),
    "au": (b".snd", 8, ">I"),
    "caf": (b"data", 4, ">Q"),
    "svx": (b"BODY", 4, ">I"),
}
"""Where the size of the sound is: behind which mark, how far, and how it is packed."""


def made(path, wave, rate=16000):
    kind, subtype = KINDS[path.suffix[1:]]
    soundfile.write(path, wave, rate, subtype, format=kind)
    return path.read_bytes()


def with_size(data, kind, value):
    mark, offset, packed = SIZES[kind]
    place, width = data.index(mark) + offset, struct.calcsize(packed)
    return data[:place] + struct.pack(packed, value % (1 << 8 * width)) + data[place + width :]


def silently(path, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_mono(path, 16000, **options)


@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_file_is_read_without_a_word(tmp_path, kind):
    wave = noise(16001)
    made(tmp_path / f"a.{kind}", wave)
    assert np.abs(silently(tmp_path / f"a.{kind}") - wave).max() < 2**-14


@pytest.mark.parametrize("odd", [0, 1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_is_cut_off_is_read_as_far_as_it_goes_and_said_so(tmp_path, kind, odd):
    wave, path = noise(16000), tmp_path / f"a.{kind}"
    data = made(path, wave)
    path.write_bytes(data[: len(data) // 2 + odd])
    with pytest.warns(AudioWarning, match=r"is cut off: its header tells of 1\.00 s; the 0\.\d\d"):
        read = read_mono(path, 16000)
    assert len(read) > 6900  # a CAF file has 4 kB before its sound
    assert np.abs(read - wave[: len(read)]).max() < 2**-14


@pytest.mark.parametrize("size", [0, -1])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_was_never_finished_is_read_to_its_end_and_said_so(tmp_path, kind, size):
    wave, path = noise(16000), tmp_path / f"a.{kind}"
    path.write_bytes(with_size(made(path, wave), kind, size))
    with pytest.warns(AudioWarning, match=r"does not say how long it is"):
        read = read_mono(path, 16000)
    assert len(read) == 16000
    assert np.abs(read - wave).max() < 2**-14


@pytest.mark.parametrize("kind", KINDS)
def test_sound_behind_the_end_that_a_header_tells_is_no_secret(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    data = made(path, noise(16000, peak=0.9))
    behind = 2 * 8000 if kind != "aifc" else 4 * 8000
    path.write_bytes(with_size(data, kind, struct.calcsize(SIZES[kind][2]) * 2000))
    with pytest.warns(AudioWarning, match="bytes among or behind its sound"):
        assert len(read_mono(path, 16000)) * 2 < behind + 100
