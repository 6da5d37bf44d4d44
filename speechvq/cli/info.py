"""info: what a code file holds, and what a model is. It needs no torch."""

from pathlib import Path
from typing import Annotated

import typer

from speechvq.cli.options import count_of
from speechvq.cli.streams import show


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
    from speechvq.codes import open_codes
    from speechvq.codes.file import overhead
    from speechvq.errors import NotACodesFile

    try:
        file = open_codes(source)
    except NotACodesFile as error:
        raise NotACodesFile(f"{error}; the name of a model file ends in .safetensors") from error
    header, seconds = file.header, file.header.seconds
    size = overhead(header) + len(file.payload)
    coding = ("fixed width", "tables", "prior")[header.coding]
    embedding = len(header.speaker_embedding)
    show(f"model: {header.model}")
    show(f"recording: {header.samples} samples at {header.source_rate} Hz, {seconds:.3f} s")
    show(f"size: {size} bytes, {8 * size / seconds / 1000:.3f} kbit/s")
    show(f"coding: {coding} {header.coder.hex()}".rstrip())
    show(f"codes: {8 * (size - overhead(header)) / seconds / 1000:.3f} kbit/s")
    show(f"overhead: {overhead(header)} bytes, {embedding} of them the speaker embedding")
    for index, (shape, count) in enumerate(zip(header.shapes, header.frames, strict=True)):
        rate = header.sample_rate / shape.hop
        show(
            f"codebook {index}: {count} codes, {rate:g} per second, {shape.size} codewords, "
            f"{rate * shape.bits:g} bit/s"
        )


def _describe_model(source: Path | None) -> None:
    from speechvq.codec.header import read_model

    header, _ = read_model(source)
    show(f"model: {header.model}")
    show(f"parameters: {header.parameters / 1e6:.2f} million")
    show(f"sample rate: {header.sample_rate} Hz")
    show(f"latency: {1000 * header.latency / header.sample_rate:g} ms")
    show(f"voices: {len(header.voices)}")
    show(f"conversion: {count_of(header.content_codebooks)}")
    for index, (shape, bitrate) in enumerate(zip(header.shapes, header.bitrates, strict=True)):
        rate = header.sample_rate / shape.hop
        show(
            f"codebook {index}: {rate:g} per second, {shape.size} codewords, "
            f"{bitrate / 1000:g} kbit/s up to here"
        )
