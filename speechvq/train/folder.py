"""The folder of a run: what it holds, and that it never takes the place of what it is made from."""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from speechvq.data.manifest import Utterance
from speechvq.errors import TrainingError
from speechvq.output import check_sources

EXPERIMENT = "experiment.toml"
PRIOR = "prior.safetensors"

OVERWRITTEN = (PRIOR, "train.csv", "validation.csv")
"""What runs write anew, or go on writing, in their folders."""

FILES = (EXPERIMENT, "tokens.txt", *OVERWRITTEN)
"""What runs write into their folders, beside checkpoints and TensorBoard events."""


def check_run(folder: Path, sources: Iterable[str | Path], rows: Sequence[Utterance] = ()) -> None:
    """Raises OutputError when a run would overwrite a file that it is made from.

    Raises TrainingError when its folder is one of those in which the recordings lie, or holds
    files of the names that runs use, and no run.
    """
    inputs = list(sources)
    for name in FILES:
        check_sources(folder / name, inputs)
    for place in {row.audio.parent for row in rows}:
        if folder.is_dir() and place.is_dir() and folder.samefile(place):
            raise TrainingError(
                f"{folder} holds the recordings; give the run a folder of its own with --folder"
            )
    if not (folder / EXPERIMENT).exists():  # a run writes it first
        for name in OVERWRITTEN:
            if os.path.lexists(folder / name):
                raise TrainingError(
                    f"{folder / name} is of no run, and a run there would write into it; give the "
                    "run a folder of its own with --folder"
                )
