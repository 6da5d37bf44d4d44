"""Speaker similarity: cosines of Resemblyzer embeddings (GE2E, Wan et al. 2018)."""

import warnings

import numpy as np
from numpy.typing import NDArray

from speechvq.audio.reading import Wave
from speechvq.extras import needed

Embedding = NDArray[np.float32]
"""A unit vector (256,)."""


class SpeakerEncoder:
    """Embeds waveforms with Resemblyzer's encoder, on the CPU. Raises MissingExtra."""

    def __init__(self) -> None:
        with needed("the evaluation", "eval"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # its webrtcvad imports pkg_resources
            from resemblyzer import (  # pyright: ignore[reportMissingImports]
                VoiceEncoder,
                preprocess_wav,
            )
        self._encoder, self._preprocess = VoiceEncoder("cpu", verbose=False), preprocess_wav

    def __call__(self, wave: Wave, rate: int) -> Embedding | None:
        """The embedding of a waveform (t,); None where voice activity detection finds no speech."""
        speech = self._preprocess(wave, source_sr=rate)
        return self._encoder.embed_utterance(speech) if len(speech) else None


def centroid(embeddings: list[Embedding]) -> Embedding:
    """The mean of embeddings, scaled to a unit vector."""
    mean = np.mean(embeddings, axis=0)
    return mean / np.linalg.norm(mean)


def self_similarity(embeddings: list[Embedding]) -> float:
    """Mean cosine of each embedding with the centroid of the others.

    This is what a perfect imitation of the speaker could reach.
    """
    cosines = [
        embedding @ centroid(embeddings[:i] + embeddings[i + 1 :])
        for i, embedding in enumerate(embeddings)
    ]
    return float(np.mean(cosines))
