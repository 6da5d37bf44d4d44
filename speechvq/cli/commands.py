"""The commands of `speechvq`."""

from typing import Annotated

import typer

import speechvq
from speechvq.cli import codec, generation, info, prior, training, units, voices
from speechvq.cli.command import Command, Group

app = typer.Typer(
    cls=Group,
    help="A neural speech codec: speech to discrete codes and back, also in another voice.",
    epilog=(
        "Exit codes: 0 done, 1 refused or failed, 2 a wrong command line, 128 + n ended by signal "
        "n (141: nobody read the output)."
    ),
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
    app.command(cls=Command)(command)
app.add_typer(prior.app, name="prior")


def _version(requested: bool) -> None:  # noqa: FBT001 - typer calls it so
    if requested:
        typer.echo(f"speechvq {speechvq.__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    del version
