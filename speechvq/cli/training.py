"""prepare, train, export."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from speechvq.cli.command import FileOrDefault
from speechvq.cli.options import Channel, Force, Quiet
from speechvq.cli.progress import bar
from speechvq.cli.streams import say, show
from speechvq.errors import OutputError
from speechvq.extras import needed

Config = Annotated[
    Path, typer.Argument(help="A TOML file; recipes/default/base1.toml is one.", metavar="CONFIG")
]

EARLY = 0.25
"""Up to this fraction of training codebooks may still be waking up: there are no warnings."""


def prepare(
    folder: Annotated[
        Path, typer.Argument(help="Where the audio is, in a folder for each speaker.")
    ],
    manifest: Annotated[
        Path, typer.Argument(help="The manifest to write, one JSON object per line.")
    ],
    shortest: Annotated[
        float, typer.Option(help="Leave out files with fewer seconds of speech.", min=0, max=1e6)
    ] = 1.0,
    longest: Annotated[
        float, typer.Option(help="Leave out files with more seconds of speech.", min=0, max=1e6)
    ] = 60.0,
    left_out: Annotated[
        Path | None,
        typer.Option(
            help="Write every file and folder that is left out, with the reason, into this file, "
            "one JSON object per line."
        ),
    ] = None,
    channel: Channel = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write a manifest of the audio below a folder, with speakers and times, for training.

    Links are followed. It says how many files were left out and why, and names the first of them;
    --left-out lists all. It fails only when nothing can be used.
    """
    from speechvq.data.folders import remarks
    from speechvq.data.manifest import write_manifest

    with needed("preparing speech", "train"):
        from speechvq.data.prepare import check_target, find_audio, survey, write_left_out

    below = find_audio(folder)
    check_target(manifest, below, force=force)
    if left_out is not None:
        check_target(left_out, below, force=force)
        if left_out.resolve() == manifest.resolve():
            raise OutputError(f"{manifest} cannot hold both lists; give --left-out another name")
    with bar("reading", len(below.files), quiet=quiet) as advance:
        surveyed = survey(
            folder,
            below,
            shortest=shortest,
            longest=longest,
            channel=channel,
            done=lambda: advance(1),
        )
    for sentence in (*remarks(surveyed.left_out), *surveyed.notes):
        say(sentence, quiet=quiet)
    if left_out is not None:
        write_left_out(left_out, surveyed.left_out, force=force)
    write_manifest(manifest, surveyed.kept, force=force)
    names = {row.speaker for row in surveyed.kept if row.speaker is not None}
    hours = sum(row.seconds for row in surveyed.kept) / 3600
    show(
        f"{len(surveyed.kept)} files, {hours:.2f} h, {len(names)} speakers in {manifest}; "
        f"{len(surveyed.left_out)} left out"
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
            help="Initialize from the weights of this model file; 'default' is the bundled one.",
            parser=FileOrDefault,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Use this many steps instead of optim.steps.", min=1, max=10**9),
    ] = None,
    accelerator: Annotated[str, typer.Option(help="cpu, cuda, mps, or auto.")] = "auto",
    devices: Annotated[
        int, typer.Option(help="How many devices; on a CPU, how many processes.", min=1, max=256)
    ] = 1,
    precision: Annotated[
        str, typer.Option(help="32-true, or bf16-mixed on a GPU that has it.")
    ] = "32-true",
) -> None:
    """Train a codec. The same command again resumes a run that stopped."""
    from dataclasses import replace
    from functools import partial

    from speechvq.cli.training_progress import TrainingBar, codec_line

    with needed("training", "train"):
        from speechvq.train.codec.config import read_experiment
        from speechvq.train.codec.diagnostics import diagnose
        from speechvq.train.codec.run import run
        from speechvq.train.folder import check_run

    experiment = read_experiment(config)
    if manifest is not None:
        experiment = replace(experiment, data=replace(experiment.data, manifest=str(manifest)))
    if folder is not None:
        experiment = replace(experiment, run=replace(experiment.run, folder=str(folder)))
    if init_from is not None:
        experiment = replace(experiment, run=replace(experiment.run, init_from=str(init_from)))
    if steps is not None:
        experiment = replace(experiment, optim=replace(experiment.optim, steps=steps))
    sources = [] if experiment == read_experiment(config) else [config]
    check_run(Path(experiment.run.folder), sources)
    sizes = [size for _, size in experiment.codec.codebooks]
    line = partial(codec_line, seconds_per_step=experiment.optim.batch * experiment.data.crop)
    with TrainingBar(experiment.optim.steps, line) as progress:

        def report(kind: str, step: int, numbers: Mapping[str, float]) -> None:
            progress(kind, step, numbers)
            if kind == "validation" and step >= EARLY * experiment.optim.steps:
                for sentence in diagnose(numbers, sizes):
                    progress.print(f"warning: {sentence}")

        last = run(
            experiment,
            accelerator=accelerator,
            devices=devices,
            precision=precision,
            report=report,
        )
    if last is not None:
        show(str(last))


def export(
    run: Annotated[Path, typer.Argument(help="The folder of a training run.")],
    target: Annotated[
        Path, typer.Argument(help="The model file to write, ending in .safetensors.")
    ],
    seconds: Annotated[
        float, typer.Option(help="Export the voices with at least this much audio.", min=0, max=1e9)
    ] = 20.0,
    force: Force = False,
) -> None:
    """Write the model file of a run: weights in half precision, and the voices of its speech."""
    from speechvq.output import check_writable

    check_writable(target, force=force)
    if target.suffix != ".safetensors":
        raise OutputError(f"{target} is no name of a model file; end it in .safetensors")
    with needed("export", "train"):
        from speechvq.train.codec.export import export_run, held_out_of
    codec, held_out = export_run(run, target, seconds, force=force), held_out_of(run)
    omitted = f", {len(held_out)} held-out speakers are none" if held_out else ""
    show(
        f"{target}: {codec.model}, {len(codec.voices)} voices{omitted}, "
        f"{target.stat().st_size / 1e6:.1f} MB"
    )
