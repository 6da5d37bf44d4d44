"""Fitting a prior to the codes of many recordings."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import lightning_fabric
import numpy as np
import tomli_w
import torch
from torch import Tensor, nn

from speechvq.config import read, require, to_dict
from speechvq.errors import ConfigError, TrainingError
from speechvq.output import new_file
from speechvq.prior.batches import Segments, hold_out
from speechvq.prior.file import Prior
from speechvq.prior.network import PriorConfig, PriorNetwork
from speechvq.prior.tokens import Tokens
from speechvq.train.checkpoint import TrainState, best_weights
from speechvq.train.ema import Average
from speechvq.train.log import Log
from speechvq.train.prior.init import start
from speechvq.train.schedule import learning_rate

Report = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class PriorData:
    """What a prior is fitted to.

    held_out: share of all codes, of voices chosen by a hash of their names, that is kept out and
      measured on
    longest: longer recordings are cut into pieces of so many codes of the coarsest codebook
    measured: at most so many held-out pieces are measured while training
    conditioning_dropout: fraction of the examples that are not conditioned on the speaker embedding
    """

    held_out: float = 0.05
    longest: int = 400
    measured: int = 100
    conditioning_dropout: float = 0.2

    def __post_init__(self) -> None:
        require(0 < self.held_out < 1, f"held_out must be between 0 and 1, not {self.held_out}")
        require(
            0 <= self.conditioning_dropout <= 1,
            f"conditioning_dropout must be between 0 and 1, not {self.conditioning_dropout}",
        )
        for name in ("longest", "measured"):
            require(getattr(self, name) > 0, f"{name} must be positive, not {getattr(self, name)}")


@dataclass(frozen=True)
class PriorOptim:
    """AdamW and its schedule; names as in the codec's. batch: recordings a step, over all devices."""

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
    """A prior's training run. speaker: whether it is told the speaker vector."""

    name: str
    optim: PriorOptim
    speaker: bool = True
    prior: PriorConfig = field(default_factory=PriorConfig)
    data: PriorData = field(default_factory=PriorData)
    run: PriorRun = field(default_factory=PriorRun)

    def __post_init__(self) -> None:
        require(
            0 < len(self.name.encode()) <= 16, f"name must have 1 to 16 letters, not {self.name!r}"
        )


def read_prior_experiment(path: str | Path) -> PriorExperiment:
    """Read an experiment from TOML. Raises ConfigError naming the file and the field."""
    return read(PriorExperiment, path)


def fit(
    experiment: PriorExperiment,
    tokens: Tokens,
    fabric: lightning_fabric.Fabric,
    *,
    codebooks: Sequence[Tensor] = (),
    begin: Prior | None = None,
    stop_at: int | None = None,
    report: Report | None = None,
) -> Path:
    """Fit a prior, or go on, in `experiment.run.folder`; the path of the last checkpoint.

    codebooks: the codec's codewords (size, width), a table a codebook, which the prior begins with;
      none: it begins at random
    begin: a prior whose weights a new run begins with instead
    Raises TrainingError when the loss is no longer a number, CodesError when there is too little to
    learn from, ConfigError when `begin` has another shape.
    """
    folder, plan, often = Path(experiment.run.folder), experiment.optim, experiment.run
    if plan.batch % fabric.world_size:
        raise ConfigError(
            f"optim.batch {plan.batch} does not divide by {fabric.world_size} devices"
        )
    torch.manual_seed(often.seed)
    parts = hold_out(tokens, experiment.data.held_out)
    learned, measured = (Segments(part, experiment.data.longest) for part in parts)
    prior = new_prior(experiment, parts[0], codebooks, begin).to(fabric.device)
    optimizer = torch.optim.AdamW(
        prior.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
    )
    state = TrainState(prior, optimizer, average=Average(prior, plan.ema_decay))
    claim(folder, tokens)
    state.load(folder)
    fabric.barrier()
    if fabric.global_rank == 0:
        (folder / "experiment.toml").write_text(
            tomli_w.dumps(to_dict(experiment)), encoding="utf-8"
        )
    model, optimizer = fabric.setup(Loss(prior), optimizer)
    state.optimizer = optimizer.optimizer
    stop, begun = min(stop_at or plan.steps, plan.steps), time.perf_counter()
    with Log(folder / f"log-{fabric.global_rank}" if fabric.global_rank else folder, 0) as log:
        while state.step < stop:
            bits = _step(experiment, fabric, model, state, learned)
            state.step += 1
            state.average.update(prior, state.step) if state.average is not None else None
            due = [
                state.step % every == 0 or state.step == stop
                for every in (often.log_every, often.validate_every, often.save_every)
            ]
            if fabric.global_rank == 0:
                numbers = (
                    [("train", {"bits": bits, "seconds": time.perf_counter() - begun})]
                    if due[0]
                    else []
                )
                if due[1]:
                    with (
                        state.average.applied(prior) if state.average is not None else nullcontext()
                    ):
                        numbers.append(
                            ("validation", measure(prior, measured, experiment.data.measured))
                        )
                for kind, values in numbers:
                    log.numbers(kind, state.step, values)
                    if report is not None:
                        report(state.step, values)
                if due[2]:
                    state.save(folder)
            if due[1] or due[2]:
                fabric.barrier()
    return folder / f"step-{state.step:08d}"


