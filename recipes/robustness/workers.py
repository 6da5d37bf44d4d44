"""Processes that check files separately, so that one that dies names its file."""

import multiprocessing
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from recipes.robustness.case import Kind, generator
from recipes.robustness.oracle import limit_addresses, verdict_of

MakeKind = Callable[[int], Kind]
"""Makes a kind of files from a seed; a function at the top of a module."""


@dataclass
class Results:
    """What happened to the files of a span.

    outcomes: their numbers by outcome
    faults: what is wrong, by the index of the file
    seconds: processor time for making, reading and checking them
    """

    span: range
    outcomes: Counter[str] = field(default_factory=Counter)
    faults: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0


def results(
    make_kind: MakeKind, seed: int, spans: Iterable[range], processes: int
) -> Iterator[Results]:
    """Check the files of all spans, in any order."""
    waiting, running = list(reversed(list(spans))), list[_Worker]()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="fuzz-")))
        while waiting or running:
            while waiting and len(running) < processes:
                worker = _Worker(make_kind, seed, folder)
                stack.callback(worker.stop)
                running.append(worker)
                worker.start(waiting.pop())
            ready = wait([worker.connection for worker in running])
            for worker in [worker for worker in running if worker.connection in ready]:
                span_results, rest = worker.finish()
                waiting += rest
                yield span_results
                if worker.process.is_alive() and waiting:
                    worker.start(waiting.pop())
                else:
                    worker.stop()
                    running.remove(worker)


class _Worker:
    """A process, and the span that it works at."""

    def __init__(self, make_kind: MakeKind, seed: int, folder: Path) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.index = context.RawValue("q", -1)
        arguments = (make_kind, seed, folder, other, self.index)
        self.process = context.Process(target=_work, args=arguments, daemon=True)
        self.span = range(0)
        self.process.start()
        other.close()

    def start(self, span: range) -> None:
        self.span, self.index.value = span, -1
        self.connection.send(span)

    def finish(self) -> tuple[Results, list[range]]:
        """The results of the span, and what of it is still to do."""
        try:
            return self.connection.recv(), []
        except (EOFError, ConnectionError):
            self.process.join()
        index, code = int(self.index.value), self.process.exitcode or 0
        if index < 0:
            raise RuntimeError(f"a worker ended with {code} before its first file")
        fault = f"the process ended: {_ending(code)}"
        faulty = Results(range(index, index + 1), Counter(fault=1), {index: fault})
        rest = [range(self.span.start, index), range(index + 1, self.span.stop)]
        return faulty, [span for span in rest if span]

    def stop(self) -> None:
        self.process.kill()
        self.process.join()
        self.connection.close()


def _ending(code: int) -> str:
    """The exit code of a process in words."""
    if code >= 0:
        return f"exit code {code}"
    words = {
        signal.SIGPROF: "it did not come back, and used the processor",
        signal.SIGALRM: "it waited for something that did not come",
    }
    end = signal.Signals(-code)
    return words.get(end, end.name)


def _work(make_kind: MakeKind, seed: int, folder: Path, connection: Connection, index: Any) -> None:  # noqa: ANN401 - a shared number
    """Check spans until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the main process ends this one
    own = folder / str(os.getpid())
    own.mkdir()
    sys.stderr = os.fdopen(os.dup(2), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libmpg123 has much to say of damaged files
    kind = make_kind(seed)
    limit_addresses()
    while True:
        try:
            span = connection.recv()
        except EOFError:
            return
        connection.send(_judge_span(kind, seed, span, own, index))


def _judge_span(kind: Kind, seed: int, span: range, folder: Path, index: Any) -> Results:  # noqa: ANN401
    span_results, begin = Results(span), time.process_time()
    for number in span:
        index.value = number
        verdict = verdict_of(kind, kind.make(generator(seed, number)), folder)
        span_results.outcomes[verdict.outcome] += 1
        if verdict.fault:
            span_results.faults[number] = verdict.fault
    span_results.seconds = time.process_time() - begin
    return span_results
