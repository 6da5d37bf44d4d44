"""encode, decode, convert. What needs torch, or a prior, is imported when a command needs it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from speechvq.cli.command import Misuse
from speechvq.cli.options import (
    Channel,
    Device,
    Force,
    Kbps,
    Model,
    NumCodebooks,
    PriorFile,
    Quiet,
    check_prefix,
    coders,
    count_of,
    load_codec,
    prior_of_files,
    source_files,
)
from speechvq.cli.progress import audio_progress, codes_progress
from speechvq.cli.streams import say
from speechvq.errors import OutputError, WrongModel

if TYPE_CHECKING:
    from speechvq.audio.reading import Source

Input = Annotated[
    Path, typer.Argument(help="An audio file of any sample rate and channel count.", metavar="IN")
]
CodesIn = Annotated[Path, typer.Argument(help="A code file.", metavar="IN")]
Output = Annotated[Path, typer.Argument(help="The code file to write.", metavar="OUT")]
AudioOut = Annotated[
    Path,
    typer.Argument(help="The audio file to write; its suffix decides the format.", metavar="OUT"),
]
Entropy = Annotated[
    Literal["tables", "wavenet"],
    typer.Option(
        help="What codes the codes: static tables, or the WaveNet prior, which makes smaller files "
        "but takes 0.1 to 0.4 s for each second of speech to decode."
    ),
]
Rdo = Annotated[
    float | None,
    typer.Option(
        help="With --entropy wavenet, optimize rate and distortion: the weight of a code's bits "
        "beside its error. A weight of 1 makes files 5 % smaller.",
        min=0,
        max=1e6,
    ),
]
Strength = Annotated[
    float,
    typer.Option(
        help="How far to go beyond the voice, seen from the source's own: 0 takes the voice as it "
        "is, 0.5 goes half as far again.",
        min=-10,
        max=10,
    ),
]


def encode(
    source: Input,
    target: Output,
    channel: Channel = None,
    codebooks: NumCodebooks = None,
    kbps: Kbps = None,
    entropy: Entropy = "tables",
    rdo: Rdo = None,
    prior: PriorFile = None,
    model: Model = None,
    device: Device = "cpu",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Encode speech into a small code file."""
    from speechvq.audio.reading import inspect, mixed
    from speechvq.audio.writing import FORMATS
    from speechvq.codes import write_codes
    from speechvq.output import check_writable

    check_prefix(codebooks, kbps)
    for name, value in (("prior", prior), ("rdo", rdo)):
        if value is not None and entropy != "wavenet":
            raise Misuse(f"--{name} is for --entropy wavenet; give both, or neither")
    recording = inspect(source, channel)
    if target.suffix.lower().removeprefix(".") in FORMATS:
        raise OutputError(
            f"{target} ends like an audio file, but holds codes; end the name in .codes"
        )
    check_writable(target, force=force, sources=source_files(source, prior, model=model))
    codec = load_codec(model, device)
    n = codec.n_codebooks(codebooks=codebooks, kbps=kbps)
    prior_model = search = None
    if entropy == "wavenet":
        from speechvq.prior.file import load_prior

        prior_model = load_prior(prior)
        prior_model.check(codec.model, n)
        if rdo is not None:
            from speechvq.prior.rate_distortion import RateDistortion

            search = RateDistortion(prior_model, rdo)
    recording = mixed(recording)
    _remark_on(recording, codec.sample_rate, quiet=quiet)
    seconds = recording.seconds
    with audio_progress("encoding", seconds, quiet=quiet) as progress:
        codes = codec.encode_file(recording, codebooks=n, progress=progress, search=search)
    silent = quiet or prior_model is None
    with codes_progress("coding", seconds, sum(codes.frames), quiet=silent) as report:
        size = write_codes(target, codes, coders(model, prior_model, report), force=force)
    say(
        f"{target}: {size} bytes for {seconds:.2f} s, {8 * size / seconds / 1000:.2f} kbit/s, "
        f"{n} of {len(codec.shapes)} codebooks",
        quiet=quiet,
    )


