"""Speech of a given length for the benchmarks: clips, repeated."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from speechvq.audio.reading import Wave, read_mono
from speechvq.errors import AudioError

CLIPS = Path(__file__).parents[2] / "tests" / "clips"


def clips_or(files: Sequence[Path]) -> list[Path]:
    """The files, or the clips of the tests where none are given.

    Raises AudioError when there are neither.
    """
    clips = list(files) or sorted(CLIPS.glob("*.flac"))
    if not clips:
        raise AudioError(f"there are no clips in {CLIPS}; name an audio file")
    return clips


def repeated(files: Sequence[Path], rate: int, samples: int) -> Iterator[Wave]:
    """Chunks (t,) of the files at `rate` Hz, repeated, `samples` in all. Raises AudioError."""
    clips = np.concatenate([read_mono(path, rate) for path in files])
    for first in range(0, samples, len(clips)):
        yield clips[: samples - first]


def tiled(files: Sequence[Path], rate: int, seconds: float) -> Wave:
    """`repeated` as one waveform (t,)."""
    return np.concatenate(list(repeated(files, rate, round(seconds * rate))))
