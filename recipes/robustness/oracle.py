"""What a reader may do with a damaged file: read it correctly, or refuse it in one sentence.

Anything else is a fault: another exception than one of `speechvq.errors`, a warning other than
`AudioWarning`, more than 2 s of processor time, more than 256 MB of memory, a wrong result, and a
message that is long, has several lines or control characters, or does not name the file.

Time. The processor time of the process is measured around each file. After 2 s a timer of the
system (ITIMER_VIRTUAL) raises `OvertimeError` where Python code runs; a process that hangs in C
code is killed after 10 s of processor time (ITIMER_PROF), and one that waits without end after a
minute (ITIMER_REAL). `workers.py` then names the file.

Memory. The largest resident size of the process is reset before each file
(/proc/self/clear_refs, Linux only) and read after it; the growth counts. The address space may grow
by 2 GB, beyond which allocations fail: the MemoryError, or the message into which the library turns
it, is a fault, too.
"""

import os
import resource
import signal
import time
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import FrameType

from recipes.robustness.case import Case, Kind, WrongResultError
from speechvq.errors import AudioWarning, SpeechVQError

CPU_SECONDS = 2.0
STUCK_SECONDS = 10.0
"""Processor time after which a process that hangs is killed."""
WAITING_SECONDS = 60.0
"""Time after which a process that waits is killed."""
MEMORY = 256 << 20
ADDRESSES = 2 << 30
LONGEST = 600
"""Characters of a message without the path of the file; a name in it may have 255."""


class OvertimeError(BaseException):
    """No `except Exception` catches it."""


@dataclass(frozen=True)
class Verdict:
    """outcome: "read", the class of a refusal, or "fault"; fault: what is wrong, else empty."""

    outcome: str
    fault: str = ""


def verdict_of(kind: Kind, case: Case, folder: Path) -> Verdict:
    """Let a kind read a file, and check what it does."""
    peak = _Peak()
    begin = time.process_time()
    try:
        with _alarms(), warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", AudioWarning)  # which says what is missing, as it must
            kind.check(case, folder)
        verdict = Verdict("read")
    except SpeechVQError as error:
        verdict = _refusal(error, case)
    except WrongResultError as error:
        verdict = Verdict("fault", f"wrong result: {error}")
    except OvertimeError as error:
        verdict = Verdict("fault", f"more than {CPU_SECONDS:g} s{_place(error)}")
    except Exception as error:  # noqa: BLE001 - that is what is looked for
        name, text = type(error).__name__, str(error).partition("\n")[0][:120]
        verdict = Verdict("fault", f"{name}{_place(error)}: {text}")
    seconds, growth = time.process_time() - begin, peak.growth()
    if seconds > CPU_SECONDS and not verdict.fault:
        verdict = Verdict("fault", f"{seconds:.1f} s of processor time, then {verdict.outcome}")
    if growth > MEMORY:
        return Verdict(
            "fault", f"{growth >> 20} MB of memory, then {verdict.fault or verdict.outcome}"
        )
    return verdict


def limit_addresses() -> None:
    """Limit the growth of the address space of this process to `ADDRESSES` bytes."""
    used = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    limit = used * resource.getpagesize() + ADDRESSES
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.getrlimit(resource.RLIMIT_AS)[1]))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def complaint(text: str, name: str) -> str:
    """What is wrong with a message about the file of this name; empty if nothing is."""
    bare = " ".join(word for word in text.split(" ") if name not in word)
    complaints = {
        "not one line": len(text.splitlines()) != 1,
        "control characters": not text.isprintable(),
        f"{len(bare)} characters": len(bare) > LONGEST,
        "the file is not named": name not in text,
        "it asked for more memory than there is": "allocate" in text or "memory" in text.lower(),
    }
    return next((text for text, applies in complaints.items() if applies), "")


def _refusal(error: SpeechVQError, case: Case) -> Verdict:
    """The verdict on an error of the library."""
    text, name = str(error), type(error).__name__
    if wrong := complaint(text, case.name):
        return Verdict("fault", f"{name}{_place(error)}: {wrong}: {ascii(text)[:160]}")
    return Verdict(name)


def _place(error: BaseException) -> str:
    """Where in the library an error was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    inside = [frame for frame in frames if "/speechvq/" in frame.filename] or frames
    if not inside:
        return ""
    return f" at {Path(inside[-1].filename).name}:{inside[-1].lineno}"


@contextmanager
def _alarms() -> Iterator[None]:
    """Set the three timers, and reset them."""
    before = signal.signal(signal.SIGVTALRM, _overtime)
    signal.setitimer(signal.ITIMER_VIRTUAL, CPU_SECONDS)
    signal.setitimer(signal.ITIMER_PROF, STUCK_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, WAITING_SECONDS)
    try:
        yield
    finally:
        for timer in (signal.ITIMER_VIRTUAL, signal.ITIMER_PROF, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)
        signal.signal(signal.SIGVTALRM, before)


def _overtime(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise OvertimeError


class _Peak:
    """The growth of the resident size since the object was made."""

    def __init__(self) -> None:
        os.write(_proc("clear_refs", os.O_WRONLY), b"5")
        self.begin = _kilobytes("VmRSS")

    def growth(self) -> int:
        """In bytes."""
        return (_kilobytes("VmHWM") - self.begin) << 10


@cache
def _proc(name: str, flags: int) -> int:
    """A file of /proc/self, opened only once, because that takes longer than reading it."""
    return os.open(f"/proc/self/{name}", flags)


def _kilobytes(entry: str) -> int:
    status = os.pread(_proc("status", os.O_RDONLY), 4096, 0)
    return int(status.partition(f"\n{entry}:".encode())[2].split(None, 1)[0])
