"""What the scripts of the recipes share: how they start, their options, and Markdown tables."""

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from rich.progress import track

from speechvq.cli import program
from speechvq.cli.command import Command
from speechvq.cli.streams import console
from speechvq.errors import OutputError
from speechvq.input import read_text
from speechvq.limits import MANIFEST_BYTES
from speechvq.output import new_file
from speechvq.printable import printable

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
Codebooks = Annotated[
    list[int] | None, typer.Option(help="A number of codebooks; may be given several times.")
]
WhisperModel = Annotated[
    str | None,
    typer.Option(
        "--whisper", help="Whisper for word errors: a folder, or a name such as base (downloaded)."
    ),
]
Language = Annotated[str, typer.Option(help="What is spoken, in two letters, as for Whisper.")]
ResultsFile = Annotated[
    Path | None,
    typer.Option(help="A JSON file for what is found; one that exists is gone on with."),
]
PriorFile = Annotated[Path | None, typer.Option(help="A prior file instead of the bundled one.")]


def run(main: Callable[..., Any]) -> None:
    """Run a script's `main` as the commands of `speechvq` run, with their exit codes."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None)
    app.command(cls=Command)(main)
    spec = sys.modules["__main__"].__spec__
    name = Path(sys.argv[0]).stem
    program.run(app, name, name if spec is None else f"python -m {spec.name}")


def read_result(path: Path) -> Any:  # noqa: ANN401 - any JSON
    """What a script wrote earlier. Raises OutputError where that is damaged."""
    advice = "delete it, and run the same command again"
    text = read_text(path, OutputError, limit=MANIFEST_BYTES, what="result", advice=advice)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise OutputError(f"{path} is damaged: {error}; {advice}") from error


def save_figure(figure: "Figure", path: Path, dpi: int) -> None:
    """Write a figure in the format that its name says, whole or not at all. Raises OutputError."""
    picture = BytesIO()
    figure.savefig(picture, dpi=dpi, format=path.suffix.removeprefix(".") or "png")
    with new_file(path, force=True) as file:
        file.write(picture.getvalue())


def progress(items: Sequence[T], label: str) -> Iterable[T]:
    """The items, with a progress bar on standard error where that is a terminal."""
    out = console()
    return track(items, label, console=out, transient=True, disable=not out.is_terminal)


def print_header(*columns: str) -> None:
    """Print the head of a Markdown table."""
    print_row(*columns)
    print("|---" * len(columns) + "|", flush=True)


def print_row(*cells: object) -> None:
    """Print a row of a Markdown table."""
    print(f"| {' | '.join(printable(str(cell)) for cell in cells)} |", flush=True)
