"""The command line: a thin skin. Each command reads its arguments, calls one library function and prints one line."""

import signal
import sys
from typing import Annotated

import typer

import speechvq
from speechvq.cli import codec, generation, prior, training
from speechvq.cli import units as discovery
from speechvq.errors import SpeechVQError

app = typer.Typer(
    help="A neural speech codec: speech to a few tokens a second and back, also in another voice.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (codec.encode, codec.decode, codec.convert, codec.speakers, codec.info):
    app.command()(command)
for command in (generation.sample, generation.score):
    app.command()(command)
for command in (training.prepare, training.train, training.export):
    app.command()(command)
app.command()(discovery.units)
app.add_typer(prior.app, name="prior")


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"speechvq {speechvq.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version


def main() -> None:
    """Run a command; what the user can mend is told in one sentence, with exit code 1.

    Being terminated cleans up like being interrupted: no half-written file stays.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        app()
    except SpeechVQError as error:
        typer.echo(f"speechvq: {error}", err=True)
        sys.exit(1)
    except OSError as error:  # standard output is full, say
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"speechvq: {where}{error.strerror or error}", err=True)
        sys.exit(1)
