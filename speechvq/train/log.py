"""The log of a run: CSV files, and TensorBoard events where TensorBoard is installed."""

import csv
from collections.abc import Mapping
from functools import cached_property
from io import SEEK_END, StringIO
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO, Self

import torch

from speechvq.output import failure, make_folder
from speechvq.output.targets import file_behind

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

LONGEST_LINE = 1 << 16
"""Bytes; lines of a log are far shorter."""


class Log:
    """Writes `train.csv`, `validation.csv` and TensorBoard events into a folder.

    A resumed run appends to the same files.
    """

    def __init__(self, folder: Path, sample_rate: int = 0) -> None:
        self.folder, self.sample_rate = folder, sample_rate

    @cached_property
    def board(self) -> "SummaryWriter | None":
        """Where TensorBoard's events go; made when there is one."""
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return None
        return SummaryWriter(str(self.folder))

    def numbers(self, kind: str, step: int, values: Mapping[str, float]) -> None:
        """Append a line to `kind.csv`; all lines of a kind have the same names.

        Raises OutputError.
        """
        path = self.folder / f"{kind}.csv"
        row = [step, *(f"{values[name]:.6g}" for name in sorted(values))]
        make_folder(self.folder)
        file_behind(path)  # no device
        try:
            with path.open("a+b") as file:
                new = not _drop_partial_line(file)
                lines = StringIO()
                csv.writer(lines).writerows([["step", *sorted(values)], row] if new else [row])
                file.write(lines.getvalue().encode())
        except OSError as error:
            raise failure(path, error) from error
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
        if "board" in vars(self) and self.board is not None:
            self.board.close()


def _drop_partial_line(file: BinaryIO) -> bool:
    """Cut off the beginning of a line that a killed run left at the end; whether lines stay."""
    size = file.seek(0, SEEK_END)
    file.seek(max(0, size - LONGEST_LINE))
    end = file.read()
    complete = size - len(end) + end.rfind(b"\n") + 1
    if complete < size:
        file.truncate(complete)
    return complete > 0
