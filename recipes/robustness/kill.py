"""Kill each command that writes files at random moments, and check what is left.

    python -m recipes.robustness.kill --kills 220 --seed 1

Each trial starts a command, into an empty folder or over an earlier result, ends it with SIGKILL,
SIGTERM, SIGINT or SIGHUP, and runs it again to its end. Checked is that

- each result is the earlier one or the new one, byte for byte, and never half of it;
- SIGTERM, SIGINT and SIGHUP leave no temporary file;
- the next run leaves none either, and its result is that of an undisturbed run. A training goes on
  where it stopped and ends with the same weights.

Most commands run in forks of one process that has imported everything, so that the moments fall
into their work; one trial in twenty is a process of its own. Exits with 1 after a fault.
"""

import atexit
import importlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Annotated

import torch
import typer

from recipes.robustness.writers import Writer, material, preparations, writers
from recipes.script import print_header, print_row, progress, run
from speechvq.cli import main as speechvq
from speechvq.errors import SpeechVQError
from speechvq.train.checkpoint import checkpoints

PARTS = (
    "speechvq.cli.commands",
    "speechvq.prior.generate",
    "speechvq.train.codec.export",
    "speechvq.train.codec.run",
    "speechvq.train.prior.run",
    "speechvq.units.evaluation.results",
    "torch.utils.tensorboard",
)
"""Modules that commands import; they are imported before the forks."""

