"""Spectra: where frames lie, and what standardizing leaves."""

import numpy as np
import pytest

from speechvq.errors import UnitsError
from speechvq.units.features import log_mel, mfcc, pooled, standardized

RANDOM = np.random.default_rng(0)


def test_frames_are_centered():
    """A click between frames 49 and 50 is equally loud in both, and at most so in others."""
    click = np.zeros(16_000)
    click[8000] = 1
    mel = log_mel(click)
    assert mel.shape == (100, 40)
    loudness = mel.sum(1)
    assert loudness[49] == pytest.approx(loudness[50], rel=0.02)
    assert (loudness[[48, 51]] < loudness[49] - 40).all()


def test_a_tone_is_in_its_band():
    import librosa

    mel = log_mel(np.sin(2 * np.pi * 1000 * np.arange(16_000) / 16_000), bands=40)
    centers = librosa.mel_frequencies(42, fmin=0, fmax=8000)[1:-1]
    assert mel[50].argmax() == np.abs(centers - 1000).argmin()


@pytest.mark.parametrize("samples", [160, 500, 1600])
def test_cepstra_of_short_recordings(samples):
    mel = log_mel(RANDOM.normal(size=samples))
    cepstra = mfcc(mel)
    assert cepstra.shape == (samples // 160, 39)
    assert np.isfinite(cepstra).all()


def test_nothing_to_hear():
    assert np.ptp(log_mel(np.zeros(1600))) == 0
    with pytest.raises(UnitsError, match="less than a frame"):
        log_mel(np.zeros(159))


def test_pooled():
    rows = np.arange(14, dtype=np.float32).reshape(7, 2)
    assert np.array_equal(pooled(rows, 3), [[2, 3], [8, 9]])


def test_standardized_by_speaker():
    owners = {"a1": "ann", "a2": "ann", "b1": "bob"}
    features = {
        name: RANDOM.normal(5 if owner == "ann" else -9, 3, (50, 2)).astype(np.float32)
        for name, owner in owners.items()
    }
    features = {
        name: np.column_stack([rows, np.ones(50, np.float32)]) for name, rows in features.items()
    }
    result = standardized(features, owners)
    for rows in (np.concatenate([result["a1"], result["a2"]]), result["b1"]):
        assert np.allclose(rows.mean(0), 0, atol=1e-5)
        assert np.allclose(rows[:, :2].std(0), 1, atol=1e-4)
    assert abs(result["a1"].mean()) > 1e-4  # a recording alone is not


def test_features_do_not_depend_on_numpys_error_state():
    wave = np.random.default_rng(0).normal(size=3200).astype(np.float32)
    expected = mfcc(log_mel(wave))
    with np.errstate(all="raise"):
        assert np.array_equal(mfcc(log_mel(wave)), expected)
