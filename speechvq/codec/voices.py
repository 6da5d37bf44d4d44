"""The voices that a model knows by name."""

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from speechvq.errors import SpeakerError


@dataclass(frozen=True)
class Voice:
    """A named voice.

    embedding: its speaker embedding, packed
    metadata: what is known of the person: sex, language, corpus, seconds in training
    """

    name: str
    embedding: bytes
    metadata: Mapping[str, Any] = field(default_factory=dict)


def find_voice(voices: Sequence[Voice], name: str) -> Voice:
    """The voice of this name. Raises SpeakerError that suggests near names."""
    by_name = {voice.name: voice for voice in voices}
    if name in by_name:
        return by_name[name]
    near = difflib.get_close_matches(name, by_name, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "`speechvq speakers` lists them"
    raise SpeakerError(f"the model has no voice {name!r}; {hint}")
