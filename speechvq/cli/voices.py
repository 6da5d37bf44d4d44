"""speakers: the voices of a model. It reads the header of the model file and needs no torch."""

from typing import Annotated

import typer

from speechvq.cli.options import Model
from speechvq.cli.streams import show
from speechvq.errors import SpeakerError


def speakers(
    model: Model = None,
    sex: Annotated[
        str | None, typer.Option("--sex", help="List only voices of this sex: f or m.")
    ] = None,
    language: Annotated[
        str | None,
        typer.Option("--language", help="List only voices of this language, such as en."),
    ] = None,
) -> None:
    """List the voices that `convert` and `decode` know, tab-separated.

    Those with the most seconds in training come first.
    """
    from speechvq.codec.header import read_model

    conditions = [(key, value) for key, value in (("sex", sex), ("language", language)) if value]
    voices = [
        voice
        for voice in read_model(model)[0].voices
        if all(
            str(voice.metadata.get(key)).casefold() == value.casefold() for key, value in conditions
        )
    ]
    if not voices:
        raise SpeakerError(
            "the model has no such voices; leave out --sex and --language to list all"
        )
    columns = ("sex", "language", "corpus", "seconds")
    show("name", *columns)
    for voice in voices:
        show(voice.name, *(voice.metadata.get(key, "?") for key in columns))
