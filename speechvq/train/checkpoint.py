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
from safetensors.torch import load, save
from torch import Tensor, nn

from speechvq.errors import TrainingError
from speechvq.input import read_bytes
from speechvq.limits import HEADER_BYTES, WEIGHTS_BYTES, whole_number
from speechvq.output import discard, new_folder
from speechvq.parsing import parse_json
from speechvq.train.ema import WeightEMA
from speechvq.train.optimizer import MOMENTS, fitting, flat, restore

NETWORK, OPTIMIZER, EMA = "network.safetensors", "optimizer.safetensors", "ema.safetensors"
STATE_BYTES = 1 << 16
STEPS = range(1 << 53)
DAMAGE = (TrainingError, SafetensorError, RuntimeError, ValueError, LookupError, TypeError)
"""What a damaged file raises, or one that belongs to another network."""

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
            except DAMAGE as error:
                raise TrainingError(
                    f"cannot resume from {checkpoint}: {_reason(error)}; use the configuration it "
                    "was made with, or delete it"
                ) from error
        return bool(newest)

    def _load(self, checkpoint: Path) -> None:
        network = self.network.state_dict()
        size = _bytes(network)
        self.network.load_state_dict(fitting(_tensors(checkpoint / NETWORK, size), network))
        restore(self.optimizer, _tensors(checkpoint / OPTIMIZER, MOMENTS * size))
        if self.ema is not None:
            self.ema.load_state_dict(fitting(_tensors(checkpoint / EMA, size), network))
        for name, part in self.parts.items():
            expected = part.state_dict()
            values = _tensors(checkpoint / f"{name}.safetensors", (1 + MOMENTS) * _bytes(expected))
            fitting({key: value for key, value in values.items() if key in expected}, expected)
            part.load_state_dict(values)
        text = read_bytes(checkpoint / "state.json", TrainingError, limit=STATE_BYTES)
        self.step = whole_number(parse_json(text)["step"], STEPS, TrainingError, "the step")


def _tensors(path: Path, size: int) -> dict[str, Tensor]:
    """What a file holds; tensors of `size` bytes at most. Raises TrainingError."""
    return load(read_bytes(path, TrainingError, limit=size + HEADER_BYTES))


def _bytes(tensors: Mapping[str, Tensor]) -> int:
    return sum(value.nbytes for value in tensors.values())


def _reason(error: Exception) -> str:
    """The first line of what a library says; of a KeyError, which key."""
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def checkpoints(folder: Path) -> list[Path]:
    """The checkpoints of a run, the newest last; other folders are not touched.

    Raises TrainingError for a folder that is there and cannot be read.
    """
    try:
        folders = [path for path in folder.iterdir() if CHECKPOINT.fullmatch(path.name)]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise TrainingError(
            f"cannot read the folder {folder}: {error.strerror}; give the folder of a run"
        ) from error
    return sorted((path for path in folders if path.is_dir()), key=lambda path: int(path.name[5:]))


def best_weights(checkpoint: Path, network: nn.Module | None = None) -> dict[str, Tensor]:
    """The weights of a checkpoint that are fit for use: the averaged ones, if there are any.

    Raises TrainingError unless they are those of this network, if one is given.
    """
    ema = checkpoint / EMA
    path = ema if ema.exists() else checkpoint / NETWORK
    try:
        if network is None:
            return _tensors(path, WEIGHTS_BYTES)
        expected = network.state_dict()
        return fitting(_tensors(path, _bytes(expected)), expected)
    except DAMAGE as error:
        raise TrainingError(
            f"cannot use {path}: {_reason(error)}; train again, or use the configuration it was "
            "made with"
        ) from error
