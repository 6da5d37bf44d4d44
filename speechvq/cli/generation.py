"""sample, score."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speechvq.cli.options import Channel, Force, Model, PriorFile, Quiet, coders, source_files
from speechvq.cli.streams import say, show

if TYPE_CHECKING:
    from speechvq.audio.reading import Source
    from speechvq.codec.codec import Codec
    from speechvq.codes import Codes
    from speechvq.codes.coder import Coder
    from speechvq.codes.file import CodeFile


def sample(
    target: Annotated[
        Path,
        typer.Argument(help="The audio file to write; its suffix is the format.", metavar="OUT"),
    ],
    seconds: Annotated[
        float, typer.Option(help="Length of the generated speech.", min=0.01, max=3600)
    ] = 5.0,
    speaker: Annotated[
        str | None, typer.Option("--speaker", "-s", help="A voice; see `speechvq speakers`.")
    ] = None,
    seed: Annotated[
        int, typer.Option(help="The same seed gives the same speech.", min=0, max=2**63 - 1)
    ] = 0,
    temperature: Annotated[
        float, typer.Option(help="Below 1, more probable codes are preferred.", min=0, max=100)
    ] = 1.0,
    top_p: Annotated[
        float,
        typer.Option(
            help="Draw from the smallest set of codes with this total probability.", min=1e-6, max=1
        ),
    ] = 1.0,
    prompt: Annotated[
        Path | None, typer.Option(help="Continue this recording or code file.")
    ] = None,
    channel: Channel = None,
    prior: PriorFile = None,
    model: Model = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Generate speech from the prior, or continue a recording."""
    from speechvq.audio.writing import check_format
    from speechvq.codec.file import load
    from speechvq.output import check_writable
    from speechvq.prior.file import load_prior
    from speechvq.prior.generate import generate

    start = None if prompt is None else _input_file(prompt, channel)
    codec = load(model)
    check_writable(target, force=force, sources=source_files(prompt, prior, model=model))
    check_format(target, codec.sample_rate)
    prior_model = load_prior(prior)
    codes = generate(
        codec,
        prior_model,
        seconds=seconds,
        seed=seed,
        speaker=speaker,
        temperature=temperature,
        top_p=top_p,
        prompt=None if start is None else _codes(codec, start, coders(model, prior_model)),
    )
    codec.decode_file(codes, target, force=force)
    say(f"{target}: {codes.seconds:.2f} s", quiet=quiet)


def score(
    sources: Annotated[
        list[Path], typer.Argument(help="Recordings or code files.", metavar="IN...")
    ],
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Bits per second above which a recording is called an anomaly.", min=0, max=1e9
        ),
    ] = None,
    each_second: Annotated[
        bool, typer.Option("--each-second", help="Also print a line for every second.")
    ] = False,
    channel: Channel = None,
    prior: PriorFile = None,
    model: Model = None,
) -> None:
    """Print anomaly scores: bits per second of recordings, at fixed width and under the prior.

    Without --threshold, an anomaly is what takes more bits than 95 % of held-out clean speech;
    single seconds vary more than recordings and are then not judged.
    """
    from speechvq.codec.file import load
    from speechvq.prior.file import load_prior
    from speechvq.prior.score import score as score_codes

    files = [(source, _input_file(source, channel)) for source in sources]  # refuse before any line
    codec, prior_model = load(model), load_prior(prior)
    prior_model.check(codec.model, 1)
    file_coders = coders(model, prior_model)
    show("file", "second", "nominal", "prior", "anomaly")
    for source, file in files:
        codes = _codes(codec, file, file_coders)
        scores, index = score_codes(codec, prior_model, codes), len(codes.shapes) - 1
        thresholds = prior_model.anomaly_thresholds[index : index + 1]
        limit = threshold if threshold is not None else next(iter(thresholds), None)
        _print_row(source, "all", scores.nominal, scores.mean, limit)
        for second, bits in enumerate(scores.bits if each_second else ()):
            _print_row(source, second, scores.nominal, bits, threshold)


def _print_row(
    source: Path, second: int | str, nominal: float, bits: float, limit: float | None
) -> None:
    anomaly = "?" if limit is None else "yes" if bits > limit else "no"
    show(source, second, f"{nominal:.0f}", f"{bits:.0f}", anomaly)


def _input_file(source: Path, channel: int | None) -> "CodeFile | Source":
    """A code file or a recording, whose beginning has been checked."""
    from speechvq.audio.reading import inspect
    from speechvq.codes import open_codes
    from speechvq.codes.file import MAGIC

    is_codes = source.suffix == ".codes"
    with suppress(OSError):  # which `inspect` says
        if not is_codes and source.is_file():
            with source.open("rb") as file:
                is_codes = file.read(len(MAGIC)) == MAGIC
    return open_codes(source) if is_codes else inspect(source, channel)


def _codes(codec: "Codec", file: "CodeFile | Source", file_coders: "list[Coder]") -> "Codes":
    """Codes of a code file, or of a recording, which is encoded."""
    from speechvq.codes.file import CodeFile

    return file.codes(file_coders) if isinstance(file, CodeFile) else codec.encode_file(file)
