"""The experiment: everything a training run depends on, as one TOML file."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import tomli_w

from speechvq.codec.config import CodecConfig
from speechvq.config import read, require, to_dict
from speechvq.data.augment import Augmentation
from speechvq.data.split import HeldOut
from speechvq.errors import ConfigError, shown
from speechvq.limits import BATCH_SAMPLES
from speechvq.losses.discriminators import DiscriminatorsConfig
from speechvq.losses.mel import MelConfig
from speechvq.losses.pesq_like import SAMPLE_RATE, PesqLike
from speechvq.losses.phase import PhaseConfig
from speechvq.losses.stoi_like import StoiLike
from speechvq.output import new_file
from speechvq.train.optimizer import PARTS


@dataclass(frozen=True)
class DataConfig:
    """What is trained on.

    manifest: path of the manifest, relative to the working directory
    held_out: how much speech is held out, of which speakers (see `speechvq.data.split`)
    validation_files: how many held-out files are used; None: all
    validation_seconds: how much of each is used, from its beginning
    crop: seconds of a training example
    references: further crops of the same voice that the reference encoder sees
    gain_db: range of the random gain
    augment: further random changes of examples (`speechvq.data.augment`)
    cache: folder for the packed audio
    """

    manifest: str
    held_out: HeldOut = field(default_factory=HeldOut)
    validation_files: int | None = None
    validation_seconds: float = 20.0
    crop: float = 1.0
    references: int = 2
    gain_db: tuple[float, ...] = (-12.0, 6.0)
    augment: Augmentation | None = None
    cache: str = "runs/cache"

    def __post_init__(self) -> None:
        require(
            self.validation_files is None or self.validation_files > 0,
            f"validation_files must be positive, not {self.validation_files}",
        )
        require(
            1 <= self.validation_seconds <= 3600,
            f"validation_seconds must be at least 1, up to an hour, not {self.validation_seconds}",
        )
        require(self.crop >= 0.01, f"crop must be positive, at least 0.01 s, not {self.crop}")
        require(self.references > 0, f"references must be at least 1, not {self.references}")
        require(
            len(self.gain_db) == 2 and -100 <= self.gain_db[0] <= self.gain_db[1] <= 100,
            f"gain_db must be two rising numbers from -100 to 100, not {shown(list(self.gain_db))}",
        )


@dataclass(frozen=True)
class OptimConfig:
    """AdamW and its schedule.

    batch: examples per step, over all devices
    warmup: steps in which the learning rate rises
    decay: the fraction of training, at its end, in which the learning rate falls to zero
    grad_clip: the largest norm of the gradient, which is scaled down beyond it
    codebook_learning_rate: of codebooks that learn by gradient, as a multiple of `learning_rate`
    variance_learning_rate: of log variances, likewise
    temperature: of stochastic quantizers, at first and at the end of `anneal`; it falls
      exponentially
    anneal: the fraction of training in which it falls
    bypass: the fraction of training in which fewer and fewer examples bypass the quantizers
    codebook_decay: of the exponential moving averages (EMA) that codewords of vector quantizers are
    codebook_init: codewords of vector quantizers are at first "random", or "kmeans" centers of a
      few batches
    ema_decay: of the EMA of the weights, which is validated and exported; 0 means no average
    reset_every: codewords that are not chosen for this many steps are reset
    frozen: parts of the network that keep their weights, of encoder, topdown, decoder and reference
    quantizer_dropout: the probability that an example uses fewer than all codebooks, all shorter
      prefixes being equally likely
    """

    steps: int
    batch: int = 16
    learning_rate: float = 8e-4
    betas: tuple[float, ...] = (0.9, 0.98)
    weight_decay: float = 0.01
    warmup: int = 300
    decay: float = 0.3
    grad_clip: float = 1.0
    codebook_learning_rate: float = 10.0
    variance_learning_rate: float = 5.0
    temperature: tuple[float, ...] = (1.0, 0.5)
    anneal: float = 0.5
    bypass: float = 0.2
    codebook_decay: float = 0.99
    codebook_init: str = "random"
    ema_decay: float = 0.0
    reset_every: int = 100
    frozen: tuple[str, ...] = ()
    quantizer_dropout: float = 0.6

    def __post_init__(self) -> None:
        for name in (
            "steps",
            "batch",
            "learning_rate",
            "grad_clip",
            "codebook_learning_rate",
            "variance_learning_rate",
            "reset_every",
        ):
            require(getattr(self, name) > 0, f"{name} must be positive, not {getattr(self, name)}")
        for name in ("decay", "anneal", "bypass", "quantizer_dropout"):
            require(
                0 <= getattr(self, name) <= 1,
                f"{name} must be between 0 and 1, not {getattr(self, name)}",
            )
        for name in ("warmup", "weight_decay"):
            require(
                getattr(self, name) >= 0,
                f"{name} must not be negative, but is {getattr(self, name)}",
            )
        require(
            len(self.betas) == 2 and all(0 <= beta < 1 for beta in self.betas),
            "betas must be two numbers of at least 0 and less than 1, not "
            f"{shown(list(self.betas))}",
        )
        require(
            len(self.temperature) == 2 and min(self.temperature) > 0,
            f"temperature must be two positive numbers, not {shown(list(self.temperature))}",
        )
        require(
            self.codebook_init in ("random", "kmeans"),
            f"codebook_init must be random or kmeans, not {self.codebook_init!r}",
        )
        for part in self.frozen:
            require(part in PARTS, f"frozen lists parts of {', '.join(PARTS)}, not {part!r}")
        require(set(self.frozen) < set(PARTS), "frozen must leave a part that learns")
        require(
            0 <= self.ema_decay < 1,
            f"ema_decay must be at least 0 and less than 1, not {self.ema_decay}",
        )
        require(
            0 < self.codebook_decay < 1,
            f"codebook_decay must be between 0 and 1, not {self.codebook_decay}",
        )


@dataclass(frozen=True)
class RunConfig:
    """How often things happen, in steps, and where results go.

    init_from: a model file whose weights a new run is initialized from, or "default" for the
      bundled one; it may have fewer codebooks in levels and fewer blocks in stages than [codec]
    """

    folder: str = "runs/default"
    log_every: int = 50
    validate_every: int = 1000
    save_every: int = 250
    seed: int = 0
    init_from: str | None = None

    def __post_init__(self) -> None:
        for name in ("log_every", "validate_every", "save_every"):
            require(getattr(self, name) > 0, f"{name} must be positive, not {getattr(self, name)}")
        require(0 <= self.seed < 1 << 32, f"seed must be from 0 to 2^32 - 1, not {self.seed}")


WEIGHTS = {
    "distortion": 1.0,
    "phase": 4.0,
    "pesq_like": 0.0,
    "stoi_like": 0.0,
    "adversarial": 0.0,
    "feature_matching": 0.0,
    "rate": 1.0,
    "commitment": 1 / 6,
    "codebook": 2 / 3,
    "quadratic": 1.0,
}
"""Weights of loss terms that the configuration does not name."""


def adversarial(weights: Mapping[str, float]) -> bool:
    """Whether discriminators are needed."""
    return bool(weights["adversarial"] or weights["feature_matching"])


@dataclass(frozen=True)
class Experiment:
    """A training run.

    weights: of the loss terms, among which are those of the quantizers; the missing ones are those
      of `WEIGHTS`
    """

    name: str
    data: DataConfig
    codec: CodecConfig
    optim: OptimConfig
    mel: MelConfig = field(default_factory=MelConfig)
    phase: PhaseConfig = field(default_factory=PhaseConfig)
    discriminators: DiscriminatorsConfig = field(default_factory=DiscriminatorsConfig)
    weights: dict[str, float] = field(default_factory=dict)
    run: RunConfig = field(default_factory=RunConfig)

    def __post_init__(self) -> None:
        fits = self.name.isprintable() and 0 < len(self.name.encode()) <= 16
        require(fits, f"name must have 1 to 16 printable letters, not {shown(self.name)}")
        names = {
            "distortion",
            "phase",
            "pesq_like",
            "stoi_like",
            "adversarial",
            "feature_matching",
            "rate",
        }.union(*(level.quantizer.terms for level in self.codec.levels))
        for name in self.weights:
            require(
                name in names,
                f"weights.{name} belongs to no term of this experiment; "
                f"its terms are {', '.join(sorted(names))}",
            )
        samples = self.optim.batch * (1 + self.data.references) * self.data.crop
        samples *= self.codec.sample_rate
        require(
            samples <= BATCH_SAMPLES,
            f"optim.batch examples of data.crop seconds have {samples:.0f} samples with their "
            f"data.references, more than {BATCH_SAMPLES}; make one of the three smaller",
        )
        weights = {name: self.weights.get(name, WEIGHTS[name]) for name in sorted(names)}
        for name, measure in (("pesq_like", PesqLike), ("stoi_like", StoiLike)):
            rate, shortest = self.codec.sample_rate, measure.shortest / SAMPLE_RATE
            fits = rate == SAMPLE_RATE and self.data.crop >= shortest
            require(
                not weights[name] or fits,
                f"weights.{name} needs a sample rate of {SAMPLE_RATE} Hz and data.crop of "
                f"{shortest:g} s or more; set it to 0",
            )
        object.__setattr__(self, "weights", weights)


def read_experiment(path: str | Path) -> Experiment:
    """Read an experiment from TOML. Raises ConfigError naming the file and the field."""
    return read(Experiment, path)


def write_experiment(path: Path, experiment: Experiment) -> None:
    """Write the resolved experiment as TOML, every default spelled out. Raises OutputError.

    A file that says the same already, perhaps with comments, stays.
    """
    try:
        if path.exists() and read_experiment(path) == experiment:
            return
    except ConfigError:
        pass  # of another version, or damaged
    with new_file(path, force=True) as file:
        file.write(tomli_w.dumps(to_dict(experiment)).encode())
