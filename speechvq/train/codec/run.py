"""Starting the training of a codec on devices."""

from pathlib import Path

from speechvq.train.codec.config import Experiment
from speechvq.train.codec.loop import train
from speechvq.train.fabric import launched
from speechvq.train.fit import Report


def run(
    experiment: Experiment,
    *,
    accelerator: str = "auto",
    devices: int = 1,
    precision: str = "32-true",
    report: Report | None = None,
) -> Path | None:
    """Train on these devices; the last checkpoint, or None in all processes but the first.

    report: called in the first process
    Raises ConfigError for devices that are not there.
    """
    fabric = launched(accelerator, devices, precision, unused=True)
    last = train(experiment, fabric, report=report)
    return last if fabric.global_rank == 0 else None
