"""The training loop, for all that is trained: codecs, priors, and the networks of recipes.

A task says what the loss of a step is; `fit` resumes, takes the steps, and validates, reports and
saves at its intervals. A step is a pure function of the state and of the step's number, so that
resuming equals never having stopped. Fabric owns devices, precision and processes.
"""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import lightning_fabric
import torch
from torch import Tensor, nn

from speechvq.errors import TrainingError
from speechvq.output import claimed_folder
from speechvq.train.checkpoint import TrainState
from speechvq.train.log import Log
from speechvq.train.schedule import Schedule, learning_rate

Numbers = Mapping[str, float]
"""Numbers by name, for the log."""

Report = Callable[[str, int, Numbers], None]
"""Called in the first process with "train" or "validation", the step, and its numbers."""


class Plan(Schedule, Protocol):
    """How steps are taken: the learning rate's schedule, and the largest gradient norm."""

    @property
    def grad_clip(self) -> float: ...


@dataclass(frozen=True)
class Intervals:
    """How often a run is logged, validated and saved, in steps; always after the last step too."""

    log: int
    validate: int
    save: int


class Task:
    """What is trained. A subclass says what the loss of a step is, and more where there is more."""

    def begin(self, *, new: bool) -> None:
        """Called once before the first step, when the state is loaded.

        new: whether there was no checkpoint to resume from
        """

    def loss(self, step: int) -> tuple[Tensor, Numbers]:
        """The loss of a step, with its graph, and numbers for the log."""
        raise NotImplementedError

    def stepped(self, step: int, loss: float) -> Numbers:
        """Called after the optimizer's step, for what learns otherwise; numbers for the log.

        loss: that of the step, the mean over all processes
        """
        del step, loss
        return {}

    def validate(self, step: int) -> Numbers:
        """Numbers of a validation, in the first process alone; none if there is nothing to do."""
        del step
        return {}


def fit(
    task: Task,
    state: TrainState,
    plan: Plan,
    fabric: lightning_fabric.Fabric,
    intervals: Intervals,
    *,
    folder: Path | None,
    stop_at: int | None = None,
    log: Log | None = None,
    report: Report | None = None,
) -> None:
    """Take steps until the plan's last, from the newest checkpoint in `folder` if there is one.

    state: its optimizer is used as it is; a network on several devices is wrapped by the task
    folder: of checkpoints; None: nothing is saved
    stop_at: stop early at this step, as if interrupted
    Raises TrainingError when the loss is not finite or the checkpoint cannot be used, OutputError
    when another run is writing into the folder.
    """
    claim = nullcontext() if folder is None or fabric.global_rank else claimed_folder(folder)
    with claim:
        new = folder is None or not state.load(folder)
        fabric.barrier()
        task.begin(new=new)
        stop = min(stop_at or plan.steps, plan.steps)
        tell = _teller(state, fabric, log, report)
        begun, since = time.perf_counter(), state.step
        while state.step < stop:
            numbers = _step(task, state, plan, fabric)
            if _due(state.step, intervals.log, stop):
                now = time.perf_counter()
                pace = (now - begun) / (state.step - since)
                begun, since = now, state.step
                tell("train", {**numbers, "seconds_per_step": pace})
            if _due(state.step, intervals.validate, stop):
                _validate(task, state, fabric, tell)
            if folder is not None and _due(state.step, intervals.save, stop):
                if fabric.global_rank == 0:
                    state.save(folder)
                fabric.barrier()


Tell = Callable[[str, Numbers], None]


def _teller(
    state: TrainState, fabric: lightning_fabric.Fabric, log: Log | None, report: Report | None
) -> Tell:
    """A function that logs and reports numbers in the first process."""

    def tell(kind: str, numbers: Numbers) -> None:
        if fabric.global_rank or not numbers:
            return
        if log is not None:
            log.numbers(kind, state.step, numbers)
        if report is not None:
            report(kind, state.step, numbers)

    return tell


def _validate(task: Task, state: TrainState, fabric: lightning_fabric.Fabric, tell: Tell) -> None:
    """Validate in the first process, with the averaged weights if there are any."""
    if fabric.global_rank == 0:
        averaged = nullcontext() if state.ema is None else state.ema.applied(state.network)
        with averaged:
            numbers = task.validate(state.step)
        tell("validation", numbers)
    fabric.barrier()


def _step(
    task: Task, state: TrainState, plan: Plan, fabric: lightning_fabric.Fabric
) -> dict[str, float]:
    """One step of the optimizer, of the task and of the average of the weights."""
    step, rate = state.step, learning_rate(state.step, plan)
    for group in state.optimizer.param_groups:
        group["lr"] = rate * group.get("scale", 1.0)
    loss, numbers = task.loss(step)
    # the same in every process, so that all of them stop or none
    mean = torch.as_tensor(fabric.all_reduce(loss.detach())).item()
    if not math.isfinite(mean):
        raise TrainingError(
            f"the loss is {mean} at step {step}: lower optim.learning_rate or optim.grad_clip, "
            "then run the same command again; it resumes from the last checkpoint"
        )
    fabric.backward(loss)
    norm = nn.utils.clip_grad_norm_(state.network.parameters(), plan.grad_clip)
    if math.isfinite(norm):
        state.optimizer.step()
    state.optimizer.zero_grad()
    further = task.stepped(step, mean)
    state.step += 1
    if state.ema is not None:
        state.ema.update(state.network, state.step)
    return {
        "loss": mean,
        **numbers,
        **further,
        "gradient_norm": norm.item(),
        "learning_rate": rate,
    }


def _due(step: int, interval: int, stop: int) -> bool:
    return step % interval == 0 or step == stop
