"""The plan of a discovery: which networks and codebooks it has, from a TOML file."""

from dataclasses import dataclass, field
from pathlib import Path

from recipes.phoneme_discovery.models.autoencoder import AutoencoderConfig
from recipes.phoneme_discovery.models.contrast import ContrastConfig
from recipes.phoneme_discovery.models.learning import Optim
from recipes.phoneme_discovery.models.predictor import RATE, PredictorConfig
from speechvq.config import read, require
from speechvq.errors import shown


@dataclass(frozen=True)
class CodebookSettings:
    """Codebooks to compare: `size`, the number of codes, and `rate`, codes per second."""

    size: int
    rate: int

    def __post_init__(self) -> None:
        require(self.size > 1, f"size must be 2 or more, not {self.size}")
        require(
            self.rate in (RATE // 2, RATE), f"rate must be {RATE // 2} or {RATE}, not {self.rate}"
        )


@dataclass(frozen=True)
class Iteration:
    """An iteration of masked prediction: a new predictor, trained on better clusters.

    steps: of training
    clusters: number of clusters in each of several sets that are predicted; those of the first
        iteration are of MFCCs, those of later ones of a layer of the predictor before
    """

    steps: int
    clusters: tuple[int, ...]

    def __post_init__(self) -> None:
        require(self.steps > 0, f"steps must be positive, not {self.steps}")
        require(
            bool(self.clusters) and min(self.clusters) > 1,
            f"clusters must be numbers above 1, not {shown(list(self.clusters))}",
        )


@dataclass(frozen=True)
class Plan:
    """A discovery.

    codebooks: the settings that are compared; pictures show the first
    mask_share, mask_span: share of frames at 50 Hz that are masked, and frames in a masked span
    layer: of the predictor, from 0, whose features are clustered
    commitment: the VQ-VAE's beta
    components: number of principal components of the features
    """

    codebooks: tuple[CodebookSettings, ...]
    iterations: tuple[Iteration, ...]
    prediction: Optim
    autoencoding: Optim
    predictor: PredictorConfig = field(default_factory=PredictorConfig)
    autoencoder: AutoencoderConfig = field(default_factory=AutoencoderConfig)
    contrasting: Optim = field(default_factory=lambda: Optim(steps=1000, batch=16, seconds=2.0))
    contrast: ContrastConfig = field(default_factory=ContrastConfig)
    mask_share: float = 0.5
    mask_span: int = 10
    layer: int = 1
    commitment: float = 0.25
    components: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        require(
            bool(self.codebooks) and bool(self.iterations),
            "codebooks and iterations must not be empty",
        )
        require(
            0 < self.mask_share < 1, f"mask_share must be between 0 and 1, not {self.mask_share}"
        )
        require(self.mask_span > 0, f"mask_span must be positive, not {self.mask_span}")
        require(
            0 <= self.layer < self.predictor.depth,
            f"layer must be from 0 to {self.predictor.depth - 1}, not {self.layer}",
        )
        require(self.components > 0, f"components must be positive, not {self.components}")


def read_plan(path: Path) -> Plan:
    """Read a plan. Raises ConfigError with the file and the field."""
    return read(Plan, path)
