"""The command line. Each command reads its options, calls the library and prints a line."""

import signal
import sys
from typing import Annotated

import typer

import speechvq
from speechvq.cli import codec, generation, info, prior, training, units, voices
from speechvq.cli.warned import audio_warnings
from speechvq.errors import SpeechVQError

app = typer.Typer(
    help="A neural speech codec: speech to discrete codes and back, also in another voice.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for command in (
    *(codec.encode, codec.decode, codec.convert, voices.speakers, info.info),
    *(generation.sample, generation.score),
    *(training.prepare, training.train, training.export),
    units.units,
):
    app.command()(command)
app.add_typer(prior.app, name="prior")


def _version(given: bool) -> None:  # noqa: FBT001 - typer calls it so
    if given:
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
    """Run a command. What the user can fix is said in one sentence, with exit code 1.

    Termination cleans up as an interrupt does: no half-written file stays.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        with audio_warnings():
            app()
    except SpeechVQError as error:
        typer.echo(f"speechvq: {error}", err=True)
        sys.exit(1)
    except OSError as error:  # for example, the disk behind standard output is full
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"speechvq: {where}{error.strerror or error}", err=True)
        sys.exit(1)
