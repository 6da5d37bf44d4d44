"""Devices and processes, by Lightning Fabric."""

import os
import warnings

import lightning_fabric
import torch

from speechvq.errors import ConfigError


def launched(
    accelerator: str, devices: int, precision: str = "32-true", *, unused: bool = False
) -> lightning_fabric.Fabric:
    """Fabric on these devices, its processes started.

    unused: whether steps may leave out some of the parameters
    Raises ConfigError for devices that are not there.
    """
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
            f"cannot train on {devices} x {accelerator} in {precision}: {error}"
        ) from error
    fabric.launch()
    return fabric


def check_batch(batch: int, fabric: lightning_fabric.Fabric) -> None:
    """Raises ConfigError when a batch cannot be divided among the devices."""
    if batch % fabric.world_size:
        raise ConfigError(f"optim.batch {batch} does not divide by {fabric.world_size} devices")
