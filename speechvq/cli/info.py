"""info: what a code file holds, and what a model is. It needs no torch."""

from pathlib import Path
from typing import Annotated

import typer

from speechvq.cli.options import count_of


def info(
    source: Annotated[
        Path | None,
        typer.Argument(help="A code file or a model file; by default the bundled model."),
    ] = None,
) -> None:
    """Describe a code file or a model, with one `name: value` on each line."""
    if source is None or source.suffix == ".safetensors":
        _describe_model(source)
    else:
        _describe_codes(source)


def _describe_codes(source: Path) -> None:
    from speechvq.codes import read_header
    from speechvq.codes.file import overhead

    header = read_header(source)
    size, seconds = source.stat().st_size, header.seconds
    coding = ("fixed width", "tables", "prior")[header.coding]
    embedding = len(header.speaker_embedding)
    typer.echo(f"model: {header.model}")
    typer.echo(f"recording: {header.samples} samples at {header.source_rate} Hz, {seconds:.3f} s")
    typer.echo(f"size: {size} bytes, {8 * size / seconds / 1000:.3f} kbit/s")
    typer.echo(f"coding: {coding} {header.coder.hex()}".rstrip())
    typer.echo(f"codes: {8 * (size - overhead(header)) / seconds / 1000:.3f} kbit/s")
    typer.echo(f"overhead: {overhead(header)} bytes, {embedding} of them the speaker embedding")
    for index, (shape, count) in enumerate(zip(header.shapes, header.frames, strict=True)):
        rate = header.sample_rate / shape.hop
        typer.echo(
            f"codebook {index}: {count} codes, {rate:g} per second, {shape.size} codewords, "
            f"{rate * shape.bits:g} bit/s"
        )


def _describe_model(source: Path | None) -> None:
    from speechvq.codec.header import read_model

    header, _ = read_model(source)
    typer.echo(f"model: {header.model}")
    typer.echo(f"parameters: {header.parameters / 1e6:.2f} million")
    typer.echo(f"sample rate: {header.sample_rate} Hz")
    typer.echo(f"latency: {1000 * header.latency / header.sample_rate:g} ms")
    typer.echo(f"voices: {len(header.voices)}")
    typer.echo(f"conversion: {count_of(header.content_codebooks)}")
    for index, (shape, bitrate) in enumerate(zip(header.shapes, header.bitrates, strict=True)):
        rate = header.sample_rate / shape.hop
        typer.echo(
            f"codebook {index}: {rate:g} per second, {shape.size} codewords, "
            f"{bitrate / 1000:g} kbit/s up to here"
        )
