"""The configuration of a run of the recipe, from a TOML file."""

from dataclasses import dataclass, field
from pathlib import Path

from recipes.vqvae2017.system import HOP, SystemConfig
from speechvq.config import read, require
from speechvq.data.split import HeldOut

SAMPLE_RATE = 16_000


@dataclass(frozen=True)
class Optim:
    """AdamW and its schedule; names as in the codec's `OptimConfig`.

    commitment: the paper's beta
    """

    steps: int
    batch: int = 4
    learning_rate: float = 1e-3
    warmup: int = 200
    decay: float = 0.4
    grad_clip: float = 1.0
    ema_decay: float = 0.99
    commitment: float = 0.25
    reset_every: int = 100

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "learning_rate", "grad_clip", "reset_every"):
            require(getattr(self, name) > 0, f"{name} must be positive, not {getattr(self, name)}")
        for name in ("warmup", "commitment"):
            require(
                getattr(self, name) >= 0,
                f"{name} must not be negative, not {getattr(self, name)}",
            )
        require(0 <= self.decay <= 1, f"decay must be between 0 and 1, not {self.decay}")
        require(0 < self.ema_decay < 1, f"ema_decay must be between 0 and 1, not {self.ema_decay}")


@dataclass(frozen=True)
class Plan:
    """A system and its training.

    crop: length of the training crops in seconds
    held_out: which speech is held out, for evaluation
    conditioning_dropout: fraction of the examples whose speaker is unknown to the decoder
    """

    optim: Optim
    system: SystemConfig = field(default_factory=SystemConfig)
    crop: float = 0.512
    held_out: HeldOut = field(default_factory=HeldOut)
    conditioning_dropout: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        require(
            self.samples > 0, f"crop must be at least {HOP / SAMPLE_RATE} seconds, not {self.crop}"
        )
        require(
            0 <= self.conditioning_dropout <= 1,
            f"conditioning_dropout must be between 0 and 1, not {self.conditioning_dropout}",
        )

    @property
    def samples(self) -> int:
        """Samples of a crop, a multiple of HOP."""
        return int(self.crop * SAMPLE_RATE) // HOP * HOP


def read_plan(path: Path) -> Plan:
    """Read a plan. Raises ConfigError naming the file and the field."""
    return read(Plan, path)
