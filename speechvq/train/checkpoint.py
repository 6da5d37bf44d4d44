"""Saving a run so that it goes on as if it had never stopped. Nothing is pickled: tensors as safetensors, numbers as JSON."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from speechvq.errors import TrainingError
from speechvq.train.codebooks import Codebooks


@dataclass
class TrainState:
    """All that changes while training. Batches and noise follow from the step, so there is nothing else to keep."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    codebooks: Codebooks
    step: int = 0

    def save(self, folder: Path) -> Path:
        """Write `folder/step-N`, whole or not at all, and delete the checkpoint before it."""
        final = folder / f"step-{self.step:08d}"
        partial = folder / f".partial-{self.step:08d}"
        partial.mkdir(parents=True, exist_ok=True)
        save_file(self.network.state_dict(), partial / "network.safetensors")
        save_file(_flat(self.optimizer), partial / "optimizer.safetensors")
        save_file({"mean": self.codebooks.mean, "recent": self.codebooks.recent}, partial / "codebooks.safetensors")
        (partial / "state.json").write_text(json.dumps({"step": self.step}), encoding="utf-8")
        if final.exists():
            shutil.rmtree(final)
        partial.rename(final)
        for old in folder.glob("step-*"):
            if old != final:
                shutil.rmtree(old)
        return final

    def load(self, folder: Path) -> bool:
        """Go on from the newest checkpoint in `folder`; False when there is none.

        Raises TrainingError when it is damaged or was made by another network.
        """
        found = sorted(folder.glob("step-*"))
        if not found:
            return False
        try:
            self.network.load_state_dict(load_file(found[-1] / "network.safetensors"))
            _restore(self.optimizer, load_file(found[-1] / "optimizer.safetensors"))
            means = load_file(found[-1] / "codebooks.safetensors")
            self.codebooks.mean.copy_(means["mean"])
            self.codebooks.recent.copy_(means["recent"])
            self.step = int(json.loads((found[-1] / "state.json").read_text(encoding="utf-8"))["step"])
        except (OSError, SafetensorError, RuntimeError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0]
            message = f"cannot resume from {found[-1]}: {reason}; use the configuration it was made with, or delete it"
            raise TrainingError(message) from error
        return True


def _flat(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    state = optimizer.state_dict()["state"]
    return {f"{index}.{name}": value.contiguous() for index, values in state.items() for name, value in values.items()}


def _restore(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    state: dict[int, dict[str, Any]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": optimizer.state_dict()["param_groups"]})
