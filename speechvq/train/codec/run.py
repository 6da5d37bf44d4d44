"""Starting a run: devices, precision, and the line on the terminal."""

import os
import warnings
from pathlib import Path

import lightning_fabric
import torch
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from speechvq.errors import ConfigError
from speechvq.train.codec.config import Experiment
from speechvq.train.codec.diagnostics import diagnose
from speechvq.train.codec.loop import train

EARLY = 0.25
"""Up to this share of the steps codebooks may still be waking up: no warnings."""


def run(
    experiment: Experiment,
    *,
    accelerator: str = "auto",
    devices: int = 1,
    precision: str = "32-true",
) -> Path | None:
    """Train on these devices with a progress bar; the last checkpoint, or None in all processes but the first.

    Raises ConfigError for devices that are not there.
    """
    fabric = launched(accelerator, devices, precision, unused=True)
    sizes = [size for _, size in experiment.codec.codebooks]
    columns = (
        TextColumn("{task.completed}/{task.total}"),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=fabric.global_rank > 0) as bar:
        task = bar.add_task("starting", total=experiment.optim.steps)

        def report(step: int, numbers: dict[str, float]) -> None:
            bar.update(
                task, completed=step, description=_line(numbers) if "loss" in numbers else None
            )
            if "loss" not in numbers or not bar.console.is_terminal:
                bar.console.print(f"step {step}  {_line(numbers)}", highlight=False, soft_wrap=True)
            if "loss" not in numbers and step >= EARLY * experiment.optim.steps:
                for sentence in diagnose(numbers, sizes):
                    bar.console.print(f"warning: {sentence}", highlight=False, soft_wrap=True)

        last = train(experiment, fabric, report=report)
    return last if fabric.global_rank == 0 else None


def launched(
    accelerator: str, devices: int, precision: str, *, unused: bool = False
) -> lightning_fabric.Fabric:
    """Fabric on these devices, its processes started. unused: steps may leave out some of the parameters.

    Raises ConfigError for devices that are not there.
    """
    if (
        accelerator == "cpu" and devices > 1
    ):  # one thread a process: two that spin on the same cores slow each other tenfold
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module="lightning_fabric")
    try:
        fabric = lightning_fabric.Fabric(
            accelerator=accelerator,
            devices=devices,
            precision=precision,  # type: ignore[arg-type]
            strategy="auto"
            if devices == 1
            else "ddp_find_unused_parameters_true"
            if unused
            else "ddp",
        )
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            f"cannot train on {devices} x {accelerator} in {precision}: {error}"
        ) from error
    fabric.launch()
    return fabric


def _line(numbers: dict[str, float]) -> str:
    """The numbers worth a glance: training, or validation."""
    if "loss" in numbers:
        parts = [
            f"loss {numbers['loss']:.3f}",
            f"distortion {numbers['distortion/nats_per_second']:.0f}",
            f"rate {numbers['rate/bits_per_second']:.0f} bit/s",
            f"{numbers['seconds_of_audio_per_second']:.1f} s/s",
        ]
        return "  ".join(parts)
    prefixes = [value for name, value in numbers.items() if name.startswith("prefix")]
    mel = " ".join(f"{value:.3f}" for value in prefixes)
    parts = [f"validation: mel {mel}"]
    for name, label, form in (
        ("used", "used", "{:.0%}"),
        ("perplexity", "perplexity", "{:.0f}"),
        ("information", "information", "{:.2f}"),
        ("variance", "s^2", "{:.3g}"),
    ):
        values = [form.format(value) for key, value in numbers.items() if key.endswith(f"/{name}")]
        parts += [f"{label} {' '.join(values)}"] if values else []
    return "  ".join(parts)
