"""prior train, prior tables."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speechvq.cli.command import Command, FileOrDefault, Group
from speechvq.cli.options import Force
from speechvq.cli.streams import console, show
from speechvq.extras import needed

if TYPE_CHECKING:
    from speechvq.codec.codec import Codec
    from speechvq.prior.compare import Cost
    from speechvq.prior.tokens import Tokens
    from speechvq.train.prior.run import TablesResult

CodedBy = Annotated[
    Path | None,
    typer.Option(
        "--prior", help="The prior of the code files' entropy coding, if not the default one."
    ),
]

app = typer.Typer(
    cls=Group,
    help="Train a prior over codes, or make static tables of their frequencies.",
)


@app.command(cls=Command)
def train(
    config: Annotated[Path, typer.Argument(help="A TOML file; recipes/prior/prior.toml is one.")],
    model: Annotated[
        str,
        typer.Argument(
            help="The model whose codes these are: a file, or 'default'.", parser=FileOrDefault
        ),
    ],
    codes: Annotated[
        list[Path],
        typer.Argument(help="Code files, folders of them, or one manifest to be encoded."),
    ],
    folder: Annotated[
        Path | None, typer.Option(help="Use this folder instead of run.folder.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(help="Use this many steps instead of optim.steps.", min=1, max=10**9),
    ] = None,
    prior: CodedBy = None,
    init_from: Annotated[
        str | None,
        typer.Option(
            help="Initialize from the weights of this prior, a file, or 'default'.",
            parser=FileOrDefault,
        ),
    ] = None,
    accelerator: Annotated[str, typer.Option(help="cpu, cuda, mps, or auto.")] = "auto",
    devices: Annotated[
        int, typer.Option(help="How many devices; on a CPU, how many processes.", min=1, max=256)
    ] = 1,
) -> None:
    """Train a prior, write its file, and print what held-out codes cost.

    The same command again resumes a run that stopped.
    """
    from dataclasses import replace

    from speechvq.cli.training_progress import TrainingBar, prior_line
    from speechvq.prior.file import load_prior

    with needed("training", "train"):
        from speechvq.train.folder import check_run
        from speechvq.train.prior.config import read_prior_experiment
        from speechvq.train.prior.run import run

    experiment = read_prior_experiment(config)
    if folder is not None:
        experiment = replace(experiment, run=replace(experiment.run, folder=str(folder)))
    if steps is not None:
        experiment = replace(experiment, optim=replace(experiment.optim, steps=steps))
    source = None
    if init_from is not None:
        source = load_prior(None if init_from == "default" else init_from)
    made_from = sources_of(model, codes, prior, init_from)
    if experiment != read_prior_experiment(config):
        made_from.append(config)
    check_run(Path(experiment.run.folder), made_from)
    codec, tokens = _codes_of(model, codes, Path(experiment.run.folder), prior)
    with TrainingBar(experiment.optim.steps, prior_line) as bar:
        result = run(
            experiment,
            codec,
            tokens,
            source=source,
            accelerator=accelerator,
            devices=devices,
            report=bar,
        )
    if result is None:
        return
    training, held_out, sample_rate = result.training, result.held_out, result.sample_rate
    megabytes = result.path.stat().st_size / 1e6
    show(
        f"{result.path}: {result.name} for {result.model}, {megabytes:.1f} MB; "
        f"trained on {training.seconds(sample_rate) / 3600:.2f} h, measured on "
        f"{amount_of(held_out, sample_rate)}; standard errors over these"
    )
    for line in cost_lines(result.costs):
        show(line)


@app.command(cls=Command)
def tables(
    model: Annotated[
        str,
        typer.Argument(
            help="The model whose codes these are: a file, or 'default'.", parser=FileOrDefault
        ),
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
    minutes: Annotated[
        float, typer.Option(help="Minutes of held-out speech to measure on.", min=0.01, max=1e6)
    ] = 20.0,
    prior: CodedBy = None,
    force: Force = False,
) -> None:
    """Write static tables of how frequent codes are, which make code files smaller.

    They are used when they lie beside the model.
    """
    with needed("making tables", "train"):
        from speechvq.train.prior.run import check_tables, make_tables
    check_tables(target, force=force, sources=sources_of(model, codes, prior))
    codec, tokens = _codes_of(model, codes, folder, prior)
    result = make_tables(codec, tokens, target, minutes=minutes, force=force)
    amount = amount_of(result.held_out, result.sample_rate)
    show(f"{result.path}: tables of {result.model}, measured on {amount}")
    for line in _table_lines(result):
        show(line)


def amount_of(held_out: "Tokens", sample_rate: int) -> str:
    """How much speech is held out, and of how many."""
    minutes = held_out.seconds(sample_rate) / 60
    if all(held_out.voices):
        return f"{minutes:.1f} minutes of {len(set(held_out.voices))} other voices"
    return f"{minutes:.1f} minutes of {len(held_out)} other recordings"


def cost_lines(costs: "Sequence[Cost]") -> list[str]:
    """A markdown table of what held-out codes cost."""
    names = [f"codebook {index}" for index in range(len(costs[0].bits_per_code))]
    lines = [
        f"| bits per code | {' | '.join(names)} | bits per second | below static tables |",
        "|---" * (len(names) + 3) + "|",
    ]
    for cost in costs:
        cells = " | ".join(f"{bits:.2f}" for bits in cost.bits_per_code)
        second = f"{cost.bits_per_second:.0f}{_error(cost.bits_per_second_error, 0)}"
        saving = f"{100 * cost.saving:.1f}{_error(100 * cost.saving_error, 1)}"
        lines.append(f"| {cost.name} | {cells} | {second} | {saving} % |")
    return lines


def _error(error: float, digits: int) -> str:
    """A standard error that is not zero, to stand behind its value."""
    return f" ± {error:.{digits}f}" if error >= 0.5 * 10**-digits else ""


def _table_lines(result: "TablesResult") -> list[str]:
    """A markdown table: context and bits per code of every codebook, and the rate of prefixes."""
    lines = [
        "| codebook | context | bits per code | kbit/s up to here | fixed width |",
        "|--:|---|--:|--:|--:|",
    ]
    total = fixed = 0.0
    for index, (shape, row) in enumerate(zip(result.shapes, result.tables, strict=True)):
        codes_per_second = result.sample_rate / shape.hop
        total += row.bits_per_code * codes_per_second / 1000
        fixed += shape.bits * codes_per_second / 1000
        bits = f"{row.bits_per_code:.3f} | {total:.3f} | {fixed:.3f}"
        lines.append(f"| {index} | {row.table.context} | {bits} |")
    return lines


def sources_of(
    model: str, codes: Sequence[Path], prior: Path | None, init_from: str | None = None
) -> list[Path]:
    """The files that are read: of folders, all that are directly or deeper in them."""
    named = [Path(name) for name in (model, init_from) if name not in (None, "default")]
    files = [
        path
        for source in codes
        for path in (source.rglob("*.codes") if source.is_dir() else [source])
    ]
    return [*named, *files, *([] if prior is None else [prior])]


def _codes_of(
    model: str, sources: Sequence[Path], folder: Path, prior: Path | None
) -> "tuple[Codec, Tokens]":
    """A codec and codes, with a progress bar where recordings are encoded."""
    from rich.progress import Progress

    from speechvq.train.prior.run import codes_of

    out = console()
    if not out.is_terminal:
        return codes_of(model, sources, folder, prior=prior)
    with Progress(console=out, transient=True) as bar:
        task = bar.add_task("encoding", total=None, visible=False)

        def progress(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, visible=True)

        return codes_of(model, sources, folder, prior=prior, progress=progress)
