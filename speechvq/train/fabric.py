"""Devices and processes, by Lightning Fabric."""

import atexit
import os
import subprocess
import time
import warnings
from collections.abc import Iterable
from threading import Thread

import lightning_fabric
import torch

from speechvq.errors import ConfigError, shown

ACCELERATORS = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


def launched(
    accelerator: str, devices: int, precision: str = "32-true", *, unused: bool = False
) -> lightning_fabric.Fabric:
    """Fabric on these devices, its processes started.

    unused: whether steps may leave out some of the parameters
    Raises ConfigError for devices that are not there.
    """
    for option, value, choices in (
        ("accelerator", accelerator, ACCELERATORS),
        ("precision", precision, PRECISIONS),
    ):
        if value not in choices:
            raise ConfigError(f"--{option} {shown(value)} is unknown; give {' or '.join(choices)}")
    if accelerator == "cpu" and devices > 1:
        # one thread a process: two that spin on the same cores slow each other tenfold
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module="lightning_fabric")
    parallel = "ddp_find_unused_parameters_true" if unused else "ddp"
    try:
        fabric = lightning_fabric.Fabric(
            accelerator=accelerator,
            devices=devices,
            precision=precision,  # type: ignore[arg-type]
            strategy="auto" if devices == 1 else parallel,
        )
    except (RuntimeError, ValueError) as error:
        raise ConfigError(
            f"cannot train on {devices} x {accelerator} in {precision} here: "
            f"{' '.join(str(error).split())}"
        ) from error
    _end_with_parent()
    fabric.launch()
    atexit.register(_kill, getattr(fabric.strategy.launcher, "procs", ()))
    return fabric


def _end_with_parent() -> None:
    """In a further process: end when the first one does, whose steps this one would wait for."""
    if os.environ.get("LOCAL_RANK", "0") != "0":
        Thread(target=_wait_for_end, args=(os.getppid(),), daemon=True).start()


def _wait_for_end(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def _kill(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """At the end of the first process: end the others, which write nothing."""
    for process in processes:
        process.kill()
        process.wait()


def check_batch(batch: int, fabric: lightning_fabric.Fabric) -> None:
    """Raises ConfigError when a batch cannot be divided among the devices."""
    if batch % fabric.world_size:
        raise ConfigError(f"optim.batch {batch} does not divide by {fabric.world_size} devices")
