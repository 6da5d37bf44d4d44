"""The log of a run: CSV files, and TensorBoard events where TensorBoard is installed."""

import csv
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import torch


class Log:
    """Writes `train.csv`, `validation.csv` and TensorBoard events into a folder.

    A resumed run appends to the same files.
    """

    def __init__(self, folder: Path, sample_rate: int = 0) -> None:
        self.folder, self.sample_rate = folder, sample_rate
        folder.mkdir(parents=True, exist_ok=True)
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            self.board = None
        else:
            self.board = SummaryWriter(str(folder))

    def numbers(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Append a line to `kind.csv`; all lines of a kind have the same names."""
        path = self.folder / f"{kind}.csv"
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(["step", *sorted(values)])
            writer.writerow([step, *(f"{values[name]:.6g}" for name in sorted(values))])
        if self.board is not None:
            for name, value in values.items():
                self.board.add_scalar(f"{kind}/{name}", value, step)

    def audio(self, name: str, step: int, wave: torch.Tensor) -> None:
        """Keep a waveform (t,) to listen to in TensorBoard."""
        if self.board is not None:
            self.board.add_audio(
                name, wave.detach().float().cpu().clamp(-1, 1).unsqueeze(0), step, self.sample_rate
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.board is not None:
            self.board.close()
