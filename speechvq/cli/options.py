"""Options that several commands share, and how commands talk: results on stdout, words on stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

Force = Annotated[bool, typer.Option("--force", "-f", help="Overwrite the output if it exists.")]
Model = Annotated[
    Path | None,
    typer.Option("--model", "-m", help="A model file instead of the one that comes along."),
]
Device = Annotated[str, typer.Option("--device", help="Where to compute: cpu, cuda or mps.")]
NumCodebooks = Annotated[
    int | None,
    typer.Option("--codebooks", "-l", help="Keep only the first so many codebooks.", min=1),
]
Kbps = Annotated[
    float | None, typer.Option("--kbps", "-k", help="Keep as many codebooks as fit into this rate.")
]
PriorFile = Annotated[
    Path | None,
    typer.Option(
        "--prior",
        help="A prior instead of the one that comes along; `speechvq prior train` makes one.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress and no remarks.")]

LONG = 60.0
"""Seconds of audio from which a progress bar is shown."""


def console() -> Console:
    """Where words go: standard error."""
    return Console(stderr=True, highlight=False, soft_wrap=True)


def say(text: str, *, quiet: bool = False) -> None:
    """A remark for the person at the terminal."""
    if not quiet:
        console().print(text, markup=False, emoji=False)


@contextmanager
def progress(
    label: str, seconds: float, *, quiet: bool
) -> Iterator[Callable[[float], None] | None]:
    """A progress bar over seconds of audio, shown for long files on a terminal only."""
    out = console()
    if quiet or seconds < LONG or not out.is_terminal:
        yield None
        return
    from rich.progress import Progress

    with Progress(console=out, transient=True) as bar:
        task = bar.add_task(label, total=seconds)
        yield lambda done: bar.advance(task, done)


def coders(model: Path | None, named=None, report: Callable[[int], None] | None = None) -> list:  # noqa: ANN001 - a Prior
    """What may have coded a file: the tables beside a model, and a prior, which reports the codes it is done with.

    Raises ModelError.
    """
    from speechvq.codec.file import tables_beside

    found: list = [*tables_beside(model)]
    if named is not None:
        from speechvq.prior.integer.coder import PriorCoder

        found.append(PriorCoder(named, report))
    return found


@contextmanager
def coding(
    label: str, seconds: float, count: int, *, quiet: bool
) -> Iterator[Callable[[int], None] | None]:
    """As `progress`, told of codes, of which there are `count` in so many seconds."""
    with progress(label, seconds, quiet=quiet) as report:
        yield None if report is None else lambda done: report(done * seconds / count)
