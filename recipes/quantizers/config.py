"""A run of the study: one base file, and variants that change a few lines of it."""

import math
import tomllib
from dataclasses import dataclass
from pathlib import Path

from speechvq.config import parse, require
from speechvq.errors import ConfigError
from speechvq.nn.encoder import StageConfig
from speechvq.quantize.config import LevelConfig

BASE = Path(__file__).with_name("base.toml")
VARIANTS = Path(__file__).with_name("variants")


@dataclass(frozen=True)
class Speech:
    """What is trained on: a manifest, a folder for the packed audio, and how many speakers are kept for validation."""

    manifest: Path
    cache: Path
    held_out: int = 12


@dataclass(frozen=True)
class Variant:
    """Everything a run depends on but its seed.

    seconds: length of a training example
    bands: of the log-mel spectrogram, 100 frames a second
    levels: coarse to fine; encoder: stages fine to coarse; decoder: stages coarse to fine
    state: width of what the top-down path has decoded
    commitment, codebook: weights of these terms, as of means over all numbers beside the mean
      squared error (VQ-VAE's beta)
    temperature: first and last, falling exponentially over the first half of the steps
    start: codebooks are at first "random" or "kmeans" centres
    revive_every: steps after which codewords nobody chose are moved; 0 never
    draws: of every example, where the objective is VIMCO
    kmeans_frames: k-means on so many frames put together, in the place of the network; 0 is the
      network
    capacity: for each rate of JointVAE, its target at the end in bits per second; it grows from 0
      over the first half
    capacity_strength: how strictly it is held there
    """

    levels: tuple[LevelConfig, ...]
    encoder: tuple[StageConfig, ...]
    decoder: tuple[StageConfig, ...]
    steps: int
    batch: int
    seconds: float = 1.28
    bands: int = 80
    state: int = 128
    rate: float = 1e-3
    decay: float = 0.5
    warmup: int = 100
    clip: float = 1.0
    commitment: float = 0.25
    codebook: float = 1.0
    temperature: tuple[float, ...] = (1.0, 0.7)
    start: str = "kmeans"
    revive_every: int = 100
    draws: int = 8
    kmeans_frames: int = 0
    capacity: tuple[float, ...] = ()
    capacity_strength: float = 30.0

    def __post_init__(self) -> None:
        for name in (
            "steps",
            "batch",
            "warmup",
            "seconds",
            "decay",
            "bands",
            "state",
            "rate",
            "clip",
        ):
            require(getattr(self, name) > 0, f"{name} must be positive, not {getattr(self, name)}")
        for name in ("revive_every", "kmeans_frames", "commitment", "codebook"):
            require(
                getattr(self, name) >= 0,
                f"{name} must not be negative, but is {getattr(self, name)}",
            )
        require(
            self.decay <= 1, f"decay, a share of the steps, must be at most 1, not {self.decay}"
        )
        require(
            self.start in ("random", "kmeans"),
            f"start must be random or kmeans, not {self.start!r}",
        )
        require(self.draws >= 2, f"draws must be at least 2, not {self.draws}")
        require(
            len(self.temperature) == 2 and min(self.temperature) > 0,
            f"temperature must be two positive numbers, not {list(self.temperature)}",
        )
        stages = [level.stage for level in self.levels]
        require(
            bool(stages)
            and max(stages) < len(self.encoder)
            and min(stages) >= 0
            and stages == sorted(set(stages), reverse=True),
            f"levels.stage must be between 0 and {len(self.encoder) - 1} and fall from level to "
            f"level, not {stages}",
        )
        down = math.prod(stage.stride for stage in self.encoder[: stages[-1] + 1])
        up = math.prod(stage.stride for stage in self.decoder)
        require(
            up == down,
            f"decoder strides must multiply to {down}, from the finest level to the frames, not "
            f"to {up}",
        )
        kinds = {level.quantizer for level in self.levels}
        require(
            len(kinds) == 1,
            "levels.quantizer must be the same for all levels here, not "
            f"{', '.join(sorted(kinds))}",
        )
        wanted = 2 if self.kind == "joint" else 0
        require(
            len(self.capacity) == wanted,
            f"capacity of {self.kind!r} must be {wanted} numbers, not {list(self.capacity)}",
        )
        require(
            self.kind != "joint" or len(self.levels) == 1,
            "levels of 'joint' must be 1: its capacity has two rates",
        )

    @property
    def kind(self) -> str:
        """The quantizer of all levels."""
        return self.levels[0].quantizer


def variant(name: str) -> Variant:
    """A variant by name: the base file, with what `variants/NAME.toml` changes. Raises ConfigError naming file and field."""
    path = VARIANTS / f"{name}.toml"
    try:
        values = tomllib.loads(BASE.read_text(encoding="utf-8")) | tomllib.loads(
            path.read_text(encoding="utf-8")
        )
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"cannot read {path}: {error}; variants are {', '.join(names())}"
        ) from error
    try:
        return parse(Variant, values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def names() -> list[str]:
    """All variants there are."""
    return sorted(path.stem for path in VARIANTS.glob("*.toml"))
