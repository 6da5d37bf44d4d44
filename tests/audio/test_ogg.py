"""Ogg files laid end to end, side by side, cut off, damaged; and FLAC."""

import struct
import warnings

import numpy as np
import pytest
import soundfile

from speechvq.audio import ogg
from speechvq.audio.reading import inspect, read_mono
from speechvq.errors import AudioError, AudioWarning
from tests.audio.test_reading import noise

CODINGS = {"VORBIS": "OGG", "OPUS": "OGG"}


def made(path, coding, samples=16000, *channels):
    soundfile.write(path, noise(samples, *channels), 16000, format="OGG", subtype=coding)
    return path.read_bytes()


def pages(data):
    with_places = []
    while data:
        count = data[26]
        stop = 27 + count + sum(data[27 : 27 + count])
        with_places.append(data[:stop])
        data = data[stop:]
    return with_places


def sealed(page, **fields):
    """A page with other fields, and the right checksum."""
    head = list(ogg.HEADER.unpack(page[:27]))
    names = ("magic", "version", "flags", "granule", "serial", "number", "checksum", "count")
    for name, value in {"checksum": 0, **fields}.items():
        head[names.index(name)] = value
    body = ogg.HEADER.pack(*head) + page[27:]
    return body[:22] + struct.pack("<I", ogg._checksum(body)) + body[26:]


def silently(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_mono(path, 16000)


@pytest.mark.parametrize("coding", CODINGS)
def test_streams_that_follow_one_another_are_all_read(tmp_path, coding):
    path = tmp_path / "a.ogg"
    first, second = made(path, coding), made(path, coding, 24000)
    for behind in (bytes(100), b"TAG" + bytes(125)):
        path.write_bytes(first + second + first + behind)
        assert len(silently(path)) == 16000 + 24000 + 16000


def flac_in_ogg(path, samples=20000, serial=7, *, declared=True):
    """As flac and ffmpeg write it: the header in the first page, and the frames in others."""
    soundfile.write(path, noise(samples), 16000, format="FLAC", subtype="PCM_16")
    data = path.read_bytes()
    if not declared:
        data = data[:21] + bytes([data[21] & 0xF0, 0, 0, 0, 0]) + data[26:]
    parts = [b"\x7fFLAC\1\0\0\1" + data[:42]]
    parts += [data[place : place + 60000] for place in range(42, len(data), 60000)]
    bodies = [
        bytes([len(part) // 255 + 1])
        + b"\xff" * (len(part) // 255)
        + bytes([len(part) % 255])
        + part
        for part in parts
    ]
    flags = [ogg.FIRST, *[0] * (len(bodies) - 2), ogg.LAST]
    return b"".join(
        sealed(b"OggS" + bytes(22) + body, flags=flag, serial=serial, number=number, count=body[0])
        for number, (flag, body) in enumerate(zip(flags, bodies, strict=True))
    )


@pytest.mark.parametrize("declared", [True, False])
def test_flac_in_ogg_is_read(tmp_path, declared):
    path = tmp_path / "a.oga"
    data = flac_in_ogg(path, declared=declared)
    expected = read_mono(path, 16000)
    path.write_bytes(data)
    np.testing.assert_array_equal(silently(path), expected)
    path.write_bytes(data + flac_in_ogg(path, serial=8, declared=declared))
    assert len(silently(path)) == 2 * len(expected)


def test_streams_of_other_channels_are_refused(tmp_path):
    path = tmp_path / "a.ogg"
    path.write_bytes(made(path, "VORBIS") + made(path, "VORBIS", 16000, 2))
    with pytest.raises(AudioError, match="changes its sample rate or its number of channels"):
        inspect(path)


@pytest.mark.parametrize("coding", CODINGS)
def test_streams_side_by_side_are_refused_and_those_without_sound_left_out(tmp_path, coding):
    path = tmp_path / "a.ogg"
    data = pages(made(path, coding))
    other = [sealed(page, serial=7) for page in data]
    path.write_bytes(b"".join(page for pair in zip(data, other, strict=True) for page in pair))
    with pytest.raises(AudioError, match="several recordings side by side"):
        inspect(path)
    mute = sealed(other[0][:28] + b"text" + other[0][32:])
    path.write_bytes(mute + b"".join(data[:2] + other[1:2] + data[2:]))
    assert len(silently(path)) == 16000


@pytest.mark.parametrize("coding", CODINGS)
def test_a_missing_end_is_said(tmp_path, coding):
    path = tmp_path / "a.ogg"
    data = made(path, coding, 80000)
    for cut in (data[:-1], b"".join(pages(data)[:-1])):
        path.write_bytes(cut)
        with pytest.warns(AudioWarning, match="is cut off: its end is missing"):
            assert 16000 < len(read_mono(path, 16000)) < 80000


@pytest.mark.parametrize("coding", CODINGS)
def test_lost_and_damaged_pages_are_refused(tmp_path, coding):
    path = tmp_path / "a.ogg"
    data = pages(made(path, coding, 80000))
    path.write_bytes(b"".join(data[:3] + data[4:]))
    with pytest.raises(AudioError, match="pages of its sound are missing"):
        inspect(path)
    path.write_bytes(b"".join(data[:3]) + data[3][:-9] + b"!" + data[3][-8:] + b"".join(data[4:]))
    with pytest.raises(AudioError, match="the checksum of the page at byte"):
        inspect(path)
    path.write_bytes(b"".join(data) + b"and a text")
    with pytest.raises(AudioError, match="it is no Ogg file"):
        inspect(path)


def flac(path, samples=16000, **options):
    soundfile.write(path, noise(samples), 16000, format="FLAC", **options)
    return path.read_bytes()


def test_a_flac_file_without_a_length_is_read_to_its_end(tmp_path):
    path = tmp_path / "a.flac"
    data = bytearray(flac(path))
    whole = silently(path)
    data[21] &= 0xF0  # the sample count of STREAMINFO: 36 bits that may be zero
    data[22:26] = bytes(4)
    path.write_bytes(data)
    with pytest.warns(AudioWarning, match="does not say how long it is"):
        assert np.array_equal(read_mono(path, 16000), whole)


def test_flac_streams_end_to_end_and_what_is_no_sound_behind_them(tmp_path):
    path = tmp_path / "a.flac"
    one, two = flac(path), flac(path, 20000)
    path.write_bytes(one + two)
    assert len(silently(path)) == 36000
    path.write_bytes(b"ID3\x04\0\0\0\0\0\x14" + bytes(20) + one + b"TAG" + bytes(125))
    assert len(silently(path)) == 16000


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_flac_file_that_is_cut_off_is_refused(tmp_path, share):
    path = tmp_path / "a.flac"
    data = flac(path)
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(AudioError, match=r"damaged or cut off, .*ffmpeg -i"):
        read_mono(path, 16000)


def test_a_flac_file_with_a_wrong_checksum_is_refused(tmp_path):
    path = tmp_path / "a.flac"
    data = bytearray(flac(path))
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)
    with pytest.raises(AudioError, match="is damaged"):
        read_mono(path, 16000)
