"""What the scripts of the recipes share: how they start, their options, and Markdown tables."""

import sys
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import track

from speechvq.errors import SpeechVQError
from speechvq.output import new_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = TypeVar("T")

ManifestFile = Annotated[
    Path, typer.Argument(help="A manifest of recordings: one JSON object per line.")
]
Corpus = Annotated[str | None, typer.Option(help="Only recordings of this corpus.")]
Count = Annotated[
    int | None, typer.Option(help="Only this many recordings, spread over the speakers.", min=1)
]
ModelFile = Annotated[Path | None, typer.Option(help="A model file instead of the bundled one.")]
PriorFile = Annotated[Path | None, typer.Option(help="A prior file instead of the bundled one.")]


def run(main: Callable[..., Any]) -> None:
    """Run a script's `main`; an error of the library is one sentence on standard error."""
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"{Path(sys.argv[0]).stem}: {error}")


def save_figure(figure: "Figure", path: Path, dpi: int) -> None:
    """Write a figure in the format that its name says, whole or not at all. Raises OutputError."""
    picture = BytesIO()
    figure.savefig(picture, dpi=dpi, format=path.suffix.removeprefix(".") or "png")
    with new_file(path, force=True) as file:
        file.write(picture.getvalue())


def progress(items: Sequence[T], label: str) -> Iterable[T]:
    """The items, with a progress bar on standard error where that is a terminal."""
    console = Console(stderr=True)
    return track(items, label, console=console, transient=True, disable=not console.is_terminal)


def print_header(*columns: str) -> None:
    """Print the head of a Markdown table."""
    print_row(*columns)
    print("|---" * len(columns) + "|", flush=True)


def print_row(*cells: object) -> None:
    """Print a row of a Markdown table."""
    print(f"| {' | '.join(map(str, cells))} |", flush=True)
