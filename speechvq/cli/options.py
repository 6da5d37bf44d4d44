"""Options that several commands share."""

from collections.abc import Callable
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speechvq.cli.command import Misuse
from speechvq.cli.streams import say
from speechvq.limits import CODEBOOKS

if TYPE_CHECKING:
    from speechvq.codec.codec import Codec
    from speechvq.codes.coder import Coder
    from speechvq.prior.file import Prior

Force = Annotated[bool, typer.Option("--force", "-f", help="Overwrite the output if it exists.")]
Model = Annotated[
    Path | None, typer.Option("--model", "-m", help="Use this model file, not the bundled one.")
]
Device = Annotated[str, typer.Option("--device", help="Where to compute: cpu, cuda or mps.")]
NumCodebooks = Annotated[
    int | None,
    typer.Option(
        "--codebooks", "-n", help="Keep only the first N codebooks.", min=1, max=CODEBOOKS
    ),
]
Channel = Annotated[
    int | None,
    typer.Option(
        "--channel",
        help="Take this channel, from 1 on; without it, channels are averaged, except those that "
        "are silent or cancel one another.",
        min=1,
        max=1024,
    ),
]
Kbps = Annotated[
    float | None,
    typer.Option(
        "--kbps",
        "-k",
        help="Keep as many codebooks as fit into this bit rate.",
        min=0.001,
        max=1000,
    ),
]
PriorFile = Annotated[
    Path | None,
    typer.Option(
        "--prior",
        help="Use this prior, not the bundled one; `speechvq prior train` makes one.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no remarks.")]


def load_codec(model: Path | None, device: str) -> "Codec":
    """The model of an option, on a device. Raises ModelError, or ConfigError for the device."""
    from speechvq.codec.file import load

    return load(model, device=device)


def prior_of_files(path: Path | None, *, needed: bool, quiet: bool) -> "Prior | None":
    """The prior that code files were coded with, where one of them needs it.

    One that is given and not needed is read all the same, so that a wrong path is noticed. Raises
    ModelError.
    """
    if path is None and not needed:
        return None
    from speechvq.prior.file import load_prior

    prior = load_prior(path)
    if needed:
        return prior
    say("--prior is not needed: nothing here was coded with a prior", quiet=quiet)
    return None


def coders(
    model: Path | None,
    prior: "Prior | None" = None,
    report: Callable[[int], None] | None = None,
) -> "list[Coder]":
    """What may have coded a file, beside the bundled tables: tables beside the model, and a prior.

    report: called by the prior with the number of codes done since the last call
    Raises ModelError.
    """
    from speechvq.codes.tables import tables_beside

    choice: list[Coder] = [*tables_beside(model)]
    if prior is not None:
        from speechvq.prior.integer.coder import PriorCoder

        choice.append(PriorCoder(prior, report))
    return choice


def source_files(*paths: Path | None, model: Path | None) -> list[Path]:
    """What a command reads: the files that were given, the model with its tables, what is bundled.

    No result may take the place of one of them.
    """
    from speechvq import shipped

    beside = [] if model is None else [model, *model.parent.glob(f"{escape(model.stem)}*.tables")]
    files = [path for path in paths if path is not None]
    return [*files, *beside, shipped.MODEL, shipped.PRIOR, *shipped.TABLES]


def check_prefix(codebooks: int | None, kbps: float | None) -> None:
    """Raises Misuse where a number of codebooks is given in two ways."""
    if codebooks is not None and kbps is not None:
        raise Misuse("give --codebooks or --kbps, not both")


def count_of(codebooks: int) -> str:
    """A number of codebooks in words."""
    return "1 codebook" if codebooks == 1 else f"{codebooks} codebooks"
