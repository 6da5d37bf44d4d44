"""What follows the samples that the header of a FLAC stream declares."""

import warnings

import numpy as np
import pytest
import soundfile

from speechvq.audio.reading import inspect, read_mono
from speechvq.errors import AudioError, AudioWarning
from tests.audio.test_reading import noise

SAMPLES = 21  # where the number of samples stands, with 4 bits of something else before it


@pytest.fixture
def made(tmp_path):
    soundfile.write(tmp_path / "whole.flac", noise(30000), 16000)
    return (tmp_path / "whole.flac").read_bytes()


def with_samples(data, samples):
    """A stream whose header declares another number of samples."""
    changed = bytearray(data)
    before = int.from_bytes(data[SAMPLES : SAMPLES + 5], "big") >> 36 << 36
    changed[SAMPLES : SAMPLES + 5] = (before | samples).to_bytes(5, "big")
    return bytes(changed)


def declared_samples(data):
    return int.from_bytes(data[SAMPLES : SAMPLES + 5], "big") & (1 << 36) - 1


@pytest.mark.parametrize("behind", [b"", bytes(5000), b"TAG" + bytes(125)])
def test_whole_files_say_nothing(tmp_path, made, behind):
    path = tmp_path / "a.flac"
    path.write_bytes(made + behind)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_mono(path, 16000)) == declared_samples(made)


@pytest.mark.parametrize("count", [10, 3000, 2_000_000])
def test_garbage_behind_the_sound_is_said(tmp_path, made, count):
    path = tmp_path / "a.flac"
    path.write_bytes(made + np.random.default_rng(0).bytes(count))
    with pytest.warns(AudioWarning, match=r"goes on after the .* s that its header declares"):
        assert len(read_mono(path, 16000)) == declared_samples(made)


@pytest.mark.parametrize("samples", [3000, 4096, 8192, 9000])
def test_sound_behind_that_of_the_header_is_said(tmp_path, made, samples):
    path = tmp_path / "a.flac"
    path.write_bytes(with_samples(made, samples))
    with pytest.warns(AudioWarning, match=r"goes on after the"):
        assert len(read_mono(path, 16000)) == samples


@pytest.mark.parametrize("cut", [1, 100, 5000])
def test_a_file_that_is_cut_off_is_refused_and_nothing_else_said(tmp_path, made, cut):
    path = tmp_path / "a.flac"
    path.write_bytes(made[:-cut])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(AudioError, match="is damaged or cut off"):
            read_mono(path, inspect(path).rate)
