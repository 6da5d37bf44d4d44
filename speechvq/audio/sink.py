"""A new sound file that is written piece by piece, and appears complete or not at all.

libsndfile does not report why writing fails, and for compressed formats not always that it does. So
the system is asked again, and the file is read once before it gets its name.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile

from speechvq.errors import OutputError
from speechvq.output import new_file

BLOCK = 1 << 18
"""Samples read at a time."""


@contextmanager
def new_sound(
    path: Path, rate: int, kind: str, subtype: str, *, force: bool
) -> Iterator[soundfile.SoundFile]:
    """A sound file of one channel, to write to. An existing file is replaced only with `force`.

    kind, subtype: the format, as soundfile calls it
    Raises OutputError.
    """
    with new_file(path, force=force) as file:
        descriptor = file.fileno()
        try:
            with soundfile.SoundFile(
                descriptor, "w", rate, 1, subtype, format=kind, closefd=False
            ) as sound:
                yield sound
                written = sound.frames
        except soundfile.LibsndfileError as error:
            _probe(descriptor)
            raise OutputError(f"cannot write {path}: {error.error_string}") from error
        _probe(descriptor)
        if _samples(descriptor) != written:
            raise OutputError(f"cannot write {path}: the system did not take all of it; try again")


def _probe(descriptor: int) -> None:
    """Write one more byte and remove it: raises the OSError that libsndfile has hidden."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    os.write(descriptor, b"\0")
    os.ftruncate(descriptor, end)


def _samples(descriptor: int) -> int:
    """The number of samples that can be read from a sound file."""
    os.lseek(descriptor, 0, os.SEEK_SET)
    count = 0
    try:
        with soundfile.SoundFile(descriptor, closefd=False) as sound:
            while length := len(sound.read(BLOCK, dtype="int16")):
                count += length
    except soundfile.LibsndfileError:
        pass  # the file is incomplete
    return count
