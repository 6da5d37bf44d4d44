"""What the measuring recipes do to sound before they score it."""

import numpy as np
import pytest
import soundfile

from tests.helpers.paths import ROOT


@pytest.fixture(scope="module")
def delay():
    from recipes.evaluate import time_alignment as delay

    return delay


@pytest.mark.parametrize("late", [-60, 0, 37])
def test_a_delay_is_found_in_sound_whose_phases_are_gone(delay, late):
    """The magnitudes stay, the waveform does not: the delay is found all the same, and taken out."""
    wave, rate = soundfile.read(ROOT / "tests" / "clips" / "female.flac", stop=40_000)
    assert rate == delay.RATE
    frames = np.fft.rfft(
        np.lib.stride_tricks.sliding_window_view(wave, 512)[::128] * np.hanning(512)
    )
    frames = np.abs(frames) * np.exp(2j * np.pi * np.random.default_rng(0).random(frames.shape))
    sound = np.zeros(len(wave))
    for index, piece in enumerate(np.fft.irfft(frames) * np.hanning(512)):
        sound[128 * index : 128 * index + 512] += piece
    shift = late * delay.STEP
    moved = np.pad(sound, (max(shift, 0), max(-shift, 0)))[max(-shift, 0) :][: len(sound)]
    assert abs(delay.delay(wave, moved) - late) <= 1
    back = delay.aligned(wave, moved)
    assert len(back) == len(wave)
    assert abs(delay.delay(wave, back)) <= 1
