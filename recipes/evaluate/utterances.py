"""The utterances of a manifest that are evaluated, and their samples."""

import itertools
from collections.abc import Sequence
from pathlib import Path

from speechvq.audio.reading import Wave
from speechvq.data.manifest import Utterance, read_manifest
from speechvq.data.speech import read_utterance
from speechvq.errors import ManifestError


def select(
    manifest: Path,
    *,
    corpus: str | None = None,
    count: int | None = None,
    min_seconds: float = 0.0,
) -> list[Utterance]:
    """Utterances of a manifest, of one corpus and of a minimal length in seconds.

    count: only this many of them, spread over the speakers
    Raises ManifestError when none is left.
    """
    rows = [
        utterance
        for utterance in read_manifest(manifest)
        if utterance.seconds >= min_seconds and corpus in (None, corpus_of(utterance))
    ]
    if not rows:
        raise ManifestError(
            f"{manifest} has no recordings of corpus {corpus or 'any'} with at least "
            f"{min_seconds:g} s"
        )
    return rows if count is None else spread(rows, count)


def spread(rows: Sequence[Utterance], count: int) -> list[Utterance]:
    """The first `count` utterances when the speakers take turns."""
    by_speaker: dict[str | None, list[Utterance]] = {}
    for utterance in rows:
        by_speaker.setdefault(utterance.speaker, []).append(utterance)
    turns = itertools.zip_longest(*by_speaker.values())
    return [utterance for turn in turns for utterance in turn if utterance is not None][:count]


def metadata(utterance: Utterance, key: str) -> str:
    """The value of a key in the manifest, or a dash."""
    default = utterance.speaker if key == "speaker" else "-"
    return str(utterance.metadata.get(key, default) or "-")


def corpus_of(utterance: Utterance) -> str:
    """The corpus that the manifest names, or a dash."""
    return metadata(utterance, "corpus")


def samples(utterance: Utterance, rate: int, *, max_seconds: float | None = None) -> Wave:
    """The samples (t,) of an utterance at `rate` Hz, at most `max_seconds`.

    Raises AudioError and ManifestError.
    """
    wave = read_utterance(utterance, rate)
    return wave if max_seconds is None else wave[: round(max_seconds * rate)]
