"""Standard output and standard error, as every command uses them.

Results go to standard output: if they cannot be written, the command fails. Remarks, progress and
errors go to standard error: if they cannot be written, they are dropped. Neither passes on what a
terminal would obey (`printable`), whoever prints it: a command, a library, or a warning.
"""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO, cast

from speechvq.printable import printable

if TYPE_CHECKING:
    from rich.console import Console


class StandardOutputError(Exception):
    """Standard output cannot be written, for the reason that the system gives."""

    def __init__(self, reason: OSError | ValueError) -> None:
        self.errno = getattr(reason, "errno", None)
        closed = self.errno in (None, errno.EBADF)
        why = "it is closed" if closed else getattr(reason, "strerror", None) or str(reason)
        super().__init__(f"standard output cannot be written: {why}")


class _Stream:
    """A stream that writes to another; everything else about it is as it is there."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the stream has
        return getattr(self.stream, name)

    def write(self, text: str) -> int:
        """Write text, as far as it can be; says that all of it was written."""
        with self._guarded():
            self.stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._guarded():
            self.stream.flush()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        yield


class _Drawing(_Stream):
    """Standard error for progress bars, which move the cursor. It never fails."""

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        with suppress(OSError, ValueError):
            yield


class _Remarks(_Drawing):
    """Standard error for everything else. It never fails, and holds nothing to obey."""

    def write(self, text: str) -> int:
        return super().write(printable(text, keep="\n\t"))


class _Results(_Stream):
    """Standard output. Raises StandardOutputError; holds nothing to obey."""

    def write(self, text: str) -> int:
        return super().write(printable(text, keep="\n\t"))

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:
            raise StandardOutputError(error) from error


@contextmanager
def standard_streams() -> Iterator[None]:
    """Replace the standard streams, also closed ones, by those of this module."""
    _fill_closed()
    previous = sys.stdout, sys.stderr
    out, err = previous
    for stream in previous:
        if hasattr(stream, "reconfigure"):  # a name that an encoding lacks is no reason to fail
            cast("Any", stream).reconfigure(errors="backslashreplace")
    if cast("TextIO | None", out) is None:
        out = open(1, "w", closefd=False, encoding="utf-8")  # noqa: SIM115 - a descriptor
    if cast("TextIO | None", err) is None:
        err = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - closed at the end
    sys.stdout, sys.stderr = cast("TextIO", _Results(out)), cast("TextIO", _Remarks(err))
    try:
        yield
    finally:
        sys.stdout, sys.stderr = previous


def _fill_closed() -> None:
    """Open what can be neither written nor read in place of closed descriptors.

    The next file that is opened would take their place, and get what is printed.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            null = os.open(os.devnull, os.O_RDONLY if descriptor else os.O_WRONLY)
            os.set_inheritable(null, True)  # noqa: FBT003 - a child would fall into the same hole


def give_up_output() -> None:
    """Forget what standard output has not taken, so that it does not fail again at the end."""
    with suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)


def console() -> "Console":
    """Where progress bars are drawn: standard error."""
    from rich.console import Console

    stream = sys.stderr
    drawing = _Drawing(stream.stream) if isinstance(stream, _Remarks) else stream
    return Console(file=cast("TextIO", drawing), highlight=False, soft_wrap=True)


def show(*cells: object) -> None:
    """Print a line of a result; its cells are separated by tabs, and none breaks it."""
    sys.stdout.write("\t".join(printable(str(cell)) for cell in cells) + "\n")
    sys.stdout.flush()


def show_lines(text: str) -> None:
    """Print a result of several lines."""
    for line in text.removesuffix("\n").split("\n"):
        show(line)


def say(text: str, *, quiet: bool = False) -> None:
    """Print a remark or an error, a line, for the person at the terminal."""
    if not quiet:
        sys.stderr.write(f"{printable(text)}\n")
        sys.stderr.flush()
