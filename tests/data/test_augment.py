"""Augmentation: each change does what its name says, all crops of an example alike, repeatable."""

import numpy as np
import pytest

from speechvq.data.augment import Augmentation, smooth
from speechvq.errors import ConfigError

RATE = 16_000


def crops(seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=(3, RATE)) * 0.1).astype(np.float32)


def level(wave: np.ndarray) -> float:
    return 10 * np.log10(np.mean(np.square(wave, dtype=np.float64)))


def test_nothing_is_changed_by_default():
    one = crops()
    assert np.array_equal(Augmentation()(one, crops(1), RATE, np.random.default_rng(0)), one)


def test_noise_is_mixed_in_at_the_ratio_asked_for():
    one, other = crops(), crops(1) * 7
    found = Augmentation(noise=1.0, noise_db=(12.0, 12.0))(
        one, other, RATE, np.random.default_rng(0)
    )
    assert level(one) - level(found - one) == pytest.approx(12, abs=0.01)
    often = [
        Augmentation(noise=0.3)(one, other, RATE, np.random.default_rng(seed)) is not one
        for seed in range(300)
    ]
    assert 0.2 < np.mean(often) < 0.4


def test_a_limited_band_has_nothing_beyond_its_edges():
    found = Augmentation(band_limit=1.0)(crops(), crops(1), RATE, np.random.default_rng(0))
    power = np.square(np.abs(np.fft.rfft(found))).mean(0)
    assert found.dtype == np.float32
    assert power[:15].mean() < 1e-2 * power[400:1500].mean()
    assert power[7800:].mean() < 1e-2 * power[400:1500].mean()


def test_a_filter_is_smooth_of_the_size_asked_for_and_the_same_for_all_crops_of_an_example():
    one = crops()
    found = Augmentation(filter_db=6.0)(one, crops(1), RATE, np.random.default_rng(0))
    gains = 20 * np.log10(np.abs(np.fft.rfft(found)[:, 1:-1] / np.fft.rfft(one)[:, 1:-1]))
    assert np.allclose(gains[0], gains[1:], atol=0.1)
    curves = np.stack([smooth(500, np.random.default_rng(seed)) for seed in range(400)])
    assert np.sqrt(np.mean(curves**2)) == pytest.approx(1, abs=0.15)
    assert np.abs(np.diff(curves[:, 50:])).max() < 0.2
    assert 2 < gains[0].max() - gains[0].min() < 40


def test_the_same_generator_gives_the_same():
    all_of_it = Augmentation(noise=0.5, filter_db=3.0, band_limit=0.5)
    once, again, other = (
        all_of_it(crops(), crops(1), RATE, np.random.default_rng(seed)) for seed in (5, 5, 6)
    )
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"noise": 1.5}, r"noise is a probability"),
        ({"band_limit": -0.1}, r"band_limit is a probability"),
        ({"filter_db": -1.0}, r"filter_db must not be negative"),
        ({"noise_db": (9.0, 1.0)}, r"noise_db must be two rising numbers"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(change, message):
    with pytest.raises(ConfigError, match=message):
        Augmentation(**change)
