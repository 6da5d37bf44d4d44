"""Files that are cut off, never finished or laid end to end: nothing is lost in silence."""

import os
import struct
import warnings

import numpy as np
import pytest
import soundfile

from speechvq.audio.reading import chunks, inspect, read_mono
from speechvq.errors import AudioError, AudioWarning
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
    "voc": ("VOC", "PCM_16"),
    "sph": ("NIST", "PCM_16"),
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


@pytest.mark.parametrize("kind", ["wav", "rf64", "aiff", "au", "caf"])
def test_a_tag_in_front_is_passed_over(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    data = b"ID3\3\0\0\0\0\0\x0a" + bytes(10) + made(path, noise(8000))
    path.write_bytes(data)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_mono(path, 16000)) == 8000
    path.write_bytes(data[:9000])
    with pytest.warns(AudioWarning, match="is cut off"):
        assert 2000 < len(read_mono(path, 16000)) < 4500


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
    with pytest.warns(
        AudioWarning, match=r"is cut off: its header declares 1\.00 s, and it holds 0\.\d\d s"
    ):
        read = read_mono(path, 16000)
    assert len(read) > 6900  # a CAF file has 4 kB before its sound
    assert np.abs(read - wave[: len(read)]).max() < 2**-14


@pytest.mark.parametrize("size", [0, -1])
@pytest.mark.parametrize("kind", SIZES)
def test_a_file_that_was_never_finished_is_read_to_its_end_and_said_so(tmp_path, kind, size):
    wave, path = noise(16000), tmp_path / f"a.{kind}"
    path.write_bytes(with_size(made(path, wave), kind, size))
    with pytest.warns(AudioWarning, match=r"does not say how long it is"):
        read = read_mono(path, 16000)
    assert len(read) == 16000
    assert np.abs(read - wave).max() < 2**-14


@pytest.mark.parametrize("kind", SIZES)
def test_sound_behind_the_end_that_a_header_tells_is_no_secret(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    data = made(path, noise(16000, peak=0.9))
    behind = 2 * 8000 if kind != "aifc" else 4 * 8000
    path.write_bytes(with_size(data, kind, struct.calcsize(SIZES[kind][2]) * 2000))
    with pytest.warns(AudioWarning, match="bytes among or behind its sound"):
        assert len(read_mono(path, 16000)) * 2 < behind + 100


def test_two_sounds_in_one_file_are_refused(tmp_path):
    data = made(tmp_path / "a.wav", noise(16000))
    (tmp_path / "a.wav").write_bytes(data + data)
    with pytest.raises(AudioError, match="holds two recordings, one after the other"):
        inspect(tmp_path / "a.wav")
    (tmp_path / "a.wav").write_bytes(data + b"data\4\0\0\0abcd")
    with pytest.raises(AudioError, match="holds two chunks of sound"):
        inspect(tmp_path / "a.wav")
    data = made(tmp_path / "a.voc", noise(16000))
    (tmp_path / "a.voc").write_bytes(data[:-1] + data[26:])
    with pytest.raises(AudioError, match="holds 2 blocks of sound"):
        inspect(tmp_path / "a.voc")


def test_the_blocks_of_one_recording_are_joined(tmp_path):
    wave, path = noise(16000), tmp_path / "a.voc"
    data = made(path, wave)
    end = len(data) - 1
    size = end - 30 - 1000
    path.write_bytes(
        data[:27] + size.to_bytes(3, "little") + data[30 : 30 + size]
        + b"\2" + (1000).to_bytes(3, "little") + data[30 + size :]
    )  # fmt: skip
    assert np.abs(silently(path) - wave).max() < 2**-14


def test_chunks_and_zeros_behind_the_sound_are_no_matter(tmp_path):
    path = tmp_path / "a.wav"
    data = made(path, noise(16001))
    path.write_bytes(data + b"LIST\3\0\0\0abc\0" + bytes(100))
    assert len(silently(path)) == 16001


def test_an_empty_chunk_of_sound_before_another_chunk_is_empty(tmp_path):
    path = tmp_path / "a.wav"
    data = made(path, noise(1))
    path.write_bytes(data[: data.index(b"data") + 4] + bytes(4) + b"LIST\4\0\0\0abcd")
    with pytest.raises(AudioError, match="holds 0 samples"):
        inspect(path)


def test_a_header_that_claims_terabytes_takes_no_memory(tmp_path):
    wave, path = noise(16000), tmp_path / "a.w64"
    path.write_bytes(with_size(made(path, wave), "w64", 1 << 41))
    with pytest.warns(AudioWarning, match="is cut off"):
        assert len(read_mono(path, 16000)) == 16000


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path):
    path = tmp_path / "a.wav"
    data = made(path, noise(16000))
    source = inspect(path)
    path.write_bytes(data[:9000])
    with pytest.raises(AudioError, match="was changed meanwhile"):
        list(chunks(source, 16000))


@pytest.mark.parametrize("name", [b"caf\xe9.wav", b"\x1b[31m.wav", b"\n.wav", b"x" * 251 + b".wav"])
def test_names_of_any_bytes_are_read(tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    made(tmp_path / "a.wav", noise(16000))
    (tmp_path / "a.wav").rename(path)
    assert len(silently(path)) == 16000


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("a.wav/b.wav", "Not a directory"),
        ("\ud800.wav", "no audio file can have the path"),
        ("a\0.wav", "no audio file can have the path"),
        ("x" * 256, "File name too long"),
        ("pipe", "is a device or a pipe; give an audio file"),
        ("/dev/zero", "is a device or a pipe; give an audio file"),
        ("my talk.m4a", r"convert it with `ffmpeg -i '\S*/my talk\.m4a' '\S*/my talk\.wav'`"),
    ],
)
def test_what_is_no_file_is_refused_at_once(tmp_path, name, says):
    made(tmp_path / "a.wav", noise(16000))
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "my talk.m4a").write_bytes(b"\0\0\0\x18ftypM4A " + bytes(5000))
    with pytest.raises(AudioError, match=says):
        inspect(tmp_path / name)
