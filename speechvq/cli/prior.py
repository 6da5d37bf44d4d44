"""prior train."""

from pathlib import Path
from typing import Annotated

import typer

from speechvq.cli.options import console
from speechvq.errors import MissingExtra

app = typer.Typer(help="The prior over codes: fit one, and see what codes cost under it.", no_args_is_help=True)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="A TOML file; recipes/prior/prior.toml is one.")],
    model: Annotated[str, typer.Argument(help="The model whose codes these are: a file, or 'default'.")],
    codes: Annotated[list[Path], typer.Argument(help="Code files, folders of them, or one manifest to be encoded.")],
    folder: Annotated[Path | None, typer.Option(help="Use this folder instead of run.folder.")] = None,
    steps: Annotated[int | None, typer.Option(help="Use this many steps instead of optim.steps.", min=1)] = None,
    accelerator: Annotated[str, typer.Option(help="cpu, cuda, mps, or auto.")] = "auto",
    devices: Annotated[int, typer.Option(help="How many; on a CPU, how many processes of one thread.", min=1)] = 1,
) -> None:
    """Fit a prior, or go on where the same command stopped; at its end a prior file, and what held-out codes cost."""
    try:
        from speechvq.train.prior_run import run
    except ModuleNotFoundError as error:
        raise MissingExtra(f"training needs {error.name}: pip install 'speechvq[train]'") from error
    for line in run(
        config,
        model,
        codes,
        folder=folder,
        steps=steps,
        accelerator=accelerator,
        devices=devices,
        console=console(),
    ):
        typer.echo(line)
