"""The voices that a model knows by name."""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from speechvq.errors import SpeakerError, shown
from speechvq.limits import EMBEDDING_BYTES, checked_name, instance
from speechvq.parsing import parse_json


@dataclass(frozen=True)
class Voice:
    """A named voice.

    embedding: its speaker embedding, packed
    metadata: what is known of the person: sex, language, corpus, seconds in training
    Raises SpeakerError for what no model file can hold.
    """

    name: str
    embedding: bytes
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        checked_name(self.name, SpeakerError, "the name of a voice")
        embedding = self.embedding
        if not isinstance(embedding, bytes) or not 1 <= len(embedding) <= EMBEDDING_BYTES:
            raise SpeakerError(
                f"the embedding of voice {self.name} must be 1 to {EMBEDDING_BYTES} bytes, not "
                f"{shown(embedding)}"
            )
        try:
            parse_json(json.dumps(dict(self.metadata), ensure_ascii=False))
        except (TypeError, ValueError, RecursionError) as error:
            raise SpeakerError(
                f"the metadata of voice {self.name} must be a table of plain values: {error}"
            ) from error


def checked_voices(voices: Iterable[Voice], size: int) -> tuple[Voice, ...]:
    """The voices of a model whose speaker embedding has `size` dimensions.

    Raises SpeakerError for two of one name, and for an embedding that is too short.
    """
    if not isinstance(voices, Sequence | Iterator):
        raise SpeakerError(f"the voices of a model are a list of Voice, not {shown(voices)}")
    checked = dict[str, Voice]()
    for voice in voices:
        if not isinstance(voice, Voice):
            raise SpeakerError(f"a voice must be a Voice, not {shown(voice)}")
        if voice.name in checked:
            raise SpeakerError(f"there are two voices of the name {voice.name}")
        if 2 * len(voice.embedding) < size:
            raise SpeakerError(f"the embedding of voice {voice.name} is too short")
        checked[voice.name] = voice
    return tuple(checked.values())


def find_voice(voices: Sequence[Voice], name: str) -> Voice:
    """The voice of this name. Raises SpeakerError that suggests near names."""
    instance(name, str, SpeakerError, "a speaker is the name of a voice or a Voice")
    by_name = {voice.name: voice for voice in voices}
    if name in by_name:
        return by_name[name]
    folded: dict[str, list[str]] = {}
    for voice_name in by_name:
        folded.setdefault(voice_name.casefold(), []).append(voice_name)
    close = difflib.get_close_matches(name.casefold(), folded, n=3, cutoff=0.5)
    if name.casefold() in folded:
        close = [name.casefold()]
    near = [voice_name for key in close for voice_name in folded[key]]
    hint = f"did you mean {' or '.join(near)}?" if near else "`speechvq speakers` lists them"
    raise SpeakerError(f"the model has no voice {shown(name)}; {hint}")