def claim(folder: Path, tokens: Tokens) -> None:
    """Note in a run's folder whose codes it is fitted to. Raises TrainingError when it is some other run's."""
    note, own = folder / "tokens.txt", f"{tokens.model} {tokens.digest}"
    if note.exists() and note.read_text(encoding="utf-8") != own:
        raise TrainingError(
            f"{folder} holds a prior fitted to other codes or to codes of another model: use "
            "another --folder"
        )
    if not note.exists() and any(folder.glob("step-*")):
        raise TrainingError(f"{folder} holds a run that is not a prior's: use another --folder")
    folder.mkdir(parents=True, exist_ok=True)
    if not note.exists():
        with new_file(note) as partial:  # whole for other processes that look
            partial.write_text(own, encoding="utf-8")


class Loss(nn.Module):
    """Nats a code, over all codebooks alike."""

    def __init__(self, prior: PriorNetwork) -> None:
        super().__init__()
        self.prior = prior

    def forward(self, codes: list[Tensor], speaker: Tensor | None) -> Tensor:
        return torch.cat(self.prior.nats(codes, speaker), 1).mean()


def _step(
    experiment: PriorExperiment,
    fabric: lightning_fabric.Fabric,
    model: nn.Module,
    state: TrainState,
    pieces: Segments,
) -> float:
    """One step on neighbours that belong to the current step; bits a code."""
    plan, seed = experiment.optim, experiment.run.seed
    count = plan.batch // fabric.world_size
    random = np.random.default_rng([seed, state.step])
    own = fabric.global_rank * count
    first = int(random.integers(max(1, len(pieces) - plan.batch + 1))) + own
    codes, speaker = pieces.batch(min(first, len(pieces) - 1), count)
    told = torch.from_numpy(
        (random.random(plan.batch) >= experiment.data.conditioning_dropout)[
            own : own + len(speaker), None
        ]
    )
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(state.step, plan)
    torch.manual_seed((seed * 1_000_003 + state.step) * 64 + fabric.global_rank)
    model.train()
    loss = model(
        [codebook.to(fabric.device) for codebook in codes],
        (speaker * told).to(fabric.device) if experiment.speaker else None,
    )
    mean = torch.as_tensor(
        fabric.all_reduce(loss.detach())
    ).item()  # the same on every rank, so that all stop or none
    if not math.isfinite(mean):
        raise TrainingError(
            f"the loss is {mean} at step {state.step}: lower optim.learning_rate, then run the same "
            "command again"
        )
    fabric.backward(loss)
    if math.isfinite(nn.utils.clip_grad_norm_(model.parameters(), plan.grad_clip)):
        state.optimizer.step()
    state.optimizer.zero_grad()
    return mean / math.log(2)


@torch.no_grad()
def measure(prior: PriorNetwork, pieces: Segments, count: int) -> dict[str, float]:
    """Bits a code of every codebook, and over all, on pieces spread over the lengths."""
    prior.eval()
    device = next(prior.parameters()).device
    chosen = np.unique(np.linspace(0, len(pieces) - 1, count).round().astype(int))
    sums, counts = np.zeros(len(pieces.ratios)), np.zeros(len(pieces.ratios))
    for index in chosen:
        codes, speaker = pieces.batch(int(index), 1)
        nats = prior.nats(
            [codebook.to(device) for codebook in codes],
            speaker.to(device) if prior.speaker_dim else None,
        )
        sums += [codebook.sum().item() / math.log(2) for codebook in nats]
        counts += [codebook.shape[1] for codebook in codes]
    prior.train()
    found = {
        f"codebook{depth}/bits": float(one / n)
        for depth, (one, n) in enumerate(zip(sums, counts, strict=True))
    }
    return found | {"bits": float(sums.sum() / counts.sum())}


def new_prior(
    experiment: PriorExperiment,
    tokens: Tokens,
    codebooks: Sequence[Tensor] = (),
    begin: Prior | None = None,
) -> PriorNetwork:
    """A prior for such codes, not trained on them: with the weights of another one, or the codec's codewords, or at random."""
    shapes = [(codebook.hop, codebook.size) for codebook in tokens.shapes]
    prior = PriorNetwork(
        experiment.prior,
        shapes,
        2 * tokens.speaker_embeddings.shape[1] if experiment.speaker else 0,
    )
    if begin is not None:
        begin_with(prior, begin)
    elif codebooks:
        start(prior, [codebook.detach().float().cpu() for codebook in codebooks], tokens)
    return prior


def begin_with(prior: PriorNetwork, begin: Prior) -> None:
    """Give a new prior the weights of another one. Raises ConfigError when that has another shape."""
    same = (begin.network.config, begin.network.shapes, begin.network.speaker_dim) == (
        prior.config,
        prior.shapes,
        prior.speaker_dim,
    )
    if not same:
        raise ConfigError(
            f"the prior {begin.name} has other codebooks than these codes, or another shape than "
            "[prior] says: begin without it"
        )
    prior.load_state_dict(begin.network.state_dict())


def best_prior(folder: Path, tokens: Tokens) -> tuple[PriorExperiment, PriorNetwork]:
    """What a run has come to. Raises TrainingError when it has no checkpoint."""
    checkpoints = sorted(folder.glob("step-*"))
    if not checkpoints:
        raise TrainingError(
            f"{folder} is not the folder of a prior's training: it has no checkpoint"
        )
    experiment = read_prior_experiment(folder / "experiment.toml")
    prior = new_prior(experiment, tokens)
    prior.load_state_dict(best_weights(checkpoints[-1]))
    return experiment, prior.eval()
