"""prior train, prior tables."""

from pathlib import Path
from typing import Annotated

import typer

from speechvq.cli.options import Force, console
from speechvq.errors import MissingExtra

CodedBy = Annotated[
    Path | None,
    typer.Option("--prior", help="By which the code files were coded, if not by the default one."),
]

app = typer.Typer(
    help="The prior over codes: fit one, and see what codes cost under it.", no_args_is_help=True
)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="A TOML file; recipes/prior/prior.toml is one.")],
    model: Annotated[
        str, typer.Argument(help="The model whose codes these are: a file, or 'default'.")
    ],
    codes: Annotated[
        list[Path],
        typer.Argument(help="Code files, folders of them, or one manifest to be encoded."),
    ],
    folder: Annotated[
        Path | None, typer.Option(help="Use this folder instead of run.folder.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Use this many steps instead of optim.steps.", min=1)
    ] = None,
    prior: CodedBy = None,
    init_from: Annotated[
        str | None,
        typer.Option(help="Initialize from the weights of this prior, a file, or 'default'."),
    ] = None,
    accelerator: Annotated[str, typer.Option(help="cpu, cuda, mps, or auto.")] = "auto",
    devices: Annotated[
        int, typer.Option(help="How many; on a CPU, how many processes of one thread.", min=1)
    ] = 1,
) -> None:
    """Fit a prior, or go on where the same command stopped; at its end a prior file, and what held-out codes cost."""
    try:
        from speechvq.train.prior.run import run
    except ModuleNotFoundError as error:
        raise MissingExtra(f"training needs {error.name}: pip install 'speechvq[train]'") from error
    for line in run(
        config,
        model,
        codes,
        folder=folder,
        steps=steps,
        prior=prior,
        init_from=init_from,
        accelerator=accelerator,
        devices=devices,
        console=console(),
    ):
        typer.echo(line)


@app.command()
def tables(
    model: Annotated[
        str, typer.Argument(help="The model whose codes these are: a file, or 'default'.")
    ],
    target: Annotated[
        Path,
        typer.Argument(
            help="The file to write: MODEL.tables, to lie beside MODEL.safetensors.", metavar="OUT"
        ),
    ],
    codes: Annotated[
        list[Path],
        typer.Argument(help="Code files, folders of them, or one manifest to be encoded."),
    ],
    folder: Annotated[Path, typer.Option(help="Where a manifest's codes are kept.")] = Path(
        "runs/prior"
    ),
    held_out: Annotated[
        float, typer.Option(help="Share of the codes to measure on.", min=0.001, max=0.9)
    ] = 0.05,
    prior: CodedBy = None,
    force: Force = False,
) -> None:
    """Count how often codes come, so that code files get smaller; tables are used when they lie beside the model."""
    try:
        from speechvq.train.prior.run import make_tables
    except ModuleNotFoundError as error:
        raise MissingExtra(f"this needs {error.name}: pip install 'speechvq[train]'") from error
    for line in make_tables(
        model,
        target,
        codes,
        folder=folder,
        held_out=held_out,
        prior=prior,
        force=force,
        console=console(),
    ):
        typer.echo(line)