SIGNALS = (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
OWN_PROCESS = 20
"""One trial of this many runs in a process of its own."""

VARYING = ("events.out.tfevents", "train.csv", "validation.csv", "experiment.toml")
"""Files of a run that contain times or its folder."""

Content = dict[str, bytes]


@dataclass
class Tally:
    """The outcomes of the kills of a command.

    left: temporary files after SIGKILL, which the next run removed
    """

    kills: int = 0
    met: Counter[str] = field(default_factory=Counter)
    left: int = 0
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Reference:
    """The result of an undisturbed command, and its time in s as a fork and as a process."""

    content: Content
    seconds: float
    process_seconds: float


def main(
    kills: Annotated[int, typer.Option(help="How many, over all commands.", min=1)] = 220,
    seed: Annotated[int, typer.Option(help="Each seed gives other moments.")] = 1,
    only: Annotated[
        list[str] | None, typer.Option(help="This command; may be given again.")
    ] = None,
) -> None:
    """Kill the commands; print a Markdown table."""
    torch.set_num_threads(1)
    for part in PARTS:
        importlib.import_module(part)
    folder = Path(mkdtemp(prefix="kills-"))
    process = os.getpid()
    try:
        faults = table(folder, kills, random.Random(seed), only)  # noqa: S311
    finally:
        if os.getpid() == process:
            shutil.rmtree(folder)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(1)


def table(folder: Path, kills: int, rng: random.Random, only: Sequence[str] | None) -> list[str]:
    """Print the outcomes for each command; return the faults."""
    (folder / "material").mkdir()
    candidates = writers(folder / "material")
    chosen = {name: writer for name, writer in candidates.items() if not only or name in only}
    material(folder / "material")
    for words in preparations(folder / "material", run="export" in chosen):
        if waited(forked(words)):
            raise SpeechVQError(f"{words} fails")
    own = kills >= OWN_PROCESS * len(chosen)
    references = {name: reference(writer, folder, own=own) for name, writer in chosen.items()}
    tallies = {name: Tally() for name in chosen}
    for number in progress(range(kills), "killing"):
        name = list(chosen)[number % len(chosen)]
        as_process = own and number // len(chosen) % OWN_PROCESS == OWN_PROCESS - 1
        trial(chosen[name], references[name], folder, rng, tallies[name], as_process=as_process)
    print_header("command", "kills", "earlier kept", "nothing there", "new", "partly run", "left")
    columns = ("earlier", "nothing", "new", "partly run")
    for name, tally in tallies.items():
        print_row(name, tally.kills, *(tally.met[column] for column in columns), tally.left)
    met = [sum(tally.met[column] for tally in tallies.values()) for column in columns]
    print_row("all", kills, *met, sum(tally.left for tally in tallies.values()))
    return [f"{name}: {fault}" for name, tally in tallies.items() for fault in tally.faults]


def reference(writer: Writer, folder: Path, *, own: bool) -> Reference:
    """Run a command undisturbed. Raises SpeechVQError if it fails."""
    seconds = []
    place = folder / "reference"
    for as_process in (False, True)[: 1 + own]:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        begun = time.monotonic()
        if waited(started(writer.words(place / writer.name), as_process=as_process)):
            raise SpeechVQError(f"{writer.words(place)} fails undisturbed")
        seconds.append(time.monotonic() - begun)
    return Reference(content_of(place / writer.name, writer), seconds[0], seconds[-1])


def trial(
    writer: Writer,
    undisturbed: Reference,
    folder: Path,
    rng: random.Random,
    tally: Tally,
    *,
    as_process: bool,
) -> None:
    """Start a command, kill it, check the result, and run it again."""
    place = folder / "trial"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    target, number = place / writer.name, rng.choice(SIGNALS)
    earlier = earlier_result(target, undisturbed) if writer.force and rng.random() < 0.5 else {}
    words = [*writer.words(target), *(["--force"] if earlier else [])]
    seconds = undisturbed.process_seconds if as_process else undisturbed.seconds
    moment = rng.random() * 1.1 * seconds
    pid = started(words, as_process=as_process)
    time.sleep(moment)
    os.kill(pid, number)
    code = waited(pid)
    tally.kills += 1

    def fault(text: str) -> None:
        tally.faults.append(f"{number.name} after {moment:.3f} of {seconds:.3f} s: {text}")

    if code not in (0, -number, 128 + number):
        fault(f"exit code {code}")
    left = unfinished(place)
    if number == signal.SIGKILL:
        tally.left += len(left)
    elif left:
        fault(f"leaves {left}")
    met = state(target, writer, earlier, undisturbed.content)
    tally.met[met] += 1
    if met == "damaged":
        fault("the result is neither the earlier nor the new one")
    force = ["--force"] if writer.force and target.exists() else []
    if waited(forked([*writer.words(target), *force])):
        fault("the next run fails")
    elif content_of(target, writer) != undisturbed.content:
        fault("the next run has another result")
    if left := unfinished(place):
        fault(f"the next run leaves {left}")


def earlier_result(target: Path, undisturbed: Reference) -> Content:
    """Write an earlier result, different from the new one wherever possible."""
    content = dict.fromkeys(undisturbed.content, b"earlier\n" * 99)
    if target.suffix == ".tables":  # only tables are replaced by tables
        content = undisturbed.content
    for name, data in content.items():
        path = target / name if name else target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return content


def state(target: Path, writer: Writer, earlier: Content, new: Content) -> str:
    """The state of a result after a kill: nothing, earlier, new, partly run or damaged."""
    if not target.exists():
        return "nothing" if not earlier else "damaged"
    content = content_of(target, writer)
    if content in (new, earlier):
        return "new" if content == new else "earlier"
    if writer.run:
        complete = all((path / "state.json").is_file() for path in checkpoints(target))
        logs = [path.read_bytes() for path in target.glob("*.csv")]
        complete = complete and all(log.endswith(b"\n") for log in logs)
        return "partly run" if complete else "damaged"
    mixed = set(content) == set(new) == set(earlier) and len(content) > 1
    if mixed and all(content[name] in (earlier[name], new[name]) for name in content):
        return "new"  # the files of a folder that was there take their places one by one
    return "damaged"


def content_of(target: Path, writer: Writer) -> Content:
    """The bytes of a file, or of the files in a folder except those that vary between runs."""
    if target.is_file():
        return {"": target.read_bytes()}
    return {
        str(path.relative_to(target)): path.read_bytes()
        for path in sorted(target.rglob("*"))
        if path.is_file() and not (writer.run and path.name.startswith(VARYING))
    }


def unfinished(place: Path) -> list[str]:
    """Temporary files and folders."""
    return [str(path.relative_to(place)) for path in place.rglob("*.partial")]


def started(words: Sequence[str | Path], *, as_process: bool) -> int:
    """Start a command as a process of its own, or as a fork; its process id."""
    if not as_process:
        return forked(words)
    command = [sys.executable, "-m", "speechvq", *map(str, words)]
    quiet = subprocess.DEVNULL
    return subprocess.Popen(command, stdout=quiet, stderr=quiet).pid  # noqa: S603


def forked(words: Sequence[str | Path]) -> int:
    """Run a command in a fork of this process; its process id."""
    if pid := os.fork():
        return pid
    code = 1
    try:
        quiet = os.open(os.devnull, os.O_RDWR)
        for descriptor in range(3):
            os.dup2(quiet, descriptor)
        sys.argv = ["speechvq", *map(str, words)]
        speechvq()
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        atexit._run_exitfuncs()  # noqa: SLF001 - what `sys.exit` would run
        os._exit(code)


def waited(pid: int) -> int:
    """The exit code of a process, negative for the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    run(main)
