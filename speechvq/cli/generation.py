"""sample, score."""

from pathlib import Path
from typing import Annotated

import typer

from speechvq.cli.options import Force, Model, PriorFile, Quiet, coders, say


def sample(
    target: Annotated[
        Path,
        typer.Argument(help="The audio file to write; its suffix says the format.", metavar="OUT"),
    ],
    seconds: Annotated[float, typer.Option(help="How much to make up.")] = 5.0,
    speaker: Annotated[
        str | None, typer.Option("--speaker", "-s", help="A voice; see `speechvq speakers`.")
    ] = None,
    seed: Annotated[
        int, typer.Option(help="The same seed gives the same speech.", min=0, max=2**63 - 1)
    ] = 0,
    temperature: Annotated[float, typer.Option(help="Below 1 keeps to what is likely.")] = 1.0,
    top_p: Annotated[
        float,
        typer.Option(help="Draw from the likeliest codes that together have this probability."),
    ] = 1.0,
    prompt: Annotated[
        Path | None, typer.Option(help="Go on from this recording or code file.")
    ] = None,
    prior: PriorFile = None,
    model: Model = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Make up speech that nobody said, or go on where a recording ends."""
    from speechvq.audio.files import check_format
    from speechvq.codec.file import load
    from speechvq.output import check_writable
    from speechvq.prior.file import load_prior
    from speechvq.prior.generate import generate

    codec = load(model)
    check_writable(target, force=force)
    check_format(target, codec.sample_rate)
    named = load_prior(prior)
    begun = _codes(codec, prompt, coders(model, named)) if prompt is not None else None
    codes = generate(
        codec,
        named,
        seconds=seconds,
        seed=seed,
        speaker=speaker,
        temperature=temperature,
        top_p=top_p,
        prompt=begun,
    )
    codec.decode_file(codes, target)
    say(f"{target}: {codes.seconds:.2f} s", quiet=quiet)


def score(
    sources: Annotated[
        list[Path], typer.Argument(help="Recordings or code files.", metavar="IN...")
    ],
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Unusual is what takes more bits a second than this, not than most clean speech."
        ),
    ] = None,
    each_second: Annotated[
        bool, typer.Option("--each-second", help="A line for every second, too.")
    ] = False,
    prior: PriorFile = None,
    model: Model = None,
) -> None:
    """Say how many bits a second recordings take: nominally, and under the prior; what takes more than clean speech is unusual.

    Without --threshold it is what 95 % of the recordings that were kept out of the prior's training
    stay below; single seconds are not judged by it, as they differ more.
    """
    from speechvq.codec.file import load
    from speechvq.prior.file import load_prior
    from speechvq.prior.generate import check
    from speechvq.prior.generate import score as scored

    codec, named = load(model), load_prior(prior)
    check(named, codec, 1)
    known = coders(model, named)
    typer.echo("file\tsecond\tnominal\tprior\tunusual")
    for source in sources:
        codes = _codes(codec, source, known)
        found, usual = (
            scored(codec, named, codes),
            named.usual[len(codes.shapes) - 1 : len(codes.shapes)],
        )
        limit = usual[0] if threshold is None and usual else threshold
        rows = [("all", found.mean), *(enumerate(found.bits) if each_second else ())]
        for second, bits in rows:
            most = threshold if second != "all" else limit
            unusual = "?" if most is None else "yes" if bits > most else "no"
            typer.echo(f"{source}\t{second}\t{found.nominal:.0f}\t{bits:.0f}\t{unusual}")


def _codes(codec, source: Path, known: list):  # noqa: ANN001, ANN202 - Codec and Codes, which are imported late
    """Codes of a code file, or of a recording, which is encoded."""
    from speechvq.audio import files as audio
    from speechvq.codes import read_codes
    from speechvq.codes.file import MAGIC

    if not source.is_file():
        return codec.encode_file(audio.inspect(source))  # which says what is wrong
    with source.open("rb") as file:
        coded = file.read(len(MAGIC)) == MAGIC
    return read_codes(source, known) if coded else codec.encode_file(audio.inspect(source))
