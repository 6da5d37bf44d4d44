"""Audio files opened for libsndfile, whatever they are called, and what it says when it cannot."""

import io
import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
from numpy.typing import NDArray

from speechvq.audio.formats import KNOWN, UNREADABLE, advice
from speechvq.audio.layout import Stream
from speechvq.audio.pieces import Pieces
from speechvq.codes.file import MAGIC
from speechvq.errors import AudioError
from speechvq.input import open_input

UNCERTAIN = ("AVR", "HTK", "MAT4", "MAT5", "MPC2K", "SDS", "WVE", "XI")
"""Formats of which libsndfile reads truncated files as if they were complete."""

BUFFER = 1 << 16
"""Bytes that are read at a time; decoders ask for far fewer."""


class Reader(soundfile.SoundFile):
    """A file that is read from beginning to end.

    soundfile would otherwise seek after each read, and stop at the length that the header declares.
    """

    def seekable(self) -> bool:
        """Always false, so that soundfile does not seek."""
        return False


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """An open audio file. Raises AudioError for anything but a file that the system can read."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        mode = stat.S_IFREG  # `open_input` gives the reason
    if stat.S_ISDIR(mode):
        raise AudioError(f"{path} is a folder; give an audio file")
    if not stat.S_ISREG(mode):
        raise AudioError(
            f"{path} is a device or a pipe; give an audio file, such as one that "
            "`cat > recording` has written"
        )
    try:
        with open_input(path, AudioError, what="audio file") as file:
            yield file
    except OSError as error:
        raise AudioError(f"{path} cannot be read: {error.strerror or error}") from error


@contextmanager
def reader(file: BinaryIO, stream: Stream, path: Path) -> Iterator[Reader]:
    """A stream of a file, opened by libsndfile. Raises AudioError, or OSError."""
    pieces = Pieces(file, stream.pieces, endless=stream.endless)
    try:
        sound = Reader(io.BufferedReader(pieces, BUFFER))  # pyright: ignore[reportArgumentType] - it takes any file object
    except soundfile.LibsndfileError as error:
        if pieces.error is not None:
            raise pieces.error from error
        file.seek(0)
        if file.read(len(MAGIC)) == MAGIC:
            raise AudioError(
                f"{path} is a code file; `speechvq decode` makes audio of it"
            ) from error
        raise no_audio(path, error.error_string.strip().rstrip(".")) from error
    with sound:
        if sound.format in UNCERTAIN:
            raise no_audio(path, f"the length of a file of type {sound.format} cannot be verified")
        yield sound
    if pieces.error is not None:
        raise pieces.error


def blocks(sound: Reader, size: int, path: Path, before: int = 0) -> Iterator[NDArray[np.float32]]:
    """The samples of a stream, in blocks (n, c) of at most `size` samples per channel.

    before: samples of the file before this stream, for the error message
    Raises AudioError where it cannot be decoded.
    """
    left = sound.frames  # a decoder that is asked for more may fail on what follows
    try:
        while left:
            with _quiet() if sound.subtype.startswith("MPEG") else nullcontext():
                block = sound.read(min(size, left), dtype="float32", always_2d=True)
            if not len(block):
                break
            before, left = before + len(block), left - len(block)
            yield np.asarray(block, np.float32)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{path} is damaged or cut off, at some time after {before / sound.samplerate:.1f} s "
            f"({str(error).strip().rstrip('.')}); `{advice(path)}` keeps what can be read"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress what libmpg123 prints on standard error, which it also does for intact files.

    Only while no other thread runs, which might print or fork a process meanwhile.
    """
    if threading.active_count() > 1:
        yield
        return
    try:
        before = os.dup(2)
    except OSError:  # standard error is closed
        yield
        return
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(before, 2)
        os.close(null)
        os.close(before)


def no_audio(path: Path, reason: str) -> AudioError:
    """The error for a file that libsndfile cannot read, with advice."""
    if path.suffix.lower() in UNREADABLE:
        return AudioError(f"{path} is of a kind that is not read; convert it with `{advice(path)}`")
    return AudioError(
        f"{path} is not audio that can be read ({reason}); known formats: {KNOWN}; of others, "
        f"`{advice(path)}` makes one"
    )
