"""Saving a run so that it goes on as if it had never stopped. Nothing is pickled: tensors as safetensors, numbers as JSON."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from speechvq.errors import TrainingError
from speechvq.quantize.learning import CodebookLearner
from speechvq.train.codec.adversary import Adversary
from speechvq.train.ema import Average
from speechvq.train.optimizer import flat, restore

NETWORK, AVERAGE = "network.safetensors", "average.safetensors"


def best_weights(checkpoint: Path) -> dict[str, Tensor]:
    """The weights of a checkpoint that are fit for use: the averaged ones, where there are such."""
    average = checkpoint / AVERAGE
    return load_file(average if average.exists() else checkpoint / NETWORK)


@dataclass
class TrainState:
    """All that changes while training. Batches and noise follow from the step, so there is nothing else to keep."""

    network: nn.Module
    optimizer: torch.optim.Optimizer
    codebooks: CodebookLearner | None = None
    average: Average | None = None
    adversary: Adversary | None = None
    step: int = 0

    def save(self, folder: Path) -> Path:
        """Write `folder/step-N`, whole or not at all, and delete the checkpoint before it."""
        final = folder / f"step-{self.step:08d}"
        partial = folder / f".partial-{self.step:08d}"
        partial.mkdir(parents=True, exist_ok=True)
        save_file(self.network.state_dict(), partial / NETWORK)
        save_file(flat(self.optimizer), partial / "optimizer.safetensors")
        if self.codebooks is not None:
            save_file(
                {"ema": self.codebooks.ema, "recent": self.codebooks.recent},
                partial / "codebooks.safetensors",
            )
        if self.average is not None:
            save_file(self.average.values, partial / AVERAGE)
        if self.adversary is not None:
            self.adversary.save(partial)
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
            self.network.load_state_dict(load_file(found[-1] / NETWORK))
            restore(self.optimizer, load_file(found[-1] / "optimizer.safetensors"))
            if self.codebooks is not None:
                means = load_file(found[-1] / "codebooks.safetensors")
                self.codebooks.ema.copy_(means["ema"])
                self.codebooks.recent.copy_(means["recent"])
            if self.average is not None:
                self.average.load(load_file(found[-1] / AVERAGE))
            if self.adversary is not None:
                self.adversary.load(found[-1])
            self.step = int(
                json.loads((found[-1] / "state.json").read_text(encoding="utf-8"))["step"]
            )
        except (OSError, SafetensorError, RuntimeError, ValueError, KeyError) as error:
            reason = str(error).splitlines()[0]
            message = (
                f"cannot resume from {found[-1]}: {reason}; use the configuration it was "
                "made with, or delete it"
            )
            raise TrainingError(message) from error
        return True
