"""Signals that end a program: it cleans up, says nothing, and ends with 128 + the signal's number.

Python runs a handler in the main thread, between two of its instructions. The exception of the
handler unwinds what is going on there, so that temporary files vanish and child processes end.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""What asks a program to end. Those that are ignored when it starts stay so, as nohup wants."""

CLEANING = 5.0
"""Seconds after a signal in which further ones are ignored: they would interrupt the cleaning."""

AGAIN = 0.02
"""Seconds after which a signal is raised again that came where exceptions are lost."""


class Ended(SystemExit):
    """A signal has come."""


class Signals:
    """The signals that have come.

    code: the exit code for the first of them, or None as long as there is none
    """

    def __init__(self) -> None:
        self.code: int | None = None
        self._since = -CLEANING

    def end(self, number: int, frame: FrameType | None = None) -> None:
        """The handler. Raises Ended."""
        del frame
        now = time.monotonic()
        if now - self._since >= CLEANING:
            self.code, self._since = self.code or 128 + number, now
            raise Ended(self.code)

    def end_again(self, number: int, frame: FrameType | None = None) -> None:
        """The handler of the timer for a signal whose exception was lost. Raises Ended."""
        del number, frame
        raise Ended(self.code)

    def catch_lost(self, arguments: "sys.UnraisableHookArgs") -> None:
        """The hook for exceptions that cannot be raised, as in a destructor."""
        if isinstance(arguments.exc_value, Ended):
            signal.setitimer(signal.ITIMER_REAL, AGAIN)
        else:
            sys.__unraisablehook__(arguments)


@contextmanager
def handlers() -> Iterator[Signals]:
    """In this context, signals raise Ended; once one has come, all are ignored after it."""
    signals = Signals()
    previous = {number: signal.signal(number, signals.end) for number in _handled_signals()}
    previous[signal.SIGALRM] = signal.signal(signal.SIGALRM, signals.end_again)
    hook, sys.unraisablehook = sys.unraisablehook, signals.catch_lost
    try:
        yield signals
    finally:
        sys.unraisablehook = hook
        for number, handler in previous.items():
            signal.signal(number, handler if signals.code is None else signal.SIG_IGN)


def start() -> None:
    """From here on, signals end the process at once: while it imports, there is nothing to clean.

    For the beginning of a program.
    """
    for number in _handled_signals():
        signal.signal(number, _leave)


def _handled_signals() -> list[signal.Signals]:
    return [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]


def _leave(number: int, frame: FrameType | None) -> None:
    del frame
    os._exit(128 + number)
