"""prepare, train, export."""

from pathlib import Path
from typing import Annotated

import typer

from speechvq.cli.options import Force, Quiet, say
from speechvq.cli.progress import bar
from speechvq.errors import MissingExtra

Config = Annotated[
    Path, typer.Argument(help="A TOML file; recipes/default/base1.toml is one.", metavar="CONFIG")
]


def prepare(
    folder: Annotated[
        Path, typer.Argument(help="Where the audio is, sorted into a folder for each speaker.")
    ],
    manifest: Annotated[Path, typer.Argument(help="The list to write, one JSON object a line.")],
    shortest: Annotated[
        float, typer.Option(help="Leave out files with fewer seconds of speech.")
    ] = 1.0,
    longest: Annotated[float, typer.Option(help="Leave out longer files, in seconds.")] = 60.0,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """List the audio below a folder for training: who speaks, from where to where; say what was left out and why."""
    from speechvq.data.manifest import write_manifest
    from speechvq.data.prepare import find_audio, survey
    from speechvq.output import check_writable, new_file

    check_writable(manifest, force=force)
    files = find_audio(folder)
    with bar("reading", len(files), quiet=quiet) as advance:
        kept, left_out = survey(
            folder, files, shortest=shortest, longest=longest, done=lambda: advance(1)
        )
    for path, reason in left_out:
        say(f"left out {path}: {reason}", quiet=quiet)
    with new_file(manifest) as partial:
        write_manifest(partial, kept)
    names = {one.speaker for one in kept if one.speaker is not None}
    hours = sum(one.seconds for one in kept) / 3600
    typer.echo(
        f"{len(kept)} files, {hours:.2f} h, {len(names)} speakers in {manifest}; {len(left_out)} "
        "files left out"
    )


def train(
    config: Config,
    manifest: Annotated[
        Path | None, typer.Option(help="Use this manifest instead of data.manifest.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Use this folder instead of run.folder.")
    ] = None,
    init_from: Annotated[
        str | None,
        typer.Option(
            help="Initialize from the weights of this model file; 'default' is the bundled one."
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Use this many steps instead of optim.steps.", min=1)
    ] = None,
    accelerator: Annotated[str, typer.Option(help="cpu, cuda, mps, or auto.")] = "auto",
    devices: Annotated[
        int, typer.Option(help="How many; on a CPU, how many processes of one thread.", min=1)
    ] = 1,
    precision: Annotated[
        str, typer.Option(help="32-true, or bf16-mixed on a GPU that has it.")
    ] = "32-true",
) -> None:
    """Train a codec. The same command again goes on where the run stopped."""
    from dataclasses import replace

    from speechvq.train.codec.config import read_experiment

    experiment = read_experiment(config)
    if manifest is not None:
        experiment = replace(experiment, data=replace(experiment.data, manifest=str(manifest)))
    if folder is not None:
        experiment = replace(experiment, run=replace(experiment.run, folder=str(folder)))
    if init_from is not None:
        experiment = replace(experiment, run=replace(experiment.run, init_from=init_from))
    if steps is not None:
        experiment = replace(experiment, optim=replace(experiment.optim, steps=steps))
    try:
        from speechvq.train.codec.run import run
    except ModuleNotFoundError as error:
        raise MissingExtra(f"training needs {error.name}: pip install 'speechvq[train]'") from error
    last = run(experiment, accelerator=accelerator, devices=devices, precision=precision)
    if last is not None:
        typer.echo(str(last))


def export(
    run: Annotated[Path, typer.Argument(help="The folder of a training run.")],
    target: Annotated[
        Path, typer.Argument(help="The model file to write, ending in .safetensors.")
    ],
    seconds: Annotated[
        float, typer.Option(help="Name voices heard for at least so long in the training audio.")
    ] = 20.0,
    force: Force = False,
) -> None:
    """Make a model file from a run: weights in half precision, with the voices it was trained on."""
    from speechvq.output import check_writable

    check_writable(target, force=force)
    try:
        from speechvq.train.codec.export import export_run
    except ModuleNotFoundError as error:
        raise MissingExtra(f"export needs {error.name}: pip install 'speechvq[train]'") from error
    codec = export_run(run, target, seconds)
    typer.echo(
        f"{target}: {codec.model}, {len(codec.voices)} voices, {target.stat().st_size / 1e6:.1f} MB"
    )
