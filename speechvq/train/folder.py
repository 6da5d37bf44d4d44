"""The folder of a run: what it holds, and that it never takes the place of what it is made from."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from speechvq.data.manifest import Utterance
from speechvq.errors import TrainingError
from speechvq.output import check_sources

EXPERIMENT = "experiment.toml"
PRIOR = "prior.safetensors"

FILES = (EXPERIMENT, PRIOR, "tokens.txt", "train.csv", "validation.csv")
"""What runs write into their folders, beside checkpoints and TensorBoard events."""


def check_run(folder: Path, sources: Iterable[str | Path], rows: Sequence[Utterance] = ()) -> None:
    """Raises OutputError when a run would overwrite a file that it is made from.

    Raises TrainingError when its folder is one of those in which the recordings lie.
    """
    known = list(sources)
    for name in FILES:
        check_sources(folder / name, known)
    for place in {row.audio.parent for row in rows}:
        if folder.is_dir() and place.is_dir() and folder.samefile(place):
            raise TrainingError(
                f"{folder} holds the recordings; give the run a folder of its own with --folder"
            )
