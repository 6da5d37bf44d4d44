"""A run of the study: the base and the variants of `study.toml`."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from recipes.ablation import variant_names, variant_table
from speechvq.config import parse, require
from speechvq.errors import ConfigError, shown
from speechvq.nn.encoder import StageConfig
from speechvq.quantize.config import LevelConfig

STUDY = Path(__file__).with_name("study.toml")


@dataclass(frozen=True)
class Speech:
    """The speech: a manifest, a folder for packed audio, and how many minutes are held out."""

    manifest: Path
    cache: Path
    held_out: float = 20.0


@dataclass(frozen=True)
class Variant:
    """Everything a run depends on but its seed.

    learning_rate, decay, warmup, grad_clip, codebook_init, reset_every: as in `OptimConfig` of the
      codec, but 0 for `reset_every` never resets
    seconds: length of a training example
    bands: of the log-mel spectrogram, 100 frames a second
    levels: coarse to fine; encoder: stages fine to coarse; decoder: stages coarse to fine
    state: width of what the top-down path has decoded
    commitment, codebook: weights of these terms, as of means over all numbers beside the mean
      squared error (VQ-VAE's beta)
    temperature: first and last, falling exponentially over the first half of the steps
    draws: of every example, where the objective is VIMCO
    kmeans_frames: frames in one vector of k-means, which takes the place of the network; 0 is the
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
    learning_rate: float = 1e-3
    decay: float = 0.5
    warmup: int = 100
    grad_clip: float = 1.0
    commitment: float = 0.25
    codebook: float = 1.0
    temperature: tuple[float, ...] = (1.0, 0.7)
    codebook_init: Literal["random", "kmeans"] = "kmeans"
    reset_every: int = 100
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
            "learning_rate",
            "grad_clip",
        ):
            require(getattr(self, name) > 0, f"{name} must be positive, not {getattr(self, name)}")
        for name in ("reset_every", "kmeans_frames", "commitment", "codebook"):
            require(
                getattr(self, name) >= 0,
                f"{name} must not be negative, but is {getattr(self, name)}",
            )
        require(
            self.decay <= 1, f"decay, a fraction of the steps, must be at most 1, not {self.decay}"
        )
        require(self.draws >= 2, f"draws must be at least 2, not {self.draws}")
        require(
            len(self.temperature) == 2 and min(self.temperature) > 0,
            f"temperature must be two positive numbers, not {shown(list(self.temperature))}",
        )
        stages = [level.stage for level in self.levels]
        require(
            bool(stages)
            and max(stages) < len(self.encoder)
            and min(stages) >= 0
            and stages == sorted(set(stages), reverse=True),
            f"levels: stages must be between 0 and {len(self.encoder) - 1} and fall from level to "
            f"level, not {stages}",
        )
        down = math.prod(stage.stride for stage in self.encoder[: stages[-1] + 1])
        up = math.prod(stage.stride for stage in self.decoder)
        require(
            up == down,
            f"decoder: strides must multiply to {down}, from the finest level to the frames, not "
            f"to {up}",
        )
        kinds = {level.quantizer.kind for level in self.levels}
        require(
            len(kinds) == 1,
            f"levels: quantizers must all be of one kind, not {', '.join(sorted(kinds))}",
        )
        rates = 2 if self.kind == "joint" else 0
        require(
            len(self.capacity) == rates,
            f"capacity must be {rates} numbers for {self.kind}, not {shown(list(self.capacity))}",
        )
        require(
            self.kind != "joint" or len(self.levels) == 1,
            f"levels of kind joint must be 1, not {len(self.levels)}: its capacity has two rates",
        )

    @property
    def kind(self) -> str:
        """The kind of quantizer of all levels."""
        return self.levels[0].quantizer.kind

    @property
    def draws_in_training(self) -> str:
        """What a training pass samples: "none", "relaxed" or "exact" draws."""
        return self.levels[0].quantizer.draws


def variant(name: str) -> Variant:
    """A variant by name.

    Raises ConfigError naming the variant and the field when it cannot exist.
    """
    try:
        return parse(Variant, variant_table(STUDY, name))
    except ConfigError as error:
        raise ConfigError(f"variant {name}: {error}") from error


def names() -> list[str]:
    """All variants there are, in alphabetical order."""
    return sorted(variant_names(STUDY))
