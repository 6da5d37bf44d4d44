"""Spectral features: the input that units are learned from and that baselines cluster.

All have 100 frames per second, and frame i is centered at (i + 0.5) / 100 s, like the codes that
are scored.
"""

from collections.abc import Hashable, Mapping
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import UnitsError

K = TypeVar("K", bound=Hashable)
Floats = NDArray[np.float32]

SAMPLE_RATE = 16_000
RATE = 100
"""Frames per second."""

HOP = SAMPLE_RATE // RATE
WINDOW = 400
"""25 ms, the standard window of speech recognition."""

TRANSFORM = 512
"""Samples in a Fourier transform; the window is centered in them."""

QUIETEST = 1e-5
"""Smallest mel power: its logarithm is the least value of a log-mel spectrum."""


@np.errstate(all="ignore")  # whatever a caller has set
def log_mel(wave: NDArray[np.floating], bands: int = 40) -> Floats:
    """Natural logarithms of mel power (f, bands) of samples (t,) at 16 kHz, f = t // 160.

    Raises UnitsError for less than one frame.
    """
    import librosa

    frames = len(wave) // HOP
    if not frames:
        raise UnitsError(
            f"{len(wave)} samples at 16 kHz are less than a frame of 10 ms: leave the recording out"
        )
    around = (TRANSFORM - HOP) // 2
    padded = np.pad(np.asarray(wave, np.float32), around)
    power = librosa.feature.melspectrogram(
        y=padded,
        sr=SAMPLE_RATE,
        n_fft=TRANSFORM,
        win_length=WINDOW,
        hop_length=HOP,
        n_mels=bands,
        center=False,
        window="hann",
    )
    return np.log(np.maximum(power.T[:frames], QUIETEST)).astype(np.float32)


@np.errstate(all="ignore")
def mfcc(mel: Floats, count: int = 13) -> Floats:
    """MFCCs with first and second differences, (f, 3 count), of log mel power (f, bands)."""
    import librosa

    cepstra = librosa.feature.mfcc(S=mel.T, n_mfcc=count)
    width = min(9, (len(mel) - 1) // 2 * 2 + 1)
    if width < 3:
        return np.concatenate([cepstra, np.zeros_like(cepstra), np.zeros_like(cepstra)]).T.astype(
            np.float32
        )
    differences = [
        librosa.feature.delta(cepstra, width=width, order=order, mode="nearest") for order in (1, 2)
    ]
    return np.concatenate([cepstra, *differences]).T.astype(np.float32)


def pooled(frames: Floats, factor: int) -> Floats:
    """Means of `factor` successive frames, (f // factor, d): features at a lower rate."""
    count = len(frames) // factor
    return frames[: count * factor].reshape(count, factor, -1).mean(1)


@np.errstate(all="ignore")
def standardized(features: Mapping[K, Floats], owners: Mapping[K, str]) -> dict[K, Floats]:
    """Features (f, d) of each recording with mean 0 and deviation 1 per dimension and speaker.

    owners: the speaker of each recording

    van Niekerk et al. 2021 ("Analyzing speaker information in self-supervised models"): it removes
    most of the speaker information.
    """
    by_speaker: dict[str, list[Floats]] = {}
    for name, rows in features.items():
        by_speaker.setdefault(owners[name], []).append(rows)
    scales = {speaker: _scale(np.concatenate(rows)) for speaker, rows in by_speaker.items()}
    return {
        name: ((rows - scales[owners[name]][0]) / scales[owners[name]][1]).astype(np.float32)
        for name, rows in features.items()
    }


def _scale(rows: Floats) -> tuple[Floats, Floats]:
    """The mean and the standard deviation, 1 where nothing varies."""
    deviation = rows.std(0)
    return rows.mean(0), np.where(deviation > 1e-6, deviation, 1)
