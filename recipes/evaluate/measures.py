"""The quality of decoded speech beside the recording: PESQ-WB, STOI, ESTOI and mel distance.

    PESQ-WB  ITU-T P.862.2, from 1.04 to 4.64, by the package pesq
    STOI     Taal et al. 2011, by the package pystoi
    ESTOI    its extended form, Jensen and Taal 2016, by pystoi
    mel      mean absolute difference of log10 power in 80 mel bands

All are of 16 kHz waveforms. A measure that cannot be computed is NaN and never counts as a score.
"""

import sys
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from speechvq.audio.reading import Wave
from speechvq.errors import MissingExtra
from speechvq.extras import needed

RATE = 16_000


def pesq_wb(reference: Wave, decoded: Wave) -> float:
    """Wide-band PESQ. Raises MissingExtra."""
    with needed("the evaluation", "eval"):
        from pesq import pesq  # pyright: ignore[reportMissingImports]
    return pesq(RATE, reference, decoded, "wb")


def stoi(reference: Wave, decoded: Wave, *, extended: bool = False) -> float:
    """STOI, or its extended form. Raises MissingExtra."""
    with needed("the evaluation", "eval"):
        from pystoi import stoi  # pyright: ignore[reportMissingImports]
    return stoi(reference, decoded, RATE, extended=extended)


def mel_distance(reference: Wave, decoded: Wave) -> float:
    """Mean absolute difference of `log_mel`."""
    return float(np.abs(log_mel(reference) - log_mel(decoded)).mean())


MEASURES: dict[str, Callable[[Wave, Wave], float]] = {
    "PESQ-WB": pesq_wb,
    "STOI": stoi,
    "ESTOI": lambda reference, decoded: stoi(reference, decoded, extended=True),
    "mel": mel_distance,
}
NAMES = tuple(MEASURES)


def scores(reference: Wave, decoded: Wave) -> dict[str, float]:
    """Every measure by name; NaN for those that failed, with the reason on standard error.

    Raises MissingExtra where a measure's package is not installed.
    """
    values = {}
    for name, measure in MEASURES.items():
        try:
            with warnings.catch_warnings():
                # pystoi returns 1e-5 with a warning where the speech is too short
                warnings.simplefilter("error", RuntimeWarning)
                values[name] = float(measure(reference, decoded))
        except MissingExtra:
            raise
        except Exception as failure:  # noqa: BLE001 - the caller counts failures of any kind
            print(f"{name} failed: {str(failure) or type(failure).__name__}", file=sys.stderr)
            values[name] = float("nan")
    return values


def log_mel(wave: Wave) -> NDArray[np.float32]:
    """log10 of the power in 80 mel bands, at least 1e-5: waveform (t,) to (80, f)."""
    import librosa

    power = librosa.feature.melspectrogram(
        y=wave.astype(np.float32), sr=RATE, n_fft=1024, hop_length=256, n_mels=80
    )
    return np.log10(np.maximum(power, 1e-5))
