"""Reading: any sample rate, channel count and format becomes one channel at the model's rate."""

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from speechvq.audio import reading as audio
from speechvq.audio.reading import chunks, inspect, read_mono
from speechvq.audio.writing import write_mono
from speechvq.errors import AudioError

RATES = (8000, 11025, 16000, 22050, 44100, 48000, 96000, 192000)


def noise(samples, *shape, peak=0.5):
    return np.random.default_rng(samples).uniform(-peak, peak, (samples, *shape)).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "subtype", "step"),
    [
        ("a.wav", "PCM_U8", 2**-7),
        ("a.wav", "PCM_16", 2**-15),
        ("a.wav", "PCM_24", 2**-23),
        ("a.wav", "PCM_32", 2**-23),
        ("a.wav", "FLOAT", 0),
        ("a.wav", "DOUBLE", 0),
        ("a.flac", "PCM_16", 2**-15),
        ("a.flac", "PCM_24", 2**-23),
        ("a.aiff", "PCM_16", 2**-15),
        ("a.au", "PCM_16", 2**-15),
        ("a.caf", "PCM_24", 2**-23),
        ("a.w64", "FLOAT", 0),
    ],
)
def test_every_sample_format_is_scaled_to_one(tmp_path, name, subtype, step):
    wave = noise(4000)
    soundfile.write(tmp_path / name, wave, 16000, subtype)
    samples = read_mono(tmp_path / name, 16000)
    assert samples.dtype == np.float32
    assert np.abs(samples - wave).max() <= step


@pytest.mark.parametrize("name", ["a.ogg", "a.opus", "a.mp3"])
def test_lossy_formats_keep_length_and_place(tmp_path, speech, name):
    write_mono(tmp_path / name, [speech], 16000, rate=16000, samples=len(speech))
    samples = read_mono(tmp_path / name, 16000)
    assert samples.shape == speech.shape
    assert np.corrcoef(samples, speech)[0, 1] > 0.9


@pytest.mark.parametrize("channels", [1, 2, 6, 8])
def test_channels_are_averaged(tmp_path, channels):
    wave = noise(4000, channels)
    soundfile.write(tmp_path / "a.wav", wave, 16000, "FLOAT")
    assert inspect(tmp_path / "a.wav").channels == channels
    np.testing.assert_allclose(
        read_mono(tmp_path / "a.wav", 16000), wave.sum(1) / channels, atol=1e-6
    )


def test_inspect_tells_rate_and_length(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(30000, 3), 48000)
    source = inspect(str(tmp_path / "a.wav"))
    assert (source.rate, source.channels, source.samples, source.seconds) == (
        48000,
        3,
        30000,
        0.625,
    )


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("to", [16000, 24000])
def test_pieces_equal_one_resampling(tmp_path, monkeypatch, rate, to):
    monkeypatch.setattr(audio, "CHUNK_SECONDS", 1)
    wave = noise(2 * rate + rate // 3 + 1)
    soundfile.write(tmp_path / "a.wav", wave, rate, "FLOAT")
    blocks = list(chunks(inspect(tmp_path / "a.wav"), to))
    expected = soxr.resample(wave, rate, to)
    samples = np.concatenate(blocks)
    assert len(blocks) == 3
    assert max(map(len, blocks)) < 1.5 * to
    assert len(samples) == len(expected)
    assert np.abs(samples - expected).max() < 1e-4


def test_a_last_piece_of_one_sample_is_not_lost(tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "CHUNK_SECONDS", 1)
    for samples in (31999, 32000, 32001):
        wave = noise(samples)
        soundfile.write(tmp_path / "a.wav", wave, 16000, "FLOAT")
        assert np.array_equal(read_mono(tmp_path / "a.wav", 16000), wave)


@settings(max_examples=25, deadline=None)
@given(rate=st.integers(2000, 200_000), seconds=st.floats(0.1, 0.6))
def test_any_rate_keeps_the_duration(tmp_path_factory, rate, seconds):
    path = tmp_path_factory.mktemp("rates") / "a.wav"
    samples = int(rate * seconds) + 1
    soundfile.write(path, noise(samples), rate)
    assert abs(len(read_mono(path, 16000)) - samples * 16000 / rate) <= 1


@pytest.mark.parametrize(
    ("wave", "says"),
    [
        (noise(0), r"holds 0 samples \(0.000 s\); at least 0.1 s are needed"),
        (noise(1), "holds 1 samples"),
        (noise(1599), "holds 1599 samples"),
        (np.zeros(16000, np.float32), "silent from beginning to end"),
        (np.full(16000, 9e-6, np.float32), "silent from beginning to end"),
        (
            np.where(np.arange(16000) == 4000, np.nan, noise(16000)),
            "not a finite number at 0.250 s",
        ),
        (
            np.where(np.arange(16000) == 15999, np.inf, noise(16000)),
            "not a finite number at 1.000 s",
        ),
        (np.where(np.arange(16000) == 0, -np.inf, noise(16000)), "not a finite number at 0.000 s"),
    ],
)
def test_waves_that_hold_nothing_to_encode(tmp_path, wave, says):
    soundfile.write(tmp_path / "a.wav", wave, 16000, "FLOAT")
    with pytest.raises(AudioError, match=says):
        read_mono(tmp_path / "a.wav", 16000)


def test_a_bad_sample_is_noticed_in_any_chunk_and_channel(tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "CHUNK_SECONDS", 1)
    wave = noise(40000, 2)
    wave[36000, 1] = np.nan
    soundfile.write(tmp_path / "a.wav", wave, 16000, "FLOAT")
    with pytest.raises(AudioError, match=r"at 2\.250 s"):
        read_mono(tmp_path / "a.wav", 16000)


def test_a_quiet_beginning_is_no_silence(tmp_path, monkeypatch):
    monkeypatch.setattr(audio, "CHUNK_SECONDS", 1)
    wave = np.concatenate([np.zeros(40000, np.float32), noise(1)])
    soundfile.write(tmp_path / "a.wav", wave, 16000, "FLOAT")
    assert np.array_equal(read_mono(tmp_path / "a.wav", 16000), wave)


def test_the_shortest_recording_that_is_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(1600), 16000)
    assert len(read_mono(tmp_path / "a.wav", 16000)) == 1600
