"""Published bit rates and ABX errors of other systems, for comparison.

From the leaderboard of the ZeroSpeech Challenge 2019 ("TTS without T", Dunbar et al. 2019 and
2020), English, test set, across speakers, as kept in github.com/zerospeech/leaderboard-archive,
commit 26189a4 of 2023-05-26. Each team chose its distance; all systems here were scored by DTW with
cosine distance. Hou20a (42.5 % at 245 bit/s) is left out because of its Levenshtein distance.
"""

from typing import NamedTuple

SOURCE = (
    "ZeroSpeech 2019 leaderboard, English test set, across speakers "
    "(zerospeech/leaderboard-archive, commit 26189a4)"
)


class Published(NamedTuple):
    """A system: key on the leaderboard, description, bits per second, ABX error rate (0 to 1)."""

    key: str
    system: str
    bitrate: float
    abx: float


ZEROSPEECH_2019 = (
    Published("Liu20", "VQ-VAE with deep convolutions (DoConv)", 408, 0.1335),
    Published("Nie20a", "VQ-CPC, 512 codes at 50 Hz", 421, 0.1344),
    Published("Nie20b", "VQ-VAE with WaveRNN, 512 codes at 50 Hz", 412, 0.1404),
    Published(
        "Che20a", "WaveNet autoencoder at 25 Hz, instance norm, speaker encoder", 386, 0.2019
    ),
    Published("Cho19b", "VQ-VAE with WaveNet", 158, 0.2025),
    Published("Tja20b", "VQ-VAE, residual convolutions and Transformer", 167, 0.2071),
    Published("Tja19b", "VQ-VAE, 256 codes, MFCC, a code for 4 frames", 184, 0.2417),
    Published("Tja19a", "VQ-VAE, 256 codes, MFCC, a code for 2 frames", 349, 0.2438),
    Published("Che20b", "WaveNet autoencoder at 25 Hz, decomposed VQ", 377, 0.2606),
    Published("Kam19b", "convolutions and FFTNet, a code for 4 frames", 173, 0.2764),
    Published("topline", "speech recognizer (Kaldi) and synthesis (Merlin)", 38, 0.2985),
    Published("Lum20b", "CycleVQVAE", 468, 0.3054),
    Published("Kam19a", "convolutions and FFTNet, a code for 8 frames", 88, 0.3078),
    Published("baseline", "Dirichlet process mixture and synthesis (Merlin)", 72, 0.3563),
    Published("Lum20a", "CycleVAE, continuous", 1740, 0.3629),
)
