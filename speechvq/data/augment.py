"""Augmentation: random changes of training examples.

The codec carries them and does not undo them: the changed example is also the target.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechvq.config import require
from speechvq.errors import shown

Crops = NDArray[np.float32]
"""Crops (n, t) of one example: they are changed alike, as if recorded together."""

BUMPS = 6
"""How many cosines a random frequency response is made of."""
LOWEST, HIGHEST = (20.0, 300.0), (2000.0, 7000.0)
"""From where to where the edges of a limited band are drawn, in Hz."""


@dataclass(frozen=True)
class Augmentation:
    """What happens to examples, besides the gain.

    noise: probability that another recording is mixed in
    noise_db: range of the ratio of speech to what is mixed in
    filter_db: standard deviation of a random smooth frequency response
    band_limit: probability that only a band is left, from an edge of 20 to 300 Hz to one of 2 to 7
      kHz
    """

    noise: float = 0.0
    noise_db: tuple[float, ...] = (5.0, 25.0)
    filter_db: float = 0.0
    band_limit: float = 0.0

    def __post_init__(self) -> None:
        for name in ("noise", "band_limit"):
            require(
                0 <= getattr(self, name) <= 1,
                f"{name} is a probability, 0 to 1, not {getattr(self, name)}",
            )
        require(
            self.filter_db >= 0,
            f"filter_db must not be negative, not {self.filter_db}",
        )
        require(
            len(self.noise_db) == 2 and self.noise_db[0] <= self.noise_db[1],
            f"noise_db must be two rising numbers, not {shown(list(self.noise_db))}",
        )

    def __call__(
        self, crops: Crops, noise: Crops, sample_rate: int, random: np.random.Generator
    ) -> Crops:
        """Crops (n, t) of an example, changed; noise (n, t) is what is mixed in."""
        if random.random() < self.noise:
            ratio = 10 ** (-random.uniform(self.noise_db[0], self.noise_db[1]) / 20)
            crops = (
                crops + noise * (ratio * _strength(crops) / max(1e-5, _strength(noise)))
            ).astype(np.float32)
        response = np.ones(crops.shape[-1] // 2 + 1)
        if self.filter_db:
            response = response * 10 ** (smooth(len(response), random) * self.filter_db / 20)
        if random.random() < self.band_limit:
            frequencies = np.linspace(0, sample_rate / 2, len(response))
            low, high = (
                np.exp(random.uniform(*np.log(LOWEST))),
                np.exp(random.uniform(*np.log(HIGHEST))),
            )
            response = (
                response
                / np.sqrt(1 + (low / np.maximum(frequencies, 1e-3)) ** 8)
                / np.sqrt(1 + (frequencies / high) ** 16)
            )
        if not (self.filter_db or self.band_limit):
            return crops
        return np.fft.irfft(np.fft.rfft(crops) * response, crops.shape[-1]).astype(np.float32)


def smooth(count: int, random: np.random.Generator) -> NDArray[np.float64]:
    """A random curve (count,) of unit deviation: cosines over the square root of frequency."""
    place = np.sqrt(np.linspace(0, 1, count))
    waves = np.cos(np.pi * np.arange(1, BUMPS + 1)[:, None] * place)
    return (random.normal(size=BUMPS) * np.sqrt(2 / BUMPS)) @ waves


def _strength(wave: Crops) -> float:
    return float(np.sqrt(np.mean(np.square(wave, dtype=np.float64))))
