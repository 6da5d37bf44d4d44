"""Speech of a wanted length for the benchmarks: some clips one after another, again and again."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from speechvq.audio.files import Wave, read_mono
from speechvq.errors import AudioError

CLIPS = Path(__file__).parents[2] / "tests" / "clips"


def clips_or(files: Sequence[Path]) -> list[Path]:
    """The files, or the clips that come with the tests where none are given. Raises AudioError when there is neither."""
    found = list(files) or sorted(CLIPS.glob("*.flac"))
    if not found:
        raise AudioError(f"there are no clips in {CLIPS}; name an audio file")
    return found


def repeated(files: Sequence[Path], rate: int, samples: int) -> Iterator[Wave]:
    """The files' samples at a rate, over and over in pieces of one round, `samples` in all. Raises AudioError."""
    once = np.concatenate([read_mono(path, rate) for path in files])
    for first in range(0, samples, len(once)):
        yield once[: samples - first]


def tiled(files: Sequence[Path], rate: int, seconds: float) -> Wave:
    """`repeated` as one waveform (t,)."""
    return np.concatenate(list(repeated(files, rate, round(seconds * rate))))
