"""The experiment: everything the training of a prior depends on, as one TOML file."""

from dataclasses import dataclass, field
from pathlib import Path

import tomli_w

from speechvq.config import read, require, to_dict, within
from speechvq.data.split import HeldOut
from speechvq.errors import ConfigError, shown
from speechvq.output import new_file
from speechvq.prior.network import PriorConfig


@dataclass(frozen=True)
class PriorData:
    """What a prior is trained on.

    held_out: how much speech is held out, of which voices (see `speechvq.data.split`)
    longest: longer recordings are cut into chunks of this many codes of the coarsest codebook
    measured: how many held-out chunks are measured during training, at most
    conditioning_dropout: the fraction of the examples that are not conditioned on the speaker
      embedding
    """

    held_out: HeldOut = field(default_factory=HeldOut)
    longest: int = 400
    measured: int = 400
    conditioning_dropout: float = 0.2

    def __post_init__(self) -> None:
        require(self.held_out.minutes > 0, "held_out.minutes must be above 0")
        require(
            0 <= self.conditioning_dropout <= 1,
            f"conditioning_dropout must be between 0 and 1, not {self.conditioning_dropout}",
        )
        within(self, range(1, 1 << 16), "longest")
        within(self, range(1, 1 << 20), "measured")


@dataclass(frozen=True)
class PriorOptim:
    """AdamW and its schedule; names as in `speechvq.train.codec.config.OptimConfig`.

    batch: recordings per step, over all devices
    """

    steps: int
    batch: int = 16
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    warmup: int = 200
    decay: float = 0.5
    grad_clip: float = 1.0
    ema_decay: float = 0.99

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "learning_rate", "grad_clip"):
            require(getattr(self, name) > 0, f"{name} must be positive, not {getattr(self, name)}")
        within(self, range(1, 1 << 12), "batch")
        for name in ("warmup", "weight_decay"):
            require(
                getattr(self, name) >= 0,
                f"{name} must not be negative, but is {getattr(self, name)}",
            )
        require(0 <= self.decay <= 1, f"decay must be between 0 and 1, not {self.decay}")
        require(0 < self.ema_decay < 1, f"ema_decay must be between 0 and 1, not {self.ema_decay}")


@dataclass(frozen=True)
class PriorRun:
    """How often things happen, in steps, and where results go."""

    folder: str = "runs/prior"
    log_every: int = 50
    validate_every: int = 500
    save_every: int = 250
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("log_every", "validate_every", "save_every"):
            require(getattr(self, name) > 0, f"{name} must be positive, not {getattr(self, name)}")
        require(self.seed >= 0, f"seed must not be negative, but is {self.seed}")


@dataclass(frozen=True)
class PriorExperiment:
    """The training run of a prior.

    speaker: whether the prior is conditioned on the speaker embedding
    """

    name: str
    optim: PriorOptim
    speaker: bool = True
    prior: PriorConfig = field(default_factory=PriorConfig)
    data: PriorData = field(default_factory=PriorData)
    run: PriorRun = field(default_factory=PriorRun)

    def __post_init__(self) -> None:
        fits = self.name.isprintable() and 0 < len(self.name.encode()) <= 16
        require(fits, f"name must have 1 to 16 printable letters, not {shown(self.name)}")


def read_prior_experiment(path: str | Path) -> PriorExperiment:
    """Read an experiment from TOML. Raises ConfigError naming the file and the field."""
    return read(PriorExperiment, path)


def write_prior_experiment(path: Path, experiment: PriorExperiment) -> None:
    """Write the resolved experiment as TOML, every default spelled out. Raises OutputError.

    A file that says the same already, perhaps with comments, stays.
    """
    try:
        if path.exists() and read_prior_experiment(path) == experiment:
            return
    except ConfigError:
        pass  # of another version, or damaged
    with new_file(path, force=True) as file:
        file.write(tomli_w.dumps(to_dict(experiment)).encode())
