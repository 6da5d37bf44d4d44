"""Training of a prior on the codes of many recordings: what `fit` needs to know of it."""

import math
from collections.abc import Sequence
from pathlib import Path

import lightning_fabric
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from speechvq.data.split import amounts
from speechvq.data.uncertainty import standard_error
from speechvq.errors import TrainingError
from speechvq.input import read_bytes
from speechvq.nn.isolation import standard_defaults
from speechvq.output import make_folder, new_file
from speechvq.prior.batches import Segments, parts_of
from speechvq.prior.file import Prior
from speechvq.prior.network import PriorNetwork
from speechvq.prior.tokens import Tokens
from speechvq.train.checkpoint import TrainState, best_weights, checkpoints
from speechvq.train.ema import WeightEMA
from speechvq.train.fabric import check_batch
from speechvq.train.fit import Intervals, Numbers, Report, Task, fit
from speechvq.train.folder import EXPERIMENT
from speechvq.train.log import Log
from speechvq.train.prior.config import (
    PriorExperiment,
    read_prior_experiment,
    write_prior_experiment,
)
from speechvq.train.prior.init import new_prior


@standard_defaults()
def train(
    experiment: PriorExperiment,
    tokens: Tokens,
    fabric: lightning_fabric.Fabric,
    *,
    sample_rate: int,
    codebooks: Sequence[Tensor] = (),
    source: Prior | None = None,
    stop_at: int | None = None,
    report: Report | None = None,
) -> Path:
    """Train a prior, or resume, in `experiment.run.folder`; the path of the last checkpoint.

    sample_rate: the codec's
    codebooks: the codec's codewords (size, dim) of each codebook, which a new prior is initialized
      with; none: at random
    source: a prior whose weights a new run is initialized from instead
    stop_at: stop early at this step, as if interrupted

    Raises TrainingError when the loss is not finite, CodesError when there are too few codes,
    ConfigError when `source` has another shape.
    """
    run, folder = experiment.run, Path(experiment.run.folder)
    check_batch(experiment.optim.batch, fabric)
    torch.manual_seed(run.seed)
    parts = parts_of(tokens, experiment.data.held_out, sample_rate)
    training, held_out = tokens.select(parts.training), tokens.select(parts.held_out)
    prior = new_prior(experiment, training, codebooks, source).to(fabric.device)
    claim(folder, tokens)
    longest, rank = experiment.data.longest, fabric.global_rank
    if report is not None and rank == 0:
        report("held out", 0, amounts(tokens.spoken(sample_rate), parts))
    task = PriorTask(
        experiment,
        fabric,
        prior,
        Segments(training, longest),
        Segments(held_out, longest),
        tokens.shapes[0].hop / sample_rate,
    )
    with Log(folder / f"log-{rank}" if rank else folder) as log:
        fit(
            task,
            task.state,
            experiment.optim,
            fabric,
            Intervals(run.log_every, run.validate_every, run.save_every),
            folder=folder,
            stop_at=stop_at,
            log=log,
            report=report,
        )
    return folder / f"step-{task.state.step:08d}"


NOTE_BYTES = 1 << 10


def claim(folder: Path, tokens: Tokens) -> None:
    """Note in a run's folder which codes it is trained on.

    Raises TrainingError when it holds another run.
    """
    note, own = folder / "tokens.txt", f"{tokens.model} {tokens.digest}"
    if note.exists() and read_bytes(note, TrainingError, limit=NOTE_BYTES) != own.encode():
        raise TrainingError(
            f"{folder} holds a prior trained on other codes or on codes of another model: use "
            "another --folder"
        )
    if not note.exists() and checkpoints(folder):
        raise TrainingError(f"{folder} holds a run that is not a prior's: use another --folder")
    make_folder(folder)
    if not note.exists():
        with new_file(note, force=True) as file:  # other processes see all of it or nothing
            file.write(own.encode())


class Loss(nn.Module):
    """Nats per code, over all codebooks alike."""

    def __init__(self, prior: PriorNetwork) -> None:
        super().__init__()
        self.prior = prior

    def forward(self, codes: list[Tensor], speaker: Tensor | None) -> Tensor:
        return torch.cat(self.prior.nats(codes, speaker), 1).mean()


