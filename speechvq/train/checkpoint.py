"""Saving a run so that resuming it equals never having stopped.

Nothing is pickled: tensors are saved as safetensors, numbers as JSON.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor, nn

from speechvq.errors import TrainingError
from speechvq.output import discard, new_folder
from speechvq.train.ema import WeightEMA
from speechvq.train.optimizer import flat, restore

NETWORK, OPTIMIZER, EMA = "network.safetensors", "optimizer.safetensors", "ema.safetensors"
CHECKPOINT = re.compile(r"step-[0-9]{8,}")


class Stateful(Protocol):
    """Something whose state is tensors by name."""

    def state_dict(self) -> dict[str, Tensor]: ...
    def load_state_dict(self, values: Mapping[str, Tensor], /) -> Any: ...  # noqa: ANN401


@dataclass
class TrainState:
    """All that changes while training; batches and noise follow from the step.

    ema: the average of the weights, if there is one
    parts: what else learns, by the name of its file: codebooks, discriminators
    """

    network: nn.Module
    optimizer: torch.optim.Optimizer
    ema: WeightEMA | None = None
    parts: Mapping[str, Stateful] = field(default_factory=dict)
    step: int = 0

    def save(self, folder: Path) -> Path:
        """Write `folder/step-N`, all of it or nothing, and delete the checkpoint before it.

        Raises OutputError.
        """
        final = folder / f"step-{self.step:08d}"
        tensors = {NETWORK: self.network.state_dict(), OPTIMIZER: flat(self.optimizer)}
        if self.ema is not None:
            tensors[EMA] = self.ema.state_dict()
        tensors |= {f"{name}.safetensors": part.state_dict() for name, part in self.parts.items()}
        with new_folder(final, force=True) as new:
            for name, values in tensors.items():
                (new / name).write_bytes(save(values))
            (new / "state.json").write_text(json.dumps({"step": self.step}), encoding="utf-8")
        for old in checkpoints(folder):
            if old != final:
                discard(old)
        return final

    def load(self, folder: Path) -> bool:
        """Resume from the newest checkpoint in `folder`; False when there is none.

        Raises TrainingError when it is damaged or was made by another network.
        """
        newest = checkpoints(folder)[-1:]
        for checkpoint in newest:
            try:
                self._load(checkpoint)
            except (OSError, SafetensorError, RuntimeError, ValueError, KeyError) as error:
                reason = str(error).splitlines()[0]
                raise TrainingError(
                    f"cannot resume from {checkpoint}: {reason}; use the configuration it was "
                    "made with, or delete it"
                ) from error
        return bool(newest)

    def _load(self, checkpoint: Path) -> None:
        self.network.load_state_dict(load_file(checkpoint / NETWORK))
        restore(self.optimizer, load_file(checkpoint / OPTIMIZER))
        if self.ema is not None:
            self.ema.load_state_dict(load_file(checkpoint / EMA))
        for name, part in self.parts.items():
            part.load_state_dict(load_file(checkpoint / f"{name}.safetensors"))
        state = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
        self.step = int(state["step"])


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a run, the newest last; other folders are not touched."""
    found = [path for path in folder.glob("step-*") if CHECKPOINT.fullmatch(path.name)]
    return sorted((path for path in found if path.is_dir()), key=lambda path: int(path.name[5:]))


def best_weights(checkpoint: Path) -> dict[str, Tensor]:
    """The weights of a checkpoint that are fit for use: the averaged ones, if there are any."""
    ema = checkpoint / EMA
    return load_file(ema if ema.exists() else checkpoint / NETWORK)
