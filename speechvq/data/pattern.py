"""Regular expressions of users that match the speaker in file names."""

import re
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from speechvq.errors import SpeechVQError, shown

LONGEST = 1000
"""Characters of a regular expression, at most."""

SECONDS = 5
"""Time limit for all names together; most regular expressions take a microsecond per name."""


def speaker_pattern(pattern: str, error: type[SpeechVQError]) -> re.Pattern[str]:
    """A regular expression whose only group is the speaker. Raises `error` for anything else."""
    if len(pattern) > LONGEST:
        raise error(f"{shown(pattern)} has more than {LONGEST} characters; shorten it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            regex = re.compile(pattern)
    except (re.error, ValueError, OverflowError, RecursionError, Warning) as reason:
        raise error(
            f"{shown(pattern)} is not a regular expression ({reason}); fix --speaker-pattern"
        ) from reason
    if regex.groups != 1:
        raise error(
            f"{shown(pattern)} has {regex.groups or 'no'} groups; put one group, in brackets, "
            "around the speaker, as in '([a-z]+)-.*', and others in (?:...)"
        )
    return regex


def speakers_in(
    names: Sequence[str], regex: re.Pattern[str], error: type[SpeechVQError]
) -> list[str | None]:
    """What the group of a pattern matches in each name; None where it matches nothing.

    Raises `error` for a pattern that takes too long; only the main thread can measure that.
    """
    with _time_limit(SECONDS):
        try:
            matches = [regex.search(name) for name in names]
        except TimeoutError:
            raise error(
                f"{shown(regex.pattern)} takes too long on {len(names)} names; give a simpler "
                "pattern: no repetition inside another, as in (a+)+"
            ) from None
    return [(match[1] or None) if match else None for match in matches]


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeoutError in code that takes longer, where the system has timers."""
    main = threading.current_thread() is threading.main_thread()
    if not main or not hasattr(signal, "setitimer"):
        yield
        return

    def stop(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
