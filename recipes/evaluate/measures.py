"""How close decoded speech is to the recording: PESQ wide band, STOI, ESTOI and mel distance, at 16 kHz.

    pesq    ITU-T P.862.2, -0.5 to 4.64, by the package pesq
    stoi    Taal et al. 2011, and its extended form (Jensen and Taal 2016), by pystoi
    mel     mean absolute difference of log10 power in 80 mel bands

A measure that cannot be computed is NaN and never counts as a score.
"""

import sys
import warnings

import numpy as np
from numpy.typing import NDArray

from speechvq.audio.files import Wave

try:
    import librosa
    from pesq import pesq
    from pystoi import stoi
except ModuleNotFoundError as error:
    sys.exit(f"measuring needs {error.name}: pip install 'speechvq[eval]'")

RATE = 16_000
NAMES = ("PESQ-WB", "STOI", "ESTOI", "mel")


def scores(reference: Wave, decoded: Wave) -> dict[str, float]:
    """Every measure by name; NaN for those that failed, with the reason on standard error."""
    computations = {
        "PESQ-WB": lambda: pesq(RATE, reference, decoded, "wb"),
        "STOI": lambda: stoi(reference, decoded, RATE),
        "ESTOI": lambda: stoi(reference, decoded, RATE, extended=True),
        "mel": lambda: np.abs(log_mel(reference) - log_mel(decoded)).mean(),
    }
    found = {}
    for name, compute in computations.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter(
                    "error", RuntimeWarning
                )  # pystoi gives 1e-5 with a warning when it has too little
                found[name] = float(compute())
        except Exception as failure:  # noqa: BLE001 - whatever a measure stumbles over is counted by the caller
            print(f"{name} failed: {str(failure) or type(failure).__name__}", file=sys.stderr)
            found[name] = float("nan")
    return found


def log_mel(wave: Wave) -> NDArray[np.float32]:
    """log10 of the power in 80 mel bands (80, f), floored at 1e-5."""
    power = librosa.feature.melspectrogram(
        y=wave.astype(np.float32), sr=RATE, n_fft=1024, hop_length=256, n_mels=80
    )
    return np.log10(np.maximum(power, 1e-5))