def decode(
    source: CodesIn,
    target: AudioOut,
    speaker: Annotated[
        str | None,
        typer.Option("--speaker", "-s", help="Decode in this voice, not in the one of the file."),
    ] = None,
    codebooks: NumCodebooks = None,
    kbps: Kbps = None,
    prior: PriorFile = None,
    model: Model = None,
    device: Device = "cpu",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Decode a code file into audio of the sample rate and length of the recording."""
    from speechvq.audio.writing import check_format
    from speechvq.codes import open_codes
    from speechvq.codes.header import PRIOR
    from speechvq.output import check_writable

    check_prefix(codebooks, kbps)
    file = open_codes(source)
    header = file.header
    check_writable(target, force=force, sources=source_files(source, prior, model=model))
    check_format(target, header.source_rate)
    codec = load_codec(model, device)
    if header.model != codec.model:
        raise WrongModel(
            f"{source} was made by model {header.model}, this is {codec.model}; give the right "
            "one with --model"
        )
    prior_model = prior_of_files(prior, needed=header.coding == PRIOR, quiet=quiet)
    silent = quiet or prior_model is None
    with codes_progress("reading", header.seconds, sum(header.frames), quiet=silent) as report:
        codes = file.codes(coders(model, prior_model, report))
    if codebooks is not None or kbps is not None:
        n = codec.n_codebooks(codebooks=codebooks, kbps=kbps)
        codes = codes.prefix(min(len(codes.shapes), n))
    with audio_progress("decoding", codes.seconds, quiet=quiet) as progress:
        codec.decode_file(codes, target, speaker=speaker, progress=progress, force=force)
    say(
        f"{target}: {codes.seconds:.2f} s at {codes.source_rate} Hz from "
        f"{count_of(len(codes.shapes))}",
        quiet=quiet,
    )


def convert(
    source: Input,
    target: AudioOut,
    speaker: Annotated[
        str,
        typer.Option("--speaker", "-s", help="The voice to speak with; see `speechvq speakers`."),
    ],
    channel: Channel = None,
    codebooks: NumCodebooks = None,
    strength: Strength = 0.5,
    model: Model = None,
    device: Device = "cpu",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Convert a recording to another voice.

    More codebooks keep more of the source: first its intonation, then its voice. Without
    --codebooks the model's own number is used.
    """
    from speechvq.audio.reading import inspect, mixed
    from speechvq.audio.writing import check_format
    from speechvq.output import check_writable

    recording = inspect(source, channel)
    check_writable(target, force=force, sources=source_files(source, model=model))
    check_format(target, recording.rate)
    codec = load_codec(model, device)
    voice = codec.voice(speaker)
    n = codec.content_codebooks if codebooks is None else codec.n_codebooks(codebooks=codebooks)
    recording = mixed(recording)
    _remark_on(recording, codec.sample_rate, quiet=quiet)
    with audio_progress("encoding", recording.seconds, quiet=quiet) as progress:
        codes = codec.encode_file(recording, codebooks=n, progress=progress)
    with audio_progress("decoding", recording.seconds, quiet=quiet) as progress:
        codec.decode_file(
            codes, target, speaker=voice, strength=strength, progress=progress, force=force
        )
    say(
        f"{target}: {recording.seconds:.2f} s in the voice of {speaker}, from {n} of "
        f"{len(codec.shapes)} codebooks",
        quiet=quiet,
    )


def _remark_on(recording: "Source", sample_rate: int, *, quiet: bool) -> None:
    if (count := len(recording.mixed or ())) > 1:
        say(f"{recording.path}: {count} channels are mixed down to one", quiet=quiet)
    if recording.rate != sample_rate:
        say(f"{recording.path}: resampled from {recording.rate} to {sample_rate} Hz", quiet=quiet)
