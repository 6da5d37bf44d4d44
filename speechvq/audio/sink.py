"""A new sound file that is written piece by piece, and whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile

from speechvq.errors import OutputError
from speechvq.output import new_file

PROBE = bytes(1 << 16)
"""What is written to hear from the system why it refused libsndfile, which does not tell."""


@contextmanager
def new_sound(
    path: Path, rate: int, kind: str, subtype: str, *, force: bool
) -> Iterator[soundfile.SoundFile]:
    """A sound file of one channel, to write to. An existing file is replaced only with `force`.

    kind, subtype: what soundfile calls the format
    Raises OutputError.
    """
    with new_file(path, force=force) as file:
        descriptor = file.fileno()
        try:
            with soundfile.SoundFile(
                descriptor, "w", rate, 1, subtype, format=kind, closefd=False
            ) as sound:
                yield sound
        except soundfile.LibsndfileError as error:
            os.lseek(descriptor, 0, os.SEEK_END)
            os.write(descriptor, PROBE)  # which raises, and all of it is thrown away
            os.fsync(descriptor)
            raise OutputError(f"cannot write {path}: {error.error_string}") from error
