"""Perceptual training terms: slow obvious oracles, and the laws that make them measures of
hearing."""

import math

import numpy as np
import pytest
import torch

from speechvq.audio.reading import read_mono
from speechvq.losses.pesq_like import (
    ABS_THRESH_POWER,
    NUMBER_OF_HZ_BANDS_PER_BARK_BAND,
    POW_DENS_CORRECTION_FACTOR,
    WIDTH_OF_BAND_BARK,
    PesqLike,
)
from speechvq.losses.stoi_like import StoiLike
from tests.helpers.paths import CLIPS

CLIP = min(CLIPS.glob("*.flac"))
BANDS, CORRECTIONS, BARKS, QUIET = (
    np.array(table.split(), float)
    for table in (
        NUMBER_OF_HZ_BANDS_PER_BARK_BAND,
        POW_DENS_CORRECTION_FACTOR,
        WIDTH_OF_BAND_BARK,
        ABS_THRESH_POWER,
    )
)


@pytest.fixture(scope="module")
def speech() -> torch.Tensor:
    return torch.from_numpy(read_mono(CLIP, 16_000)[:24_000])[None]


def noisy(wave: torch.Tensor, decibels: float) -> torch.Tensor:
    noise = torch.randn(wave.shape, generator=torch.Generator().manual_seed(0))
    return wave + noise * wave.std() * 10 ** (decibels / 20)


