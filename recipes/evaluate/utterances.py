"""Which utterances of a manifest are measured, and their samples."""

import itertools
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import track

from speechvq.audio.files import Wave, read_mono
from speechvq.data.manifest import Utterance, read_manifest
from speechvq.errors import ManifestError

T = TypeVar("T")


def chosen(
    manifest: Path, *, corpus: str | None = None, count: int | None = None, shortest: float = 0.0
) -> list[Utterance]:
    """Utterances of a manifest: of one corpus, of at least `shortest` seconds, `count` of them spread over the speakers.

    Raises ManifestError when none is left.
    """
    rows = [
        one
        for one in read_manifest(manifest)
        if one.seconds >= shortest and corpus in (None, corpus_of(one))
    ]
    if not rows:
        raise ManifestError(
            f"{manifest} lists nothing of corpus {corpus or 'any'} with at least {shortest:g} s"
        )
    return rows if count is None else spread(rows, count)


def spread(rows: Sequence[Utterance], count: int) -> list[Utterance]:
    """The first `count` utterances when the speakers take turns."""
    by_speaker: dict[str | None, list[Utterance]] = {}
    for one in rows:
        by_speaker.setdefault(one.speaker, []).append(one)
    turns = itertools.zip_longest(*by_speaker.values())
    return [one for turn in turns for one in turn if one is not None][:count]


def fact(one: Utterance, name: str) -> str:
    """What the manifest says of an utterance under a name, or a dash."""
    return str(one.facts.get(name, one.speaker if name == "speaker" else "-") or "-")


def corpus_of(one: Utterance) -> str:
    """The corpus that the manifest names, or a dash."""
    return fact(one, "corpus")


def samples(one: Utterance, rate: int, *, longest: float | None = None) -> Wave:
    """The utterance's samples at a rate, at most `longest` seconds of them. Raises AudioError."""
    seconds = one.seconds if longest is None else min(one.seconds, longest)
    first = round(one.start * rate)
    return read_mono(one.audio, rate)[first : first + round(seconds * rate)]


def watched(items: Sequence[T], label: str) -> Iterable[T]:
    """The items, with a progress bar on a terminal's standard error."""
    console = Console(stderr=True)
    return track(items, label, console=console, transient=True, disable=not console.is_terminal)
