"""encode, decode, convert, speakers, info. What needs torch is imported when a command runs."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from speechvq.cli.options import (
    Device,
    Force,
    Kbps,
    Model,
    NumCodebooks,
    PriorFile,
    Quiet,
    coders,
    coding,
    progress,
    say,
)
from speechvq.errors import ConfigError, OutputError, SpeakerError, WrongModel

Input = Annotated[
    Path, typer.Argument(help="An audio file of any rate and channel count.", metavar="IN")
]
CodesIn = Annotated[Path, typer.Argument(help="A code file.", metavar="IN")]
Output = Annotated[Path, typer.Argument(help="The file to write.", metavar="OUT")]
Entropy = Annotated[
    Literal["tables", "wavenet"],
    typer.Option(
        help="How codes become bytes: wavenet makes smaller files, which take 0.4 s a second to "
        "decode."
    ),
]
Rdo = Annotated[
    float | None,
    typer.Option(
        help="With wavenet: weight of a code's bits beside its error; 1 makes files a twentieth "
        "smaller.",
        min=0,
    ),
]
AudioOut = Annotated[
    Path, typer.Argument(help="The audio file to write; its suffix says the format.", metavar="OUT")
]


def encode(
    source: Input,
    target: Output,
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
    from speechvq.audio import files as audio
    from speechvq.codes import write_codes
    from speechvq.output import check_writable
    from speechvq.prior.file import load_prior
    from speechvq.prior.rate_distortion import RateDistortion

    found = audio.inspect(source)
    if target.suffix.lower().removeprefix(".") in audio.FORMATS:
        raise OutputError(
            f"{target} ends like an audio file, but holds codes; end the name in .codes"
        )
    check_writable(target, force=force)
    codec = _load(model, device)
    depth = codec.depth(codebooks=codebooks, kbps=kbps)
    for name, value in (("prior", prior), ("rdo", rdo)):
        if value is not None and entropy != "wavenet":
            raise ConfigError(f"--{name} is for --entropy wavenet: give both")
    named = load_prior(prior) if entropy == "wavenet" else None
    if named is not None:
        named.check(codec.model, depth)
    search = None if named is None or rdo is None else RateDistortion(named, rdo)
    _remark_on(found, codec.sample_rate, quiet=quiet)
    with progress("encoding", found.seconds, quiet=quiet) as report:
        codes = codec.encode_file(found, depth=depth, progress=report, search=search)
    with coding("coding", found.seconds, sum(codes.frames), quiet=quiet or named is None) as report:
        size = write_codes(target, codes, coders(model, named, report), force=force)
    say(
        f"{target}: {size} bytes for {found.seconds:.2f} s, {8 * size / found.seconds / 1000:.2f} "
        "kbit/s,"
        f" {depth} of {len(codec.shapes)} codebooks",
        quiet=quiet,
    )


def decode(
    source: CodesIn,
    target: AudioOut,
    speaker: Annotated[
        str | None, typer.Option("--speaker", "-s", help="Another voice than the one in the file.")
    ] = None,
    codebooks: NumCodebooks = None,
    kbps: Kbps = None,
    prior: PriorFile = None,
    model: Model = None,
    device: Device = "cpu",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Decode a code file into audio, at the rate and length of the recording."""
    from speechvq.audio.files import check_format
    from speechvq.codes import read_codes, read_header
    from speechvq.codes.header import PRIOR
    from speechvq.output import check_writable
    from speechvq.prior.file import load_prior

    header = read_header(source)
    check_writable(target, force=force)
    check_format(target, header.source_rate)
    codec = _load(model, device)
    if header.model != codec.model:
        raise WrongModel(
            f"{source} was made by model {header.model}, this is {codec.model}; give the right "
            "one with --model"
        )
    named = load_prior(prior) if header.coding == PRIOR else None
    seconds = header.samples / header.source_rate
    with coding("reading", seconds, sum(header.frames), quiet=quiet or named is None) as report:
        codes = read_codes(source, coders(model, named, report))
    if codebooks is not None or kbps is not None:
        codes = codes.prefix(min(len(codes.shapes), codec.depth(codebooks=codebooks, kbps=kbps)))
    with progress("decoding", codes.seconds, quiet=quiet) as report:
        codec.decode_file(codes, target, speaker=speaker, progress=report)
    say(
        f"{target}: {codes.seconds:.2f} s at {codes.source_rate} Hz from "
        f"{_count(len(codes.shapes))}",
        quiet=quiet,
    )


