"""The sounds and the plan of a small discovery."""

import numpy as np

from tests.helpers.unit_corpus import PHONES

RATE = 16_000
PLAN = """
codebooks = [{ size = 8, rate = 25 }, { size = 16, rate = 50 }]
iterations = [{ steps = 3, clusters = [8] }, { steps = 2, clusters = [4, 8] }]
components = 6
[predictor]
width = 16
depth = 2
heads = 2
reach = 5
[prediction]
batch = 2
seconds = 0.64
[autoencoder]
width = 16
dimensions = 4
speaker = 4
[autoencoding]
steps = 3
batch = 4
seconds = 0.32
[contrast]
width = 16
dimensions = 4
[contrasting]
steps = 2
batch = 2
seconds = 0.32
"""


def wave_of(recording, labels, pitch):
    """The samples of phones: silence, hiss, or a tone per vowel, with the speaker's pitch below."""
    random = np.random.default_rng(pitch)
    times = np.arange(RATE // 25) / RATE
    sounds = {"a": np.sin(2 * np.pi * 900 * times), "u": np.sin(2 * np.pi * 350 * times)}
    sounds |= {"k": 0 * times, "s": random.normal(0, 0.5, len(times))}
    hum = 0.2 * np.sin(2 * np.pi * pitch * times)
    pieces = [
        sounds[PHONES[label]] + hum if label else 0 * times for label in labels[recording.name]
    ]
    return (0.2 * np.concatenate(pieces) + random.normal(0, 1e-3, len(pieces) * len(times))).astype(
        np.float32
    )
