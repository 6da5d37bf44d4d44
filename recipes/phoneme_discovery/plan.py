"""What a discovery learns and compares, from a TOML file."""

from dataclasses import dataclass, field
from pathlib import Path

from recipes.phoneme_discovery.models.autoencoder import AutoencoderConfig
from recipes.phoneme_discovery.models.contrast import ContrastConfig
from recipes.phoneme_discovery.models.learning import Optim
from recipes.phoneme_discovery.models.predictor import RATE, PredictorConfig
from speechvq.config import read, require


@dataclass(frozen=True)
class Book:
    """Codes to compare: how many there are, and how many a second."""

    size: int
    rate: int

    def __post_init__(self) -> None:
        require(self.size > 1, f"size must be 2 or more, not {self.size}")
        require(
            self.rate in (RATE // 2, RATE), f"rate must be {RATE // 2} or {RATE}, not {self.rate}"
        )


@dataclass(frozen=True)
class Round:
    """A predictor learned from nothing: steps, and how many clusters it predicts, in each of several sets.

    The clusters of the first round are of MFCCs, those of others of what a codebook of the predictor
    before has made.
    """

    steps: int
    clusters: tuple[int, ...]

    def __post_init__(self) -> None:
        require(self.steps > 0, f"steps must be positive, not {self.steps}")
        require(
            bool(self.clusters) and min(self.clusters) > 1,
            f"clusters must be numbers above 1, not {list(self.clusters)}",
        )


@dataclass(frozen=True)
class Plan:
    """A discovery.

    books: which codes are compared; the first is shown in pictures
    share, span: how much of the frames at 50 Hz are hidden from a predictor, and in spans of how
      many
    codebook: whose features are clustered, from 0
    commitment: the VQ-VAE's beta
    components: principal components of the features that are kept
    """

    books: tuple[Book, ...]
    rounds: tuple[Round, ...]
    prediction: Optim
    autoencoding: Optim
    predictor: PredictorConfig = field(default_factory=PredictorConfig)
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    contrasting: Optim = field(default_factory=lambda: Optim(steps=1000, batch=16, seconds=2.0))
    contrast: ContrastConfig = field(default_factory=ContrastConfig)
    share: float = 0.5
    span: int = 10
    codebook: int = 1
    commitment: float = 0.25
    components: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        require(
            bool(self.books) and bool(self.rounds),
            "books and rounds must not be empty",
        )
        require(0 < self.share < 1, f"share must be between 0 and 1, not {self.share}")
        require(self.span > 0, f"span must be positive, not {self.span}")
        require(
            0 <= self.codebook < self.predictor.depth,
            f"codebook must be from 0 to {self.predictor.depth - 1}, not {self.codebook}",
        )
        require(self.components > 0, f"components must be positive, not {self.components}")


def read_plan(path: Path) -> Plan:
    """Read a plan. Raises ConfigError naming the file and the field."""
    return read(Plan, path)