class PriorTask(Task):
    """A prior's training: the network, its optimizer and its segments of codes."""

    def __init__(
        self,
        experiment: PriorExperiment,
        fabric: lightning_fabric.Fabric,
        prior: PriorNetwork,
        training: Segments,
        held_out: Segments,
        seconds_per_code: float,
    ) -> None:
        self.experiment, self.fabric, self.prior = experiment, fabric, prior
        self.training, self.held_out = training, held_out
        self.seconds_per_code = seconds_per_code
        plan = experiment.optim
        optimizer = torch.optim.AdamW(
            prior.parameters(), lr=plan.learning_rate, weight_decay=plan.weight_decay, fused=True
        )
        self.model, wrapped = fabric.setup(Loss(prior), optimizer)
        ema = WeightEMA(prior, plan.ema_decay)
        self.state = TrainState(prior, wrapped.optimizer, ema)

    def begin(self, *, new: bool) -> None:
        """Keep the experiment beside its checkpoints."""
        del new
        if self.fabric.global_rank == 0:
            path = Path(self.experiment.run.folder) / EXPERIMENT
            write_prior_experiment(path, self.experiment)

    def loss(self, step: int) -> tuple[Tensor, Numbers]:
        """Nats per code of neighboring segments that belong to the step."""
        plan, seed, world = self.experiment.optim, self.experiment.run.seed, self.fabric.world_size
        count = plan.batch // world
        random = np.random.default_rng([seed, step])
        own = self.fabric.global_rank * count
        first = int(random.integers(max(1, len(self.training) - plan.batch + 1))) + own
        codes, speaker = self.training.batch(min(first, len(self.training) - 1), count)
        conditioned = random.random(plan.batch) >= self.experiment.data.conditioning_dropout
        speaker = speaker * torch.from_numpy(conditioned[own : own + len(speaker), None])
        torch.manual_seed((seed * 1_000_003 + step) * 64 + self.fabric.global_rank)
        self.model.train()
        device = self.fabric.device
        loss = self.model(
            [indices.to(device) for indices in codes],
            speaker.to(device) if self.experiment.speaker else None,
        )
        return loss, {}

    def stepped(self, step: int, loss: float) -> Numbers:
        """The loss in bits."""
        del step
        return {"bits": loss / math.log(2)}

    def validate(self, step: int) -> Numbers:
        """What held-out codes cost."""
        del step
        numbers = measure(self.prior, self.held_out, self.experiment.data.measured)
        return numbers | {"minutes": numbers.pop("codes") * self.seconds_per_code / 60}


@torch.no_grad()
def measure(prior: PriorNetwork, segments: Segments, count: int) -> dict[str, float]:
    """Bits per code of every codebook, and over all, on segments of all lengths.

    Beside them are their standard errors over voices, how many voices these are, and how many codes
    of the coarsest codebook.
    """
    prior.eval()
    device = next(prior.parameters()).device
    chosen = np.unique(np.linspace(0, len(segments) - 1, count).round().astype(int))
    sums, counts = [], []
    for index in chosen:
        codes, speaker = segments.batch(int(index), 1)
        nats = prior.nats(
            [indices.to(device) for indices in codes],
            speaker.to(device) if prior.speaker_dim else None,
        )
        sums.append([values.sum().item() / math.log(2) for values in nats])
        counts.append([indices.shape[1] for indices in codes])
    prior.train()
    bits, lengths = _with_total(np.array(sums)), _with_total(np.array(counts))
    voices = [segments.voices[index] for index in chosen]
    errors = standard_error(bits, lengths, voices)
    names = [*(f"codebook{index}/bits" for index in range(len(segments.ratios))), "bits"]
    numbers = dict[str, float]()
    for name, value, error in zip(names, bits.sum(0) / lengths.sum(0), errors, strict=True):
        numbers |= {name: float(value), f"{name}_standard_error": float(error)}
    return numbers | {"speakers": float(len(set(voices))), "codes": float(lengths[:, 0].sum())}


def _with_total(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers (n, codebooks) and their sums over codebooks as a last column."""
    return np.concatenate([table, table.sum(1, keepdims=True)], 1)


def best_prior(folder: Path, tokens: Tokens) -> tuple[PriorExperiment, PriorNetwork]:
    """The experiment and the prior of a run. Raises TrainingError when it has no checkpoint."""
    saved = checkpoints(folder)
    if not saved:
        raise TrainingError(
            f"{folder} is not the folder of a prior's training: it has no checkpoint"
        )
    experiment = read_prior_experiment(folder / EXPERIMENT)
    prior = new_prior(experiment, tokens)
    prior.load_state_dict(best_weights(saved[-1], prior))
    return experiment, prior.eval()
