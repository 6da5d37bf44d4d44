"""Progress bars on stderr. The library counts, and only the command line draws."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from speechvq.cli.streams import console

LONG = 60.0
"""Seconds of audio from which a progress bar is shown."""


@contextmanager
def audio_progress(
    label: str, seconds: float, *, quiet: bool
) -> Iterator[Callable[[float], None] | None]:
    """A bar over seconds of audio, called with the seconds done since the last call.

    It is shown for long recordings only, and on a terminal only.
    """
    if quiet or seconds < LONG or not console().is_terminal:
        yield None
        return
    with bar(label, seconds, quiet=quiet) as advance:
        yield advance


@contextmanager
def codes_progress(
    label: str, seconds: float, count: int, *, quiet: bool
) -> Iterator[Callable[[int], None] | None]:
    """As `audio_progress`, but called with the codes done, of which there are `count`."""
    with audio_progress(label, seconds, quiet=quiet) as advance:
        yield None if advance is None else lambda done: advance(done * seconds / count)


@contextmanager
def bar(label: str, total: float, *, quiet: bool) -> Iterator[Callable[[float], None]]:
    """A bar that vanishes at the end; called with the amount done since the last call.

    It is shown on a terminal only: elsewhere rich would print an empty line.
    """
    if quiet or not console().is_terminal:
        yield lambda _: None
        return
    from rich.progress import Progress

    with Progress(console=console(), transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda done: progress.advance(task, done)
