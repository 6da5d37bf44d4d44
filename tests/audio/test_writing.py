"""Writing: exactly the samples asked for, at the rate asked for, or nothing and a reason."""

import resource

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from speechvq.audio.writing import check_format, write_mono
from speechvq.errors import AudioWarning, OutputError, SpeakerError
from tests.audio.test_reading import RATES, noise
from tests.conftest import contents

SUFFIXES = ("wav", "flac", "ogg", "oga", "opus", "mp3", "aif", "aiff", "au", "caf", "w64", "rf64")


def in_pieces(wave, size=3000):
    return (wave[first : first + size] for first in range(0, len(wave), size))


def can_be_written(path, rate):
    try:
        check_format(path, rate)
    except OutputError:
        return False
    return True


@pytest.mark.parametrize("rate", [*RATES, 1000, 12345, 65536, 384000, 400000, 655360, 999999])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_can_be_written_has_the_exact_rate_and_length(tmp_path, suffix, rate):
    path, samples = tmp_path / f"a.{suffix}", rate * 2 // 5 + 1
    if can_be_written(path, rate):
        write_mono(path, in_pieces(noise(8000)), 16000, rate=rate, samples=samples)
        facts = soundfile.info(path)
        assert (facts.samplerate, facts.frames, facts.channels) == (rate, samples, 1)
    else:
        with pytest.raises(OutputError, match=f"a .{suffix} file cannot have {rate} Hz"):
            write_mono(path, in_pieces(noise(8000)), 16000, rate=rate, samples=samples)
        assert contents(tmp_path) == {}


@pytest.mark.parametrize("rate", RATES)
def test_wav_takes_every_rate_and_the_others_their_usual_ones(tmp_path, rate):
    possible = {suffix for suffix in SUFFIXES if can_be_written(tmp_path / f"a.{suffix}", rate)}
    assert possible >= {"wav", "flac", "ogg", "aiff", "au", "caf", "w64", "rf64"}
    assert ("opus" in possible) == (rate in (8000, 16000, 48000))
    assert ("mp3" in possible) == (rate <= 48000)


@settings(max_examples=40, deadline=None)
@given(
    rate=st.sampled_from(RATES) | st.integers(1000, 100_000),
    samples=st.integers(1, 5000),
    given_samples=st.integers(0, 5000),
    size=st.integers(1, 5000),
)
def test_exactly_so_many_samples_whatever_is_given(
    tmp_path_factory, rate, samples, given_samples, size
):
    path = tmp_path_factory.mktemp("exact") / "a.wav"
    write_mono(path, in_pieces(noise(given_samples), size), 16000, rate=rate, samples=samples)
    facts = soundfile.info(path)
    assert (facts.samplerate, facts.frames) == (rate, samples)


@pytest.mark.parametrize("samples", [9000, 10000, 11000])
def test_samples_are_kept_then_cut_or_followed_by_silence(tmp_path, samples):
    wave = noise(10000)
    write_mono(tmp_path / "a.wav", in_pieces(wave), 16000, rate=16000, samples=samples)
    read, _ = soundfile.read(tmp_path / "a.wav", dtype="float32")
    expected = np.concatenate([wave, np.zeros(1000, np.float32)])[:samples]
    assert np.abs(read - expected).max() <= 2**-15


@pytest.mark.parametrize("rate", RATES)
def test_writing_in_pieces_equals_one_resampling(tmp_path, rate):
    wave = noise(20001)
    samples = -(-len(wave) * rate // 16000) - 5
    write_mono(tmp_path / "a.flac", in_pieces(wave), 16000, rate=rate, samples=samples)
    read, _ = soundfile.read(tmp_path / "a.flac", dtype="float32")
    expected = soxr.resample(wave, 16000, rate)[:samples].clip(-1, 1)
    assert np.abs(read - expected).max() < 1e-4


def test_loud_samples_are_clipped_and_do_not_wrap(tmp_path):
    wave = np.array([0.5, 3.0, -3.0, 0.5] * 500, np.float32)
    with pytest.warns(AudioWarning, match="1000 of 2000 samples are beyond full scale"):
        write_mono(tmp_path / "a.wav", [wave], 16000, rate=16000, samples=2000)
    read, _ = soundfile.read(tmp_path / "a.wav")
    assert np.abs(read[1::4] - 1).max() < 1e-4
    assert np.abs(read[2::4] + 1).max() < 1e-4


@pytest.mark.parametrize(
    "name", ["a", "a.", "a.txt", "a.raw", "a.wav.part", "wav", "a.sd2", "a.xi", "a.codes", ".wav"]
)
def test_names_that_tell_no_format(tmp_path, name):
    with pytest.raises(OutputError, match="cannot tell an audio format"):
        write_mono(tmp_path / name, [noise(1600)], 16000, rate=16000, samples=1600)
    assert contents(tmp_path) == {}


def test_the_case_of_a_suffix_does_not_matter(tmp_path):
    write_mono(tmp_path / "A.FLAC", [noise(1600)], 16000, rate=16000, samples=1600)
    assert soundfile.info(tmp_path / "A.FLAC").format == "FLAC"


@pytest.mark.parametrize("room", [0, 100, 20000])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_full_disk_leaves_nothing(tmp_path, suffix, room):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, before[1]))
    try:
        with pytest.raises(OutputError, match=f"cannot write .*a.{suffix}: "):
            write_mono(
                tmp_path / f"a.{suffix}",
                in_pieces(noise(160000)),
                16000,
                rate=16000,
                samples=160000,
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert contents(tmp_path) == {}


def test_an_error_while_decoding_leaves_nothing(tmp_path):
    def waves():
        yield noise(8000)
        raise SpeakerError("no such voice")

    with pytest.raises(SpeakerError):
        write_mono(tmp_path / "a.wav", waves(), 16000, rate=16000, samples=16000)
    assert contents(tmp_path) == {}
