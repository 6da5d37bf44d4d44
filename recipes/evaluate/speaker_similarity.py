"""Whose voice a recording sounds like: Resemblyzer's embeddings (Wan et al. 2018), unit vectors compared by their cosine."""

import sys
import warnings

import numpy as np
from numpy.typing import NDArray

from speechvq.audio.files import Wave

try:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its webrtcvad still asks for pkg_resources
        from resemblyzer import VoiceEncoder, preprocess_wav
except ModuleNotFoundError as error:
    sys.exit(f"comparing voices needs {error.name}: pip install 'speechvq[eval]'")

Embedding = NDArray[np.float32]


class Ear:
    """Embeds waveforms with Resemblyzer's encoder, on the CPU."""

    def __init__(self) -> None:
        self.encoder = VoiceEncoder("cpu", verbose=False)

    def __call__(self, wave: Wave, rate: int) -> Embedding | None:
        """The embedding of a waveform (t,), or None where its voice activity detection hears no speech."""
        speech = preprocess_wav(wave, source_sr=rate)
        return self.encoder.embed_utterance(speech) if len(speech) else None


def middle(embeddings: list[Embedding]) -> Embedding:
    """Their mean, scaled to a unit vector."""
    mean = np.mean(embeddings, axis=0)
    return mean / np.linalg.norm(mean)


def agreement(embeddings: list[Embedding]) -> float:
    """Mean cosine of each embedding with the middle of the others: what a perfect imitation could reach."""
    others = [middle(embeddings[:i] + embeddings[i + 1 :]) for i in range(len(embeddings))]
    return float(np.mean([one @ other for one, other in zip(embeddings, others, strict=True)]))
