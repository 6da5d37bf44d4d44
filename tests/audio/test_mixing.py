"""Which channels are averaged: all, but for those that are silent or cancel one another."""

import warnings

import numpy as np
import pytest
import soundfile

from speechvq.audio import reading
from speechvq.audio.reading import chunks, inspect, mixed, read_mono
from speechvq.errors import AudioError, AudioWarning
from tests.audio.test_reading import noise

WAVE = noise(48000)
OTHER = noise(48001)[:48000]


def read(path, *channels, **options):
    soundfile.write(path, np.stack(channels, 1), 16000, "FLOAT")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return read_mono(path, 16000, **options)


@pytest.mark.parametrize(
    "channels",
    [
        (WAVE, WAVE),
        (WAVE, OTHER),
        (WAVE, 0.01 * OTHER),
        (WAVE, -0.1 * WAVE),
        (WAVE, WAVE, WAVE, -WAVE),
        (WAVE + 0.3, WAVE - 0.3),
        (WAVE, np.roll(WAVE, 40)),
    ],
)
def test_channels_that_add_up_are_averaged(tmp_path, channels):
    expected = np.stack(channels, 1).mean(1)
    np.testing.assert_allclose(read(tmp_path / "a.wav", *channels), expected, atol=1e-6)


def halved(wave):
    """One sign in the first half, the other in the second."""
    return np.concatenate([wave[:24000], -wave[24000:]])


@pytest.mark.parametrize(
    ("channels", "loudest"),
    [
        ((WAVE, -WAVE), 1),
        ((0.5 * WAVE, -WAVE), 2),
        ((WAVE, -0.8 * WAVE + 0.2 * OTHER), 1),
        ((WAVE, -WAVE + 0.1), 1),
        ((WAVE + 0.2, 0.2 - WAVE), 1),
        ((WAVE, halved(WAVE)), 1),
        ((0.7 * WAVE, OTHER, -0.7 * WAVE, -OTHER), 2),
        ((WAVE, -WAVE, np.zeros_like(WAVE)), 1),
    ],
)
def test_of_channels_that_cancel_the_loudest_is_taken_and_said(tmp_path, channels, loudest):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack(channels, 1), 16000, "FLOAT")
    with pytest.warns(AudioWarning, match=f"only the loudest, channel {loudest}, is used"):
        samples = read_mono(path, 16000)
    np.testing.assert_allclose(samples, channels[loudest - 1], atol=1e-6)


@pytest.mark.parametrize("quiet", [0.0, 1e-4])
def test_a_silent_channel_does_not_make_the_others_quieter(tmp_path, quiet):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([quiet * OTHER, WAVE], 1), 16000, "FLOAT")
    with pytest.warns(AudioWarning, match="channel 1 is silent and left out: channel 2 is used"):
        np.testing.assert_allclose(read_mono(path, 16000), WAVE, atol=1e-6)
    soundfile.write(path, np.stack([WAVE, 0 * WAVE, OTHER, 0 * WAVE], 1), 16000, "FLOAT")
    with pytest.warns(AudioWarning, match="channels 2, 4 are silent and left out: channel 1, 3"):
        np.testing.assert_allclose(read_mono(path, 16000), (WAVE + OTHER) / 2, atol=1e-6)


def test_the_size_of_the_chunks_does_not_change_the_choice(tmp_path, monkeypatch):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.stack([WAVE, halved(WAVE)], 1), 16000, "FLOAT")
    with pytest.warns(AudioWarning, match="opposite phase"):
        whole = read_mono(path, 16000)
    monkeypatch.setattr(reading, "CHUNK_SECONDS", 1)
    with pytest.warns(AudioWarning, match="opposite phase"):
        parts = list(chunks(inspect(path), 16000))
    assert len(parts) == 3
    assert np.array_equal(np.concatenate(parts), whole)


def test_a_channel_can_be_chosen(tmp_path):
    for number, wave in enumerate((WAVE, -WAVE, np.zeros_like(WAVE) + 1e-3 * OTHER), 1):
        samples = read(tmp_path / "a.wav", WAVE, -WAVE, 1e-3 * OTHER, channel=number)
        np.testing.assert_allclose(samples, wave, atol=1e-6)
    with pytest.raises(AudioError, match="has 3 channels, so that there is no channel 4"):
        inspect(tmp_path / "a.wav", 4)


def test_a_bad_sample_in_a_channel_that_is_not_chosen_is_no_matter(tmp_path):
    bad = np.where(np.arange(48000) == 5, np.nan, WAVE)
    np.testing.assert_array_equal(read(tmp_path / "a.wav", bad, WAVE, channel=2), WAVE)
    with pytest.raises(AudioError, match="not a finite number"):
        mixed(inspect(tmp_path / "a.wav"))


def test_a_thousand_channels_are_read_in_bounded_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "CHUNK_NUMBERS", 1024 * 100)
    wave = noise(1600)
    soundfile.write(tmp_path / "a.wav", np.repeat(wave[:, None], 1024, 1), 16000, "FLOAT")
    blocks = list(chunks(inspect(tmp_path / "a.wav"), 16000))
    assert max(map(len, blocks)) == 100
    np.testing.assert_allclose(np.concatenate(blocks), wave, atol=1e-6)


@pytest.mark.parametrize(
    ("peak", "factor"), [(32767, 32768), (300, 32768), (8388607, 8388608), (2**31, 2147483648)]
)
def test_integers_stored_as_floating_point_numbers_are_refused(tmp_path, peak, factor):
    soundfile.write(tmp_path / "a.wav", peak * WAVE / np.abs(WAVE).max(), 16000, "FLOAT")
    with pytest.raises(AudioError, match=f"probably integers stored .* divide them by {factor}"):
        read_mono(tmp_path / "a.wav", 16000)


def test_samples_far_too_loud_but_too_quiet_for_integers(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(16000, peak=9), 16000, subtype="FLOAT")
    with pytest.raises(AudioError, match=r"where full scale is 1; divide them by [89]\.\d+$"):
        read_mono(tmp_path / "a.wav", 16000)


def test_samples_a_little_beyond_full_scale_are_common(tmp_path):
    assert np.abs(read(tmp_path / "a.wav", 4 * WAVE)).max() > 1.9


def test_a_constant_is_silence(tmp_path):
    with pytest.raises(AudioError, match="silent from beginning to end"):
        read(tmp_path / "a.wav", np.full(16000, 0.25))