def frames(wave: np.ndarray, size: int, hop: int, fft: int, offset: int = 0) -> np.ndarray:
    """Power spectra (f, fft/2 + 1) with a periodic Hann window in the middle of the transform."""
    window = np.zeros(fft)
    window[offset : offset + size] = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    wave = np.pad(wave, fft // 2)
    starts = range(0, len(wave) - fft + 1, hop)
    return np.array([np.abs(np.fft.rfft(wave[i : i + fft] * window)) ** 2 for i in starts])


def density(wave: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Power density in 49 Bark bands, with the gain that brings the target to the listening level
    (P.862, 10.2.1 to 10.2.3)."""
    power = frames(wave, 512, 256, 512)
    hertz = np.arange(257) * 31.25
    heard = frames(target, 512, 256, 512)[:, (hertz >= 325) & (hertz <= 3250)].sum(1).mean()
    power = power * 1e7 * 512 * 512 * 3 / 16 / heard
    turn = np.exp(-2j * np.pi * np.arange(257) / 512)
    power = (
        power
        * np.abs(
            2.740826 * (1 - 2 * turn + turn**2) / (1 - 1.9444777 * turn + 0.94597794 * turn**2)
        )
        ** 2
    )
    found, first = [], 0
    for bins, correction in zip(BANDS.astype(int), CORRECTIONS, strict=True):
        inside = [index for index in range(first, first + bins) if index > 0]
        found.append(power[:, inside].sum(1) * correction * 6.910853e-6)
        first += bins
    return np.array(found).T


def disturbance(target: np.ndarray, estimate: np.ndarray) -> float:
    """P.862, 10.2.5 to 10.2.11, band by band and frame by frame."""
    quiet, centers = 10 ** (QUIET / 10), np.cumsum(BARKS) - BARKS / 2
    powers = 0.23 * np.clip(6 / (centers + 2), 1, 2) ** 0.15
    wanted, found = density(target, target), density(estimate, target)
    audible = [sum(p for p, q in zip(row[1:], quiet[1:], strict=True) if p > q) for row in wanted]
    gains = []
    for row, total in zip(found, audible, strict=True):
        there = sum(p for p, q in zip(row[1:], quiet[1:], strict=True) if p > q)
        gains.append((total + 5e3) / (there + 5e3))
    gains = [0.8 * g + 0.2 * gains[max(i - 1, 0)] for i, g in enumerate(gains)]
    symmetric, asymmetric = [], []
    for a, b, gain, total in zip(wanted, found, np.clip(gains, 3e-4, 5), audible, strict=True):
        squares = added = 0.0
        for band in range(1, 49):
            pair = (a[band], b[band] * gain)
            loud = [
                0.1866055
                * (2 * quiet[band]) ** powers[band]
                * ((0.5 + 0.5 * p / quiet[band]) ** powers[band] - 1)
                if p > quiet[band]
                else 0.0
                for p in pair
            ]
            difference = max(abs(loud[1] - loud[0]) - 0.25 * min(loud), 0)
            factor = ((pair[1] + 50) / (pair[0] + 50)) ** 1.2
            squares += (BARKS[band] * difference) ** 2
            added += BARKS[band] * difference * (0 if factor < 3 else min(factor, 12))
        weight = ((total + 1e5) / 1e7) ** -0.04
        symmetric.append(min(math.sqrt(squares * BARKS[1:].sum()) * weight, 45))
        asymmetric.append(min(added * weight, 45))

    def pooled(values: list[float]) -> float:
        values = values + [0.0] * (-len(values) % 10)
        pieces = [
            np.mean(np.array(values[i : i + 20]) ** 6) ** (1 / 6)
            for i in range(0, len(values) - 19, 10)
        ]
        return math.sqrt(np.mean(np.square(pieces)))

    return 0.1 * pooled(symmetric) + 0.0309 * pooled(asymmetric)


def test_the_pesq_like_loss_is_that_of_the_recommendation(speech):
    for estimate in (noisy(speech, -10), 0.3 * speech.roll(40, 1), speech.abs()):
        found = PesqLike()(speech, estimate).item()
        assert found == pytest.approx(
            disturbance(speech[0].double().numpy(), estimate[0].double().numpy()), rel=2e-3
        )


def test_the_stoi_like_loss_is_one_minus_a_correlation(speech):
    """Each segment's bands, then its frames, are normalized; the mean product is what the estimate
    keeps."""
    bands = [(150 * 2 ** (i / 3 - 1 / 6), 150 * 2 ** (i / 3 + 1 / 6)) for i in range(15)]
    hertz = np.arange(257) * 31.25

    def envelopes(wave):
        power = frames(wave, 410, 205, 512, offset=51)
        return np.array(
            [
                [math.sqrt(row[(hertz >= a) & (hertz < b)].sum() + 1e-8) for a, b in bands]
                for row in power
            ]
        )

    def normal(segment, axis):
        centred = segment - segment.mean(axis, keepdims=True)
        return centred / np.sqrt((centred**2).sum(axis, keepdims=True) + 1e-8)

    estimate = noisy(speech, -5)
    wanted, found = (envelopes(wave[0].double().numpy()) for wave in (speech, estimate))
    wanted, found = (np.pad(values, ((0, -len(values) % 3), (0, 0))) for values in (wanted, found))
    total = weights = 0.0
    for start in range(0, len(wanted) - 29, 3):
        x, y = wanted[start : start + 30].T, found[start : start + 30].T
        weight = np.mean(x**2) ** 0.3
        total += weight * (1 - (normal(normal(x, 1), 0) * normal(normal(y, 1), 0)).sum() / 30)
        weights += weight
    assert StoiLike()(speech, estimate).item() == pytest.approx(total / weights, abs=1e-3)


@pytest.mark.parametrize("kind", [PesqLike, StoiLike])
def test_a_perfect_copy_costs_nothing_and_noise_costs_more_and_more(kind, speech):
    measure = kind()
    assert measure(speech, speech).item() == pytest.approx(0, abs=1e-4)
    assert (
        measure(speech, 0.7 * speech).item() < 0.1 * measure(speech, noisy(speech, -30)).item()
    )  # level hardly matters
    errors = [measure(speech, noisy(speech, level)).item() for level in (-30, -20, -10, 0)]
    assert errors == sorted(errors)
    assert errors[-1] > 2 * errors[0]


@pytest.mark.parametrize("kind", [PesqLike, StoiLike])
@pytest.mark.parametrize("place", [slice(0, 160), slice(-160, None)])
def test_every_sample_counts(kind, place, speech):
    """A decoder once hid a burst in the last ten milliseconds, where nothing measured it."""
    burst = speech.clone()
    burst[:, place] += torch.sin(torch.arange(160) * 0.3)
    assert kind()(speech, burst) > kind()(speech, noisy(speech, -40))


def test_what_is_added_is_heard_more_than_what_is_missing(speech):
    """A loud tone where there was none, against taking the tone away again."""
    tone = (
        0.3 * speech.std() * torch.sin(2 * math.pi * 5000 * torch.arange(speech.shape[1]) / 16_000)
    )
    assert PesqLike()(speech, speech + tone) > PesqLike()(speech + tone, speech)


@pytest.mark.parametrize("kind", [PesqLike, StoiLike])
def test_gradients_are_finite_for_silence_clicks_and_copies(kind, speech):
    click = torch.zeros_like(speech)
    click[0, 5000] = 1.0
    batch = [
        (speech, speech),
        (torch.zeros_like(speech), speech),
        (speech, torch.zeros_like(speech)),
        (click, speech),
        (speech, click),
    ]
    for target, estimate in batch:
        guess = estimate.clone().requires_grad_()
        error = kind()(target, guess)
        error.sum().backward()
        assert torch.isfinite(error).all()
        assert torch.isfinite(guess.grad).all()


@pytest.mark.parametrize("kind", [PesqLike, StoiLike])
def test_an_example_stands_alone(kind, speech):
    """The batch around an example changes nothing."""
    other = noisy(speech, 0)
    pair = kind()(torch.cat([speech, other]), torch.cat([other, speech]))
    assert pair[0].item() == pytest.approx(kind()(speech, other).item(), rel=1e-5)