def convert(
    source: Input,
    target: AudioOut,
    speaker: Annotated[
        str,
        typer.Option("--speaker", "-s", help="The voice to speak with; see `speechvq speakers`."),
    ],
    codebooks: NumCodebooks = None,
    model: Model = None,
    device: Device = "cpu",
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Say the same words in another voice.

    More codebooks keep more of the source: its melody, then its voice. Without --codebooks the model's
    own choice is used.
    """
    from speechvq.audio import files as audio
    from speechvq.codec import voices
    from speechvq.output import check_writable

    found = audio.inspect(source)
    check_writable(target, force=force)
    audio.check_format(target, found.rate)
    codec = _load(model, device)
    voices.find(codec.voices, speaker)
    depth = codec.content_codebooks if codebooks is None else codec.depth(codebooks=codebooks)
    _remark_on(found, codec.sample_rate, quiet=quiet)
    with progress("encoding", found.seconds, quiet=quiet) as report:
        codes = codec.encode_file(found, depth=depth, progress=report)
    with progress("decoding", found.seconds, quiet=quiet) as report:
        codec.decode_file(codes, target, speaker=speaker, progress=report)
    say(
        f"{target}: {found.seconds:.2f} s in the voice of {speaker}, from {depth} of "
        f"{len(codec.shapes)} codebooks",
        quiet=quiet,
    )


def speakers(
    model: Model = None,
    sex: Annotated[
        str | None, typer.Option("--sex", help="Only voices of this sex: f or m.")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="Only voices of this language, say en.")
    ] = None,
) -> None:
    """List the voices that `convert` and `decode` know, the longest heard first, tab-separated."""
    wanted = {
        key: value for key, value in (("sex", sex), ("language", language)) if value is not None
    }
    rows = [
        v
        for v in _load(model, "cpu").voices
        if all(v.facts.get(key) == value for key, value in wanted.items())
    ]
    if not rows:
        raise SpeakerError(
            "the model has no such voices; leave out --sex and --language to see all"
        )
    typer.echo("name\tsex\tlanguage\tcorpus\tseconds")
    for voice in rows:
        known = (str(voice.facts.get(key, "?")) for key in ("sex", "language", "corpus", "seconds"))
        typer.echo("\t".join([voice.name, *known]))


def info(
    source: Annotated[
        Path | None,
        typer.Argument(help="A code file or a model; none: the default model.", metavar="[IN]"),
    ] = None,
) -> None:
    """Say what is in a code file, or what a model is, one `name: value` a line."""
    if source is None or source.suffix == ".safetensors":
        _describe_model(source)
    else:
        _describe_codes(source)


def _describe_codes(source: Path) -> None:
    from speechvq.codes import read_header
    from speechvq.codes.file import overhead

    header = read_header(source)
    size, seconds = source.stat().st_size, header.samples / header.source_rate
    typer.echo(f"model: {header.model}")
    typer.echo(f"recording: {header.samples} samples at {header.source_rate} Hz, {seconds:.3f} s")
    typer.echo(f"size: {size} bytes, {8 * size / seconds / 1000:.3f} kbit/s")
    typer.echo(
        f"coding: {('fixed width', 'tables', 'prior')[header.coding]} {header.coder.hex()}".rstrip()
    )
    typer.echo(f"codes: {8 * (size - overhead(header)) / seconds / 1000:.3f} kbit/s")
    typer.echo(
        f"overhead: {overhead(header)} bytes, of them {len(header.speaker)} the speaker vector"
    )
    for number, (codebook, count) in enumerate(zip(header.shapes, header.frames, strict=True)):
        rate = header.sample_rate / codebook.hop
        typer.echo(
            f"codebook {number}: {count} codes, {rate:g} a second, {codebook.size} codewords, "
            f"{rate * codebook.bits:g} bit/s"
        )


def _describe_model(source: Path | None) -> None:
    codec = _load(source, "cpu")
    parameters = sum(parameter.numel() for parameter in codec.network.parameters())
    typer.echo(f"model: {codec.model}")
    typer.echo(f"parameters: {parameters / 1e6:.2f} million")
    typer.echo(f"sample rate: {codec.sample_rate} Hz")
    typer.echo(f"latency: {1000 * codec.network.latency / codec.sample_rate:g} ms")
    typer.echo(f"voices: {len(codec.voices)}")
    typer.echo(f"conversion: {_count(codec.content_codebooks)}")
    for number, (codebook, rate) in enumerate(zip(codec.shapes, codec.rates, strict=True)):
        frames = codec.sample_rate / codebook.hop
        typer.echo(
            f"codebook {number}: {frames:g} a second, {codebook.size} codewords, {rate / 1000:g} kbit/s "
            "up to here"
        )


def _count(codebooks: int) -> str:
    return "1 codebook" if codebooks == 1 else f"{codebooks} codebooks"


def _load(model: Path | None, device: str):  # noqa: ANN202 - a Codec, whose import costs a second
    from speechvq.codec.file import load

    codec = load(model)
    try:
        codec.network.to(device)
    except (RuntimeError, AssertionError, ImportError) as error:
        raise ConfigError(
            f"cannot compute on {device!r} here; leave out --device, or give cpu, cuda or mps"
        ) from error
    return codec


def _remark_on(source, sample_rate: int, *, quiet: bool) -> None:  # noqa: ANN001 - a Source, likewise
    if source.channels > 1:
        say(f"{source.path}: {source.channels} channels are mixed down to one", quiet=quiet)
    if source.rate != sample_rate:
        say(f"{source.path}: resampled from {source.rate} to {sample_rate} Hz", quiet=quiet)
