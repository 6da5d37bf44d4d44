"""A manifest: one JSON object per line, one line per audio file.

    {"audio": "bdl/a0001.wav", "seconds": 3.2, "speaker": "bdl", "sex": "m", "language": "en"}

`audio` is relative to the manifest's folder, or a whole path (`~` is no home there); `start` is
where in the file, in seconds, the `seconds` begin (0 if absent). Only `audio` and `seconds` are
required; other keys are kept. A manifest is UTF-8; blank lines are skipped.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speechvq.errors import ManifestError, shown
from speechvq.input import read_text
from speechvq.limits import MANIFEST_BYTES, SECONDS, checked_name
from speechvq.output import new_file
from speechvq.parsing import parse_json

TEXTS = ("text", "name", "language", "sex", "split", "corpus", "align")
"""Metadata that commands and recipes read: texts, where they are there."""

SHORTEST = 1e-3
"""Seconds of the shortest utterance: manifests have times in milliseconds."""


@dataclass(frozen=True)
class Utterance:
    """A segment of an audio file: where it lies, its speaker (None: unknown), and metadata.

    place: the manifest and the line that it was read from, for messages
    Raises ManifestError for impossible times, and for invalid names and texts.
    """

    audio: Path
    seconds: float
    speaker: str | None = None
    start: float = 0.0
    metadata: dict[str, Any] = field(default_factory=dict)
    place: str = field(default="", compare=False, repr=False)

    def __post_init__(self) -> None:
        where = self.place or shown(str(self.audio))
        try:
            str(self.audio).encode()
        except UnicodeEncodeError:
            raise ManifestError(f"{where} is a name that is not UTF-8; rename it") from None
        for key, value, least in (("seconds", self.seconds, SHORTEST), ("start", self.start, 0.0)):
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise ManifestError(f'{where}: "{key}" must be a number, not {shown(value)}')
            if not least <= value <= SECONDS:
                raise ManifestError(
                    f'{where}: "{key}" must be a number of at least {least:g} and at most '
                    f"{SECONDS:.0f}, not {shown(value)}"
                )
        if self.speaker is not None:
            checked_name(self.speaker, ManifestError, f'{where}: "speaker"')
        for key in TEXTS:
            if (text := self.metadata.get(key)) is not None and not isinstance(text, str):
                raise ManifestError(f'{where}: "{key}" must be a text, not {shown(text)}')


def read_manifest(path: str | Path) -> list[Utterance]:
    """Read a manifest.

    Raises ManifestError with the line number for an invalid line and for a duplicate, and for a
    manifest without lines.
    """
    path = Path(path)
    advice = f"make one with `speechvq prepare FOLDER {path.name}`"
    text = read_text(path, ManifestError, limit=MANIFEST_BYTES, what="manifest", advice=advice)
    rows: list[Utterance] = []
    seen: dict[tuple[str, float, float, str], str] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        row = _utterance(line, path.parent, f"{path}, line {number}")
        before = seen.setdefault(
            (os.path.abspath(row.audio), row.start, row.seconds, repr(row.metadata.get("channel"))),  # noqa: PTH100 - `Path.absolute` leaves `..`
            row.place,
        )
        if before != row.place:
            raise ManifestError(f"{row.place}: lists the same as {before}; remove one of them")
        rows.append(row)
    if not rows:
        raise ManifestError(f"the manifest {path} lists no audio; {advice}")
    return rows


def _utterance(line: str, folder: Path, where: str) -> Utterance:
    try:
        values = parse_json(line)
    except ValueError as error:
        raise ManifestError(f"{where}: {error}; fix it there") from error
    if not isinstance(values, dict) or not isinstance(audio := values.pop("audio", None), str):
        raise ManifestError(f'{where}: needs a table with "audio", a path, not {shown(line)}')
    if not Path(audio).name or "\0" in audio:
        raise ManifestError(f'{where}: "audio" must be the path of a file, not {shown(audio)}')
    if "seconds" not in values:
        raise ManifestError(f'{where}: "seconds" is missing: how long the audio is')
    seconds, start = (_real(values.pop(key, 0.0)) for key in ("seconds", "start"))
    return Utterance(folder / audio, seconds, values.pop("speaker", None), start, values, where)


def _real(value: Any) -> Any:  # noqa: ANN401 - any plain value
    """An integer as a float; any other value unchanged."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def write_manifest(path: Path, utterances: Sequence[Utterance], *, force: bool = False) -> None:
    """Write a manifest; audio paths become relative to its folder where they lie below it.

    Raises ManifestError for paths and metadata that it cannot hold; OutputError. An existing file
    is replaced only with `force`.
    """
    folder = path.resolve().parent
    with new_file(path, force=force) as file:
        for utterance in utterances:
            audio = utterance.audio.resolve()
            name = (
                audio.relative_to(folder).as_posix() if audio.is_relative_to(folder) else str(audio)
            )
            row = {
                "audio": name,
                "start": round(utterance.start, 3) or None,
                "seconds": round(utterance.seconds, 3),
            }
            row |= {"speaker": utterance.speaker, **utterance.metadata}
            try:
                line = json.dumps(
                    {k: v for k, v in row.items() if v is not None},
                    ensure_ascii=False,
                    allow_nan=False,
                )
                file.write(f"{line}\n".encode())
            except (TypeError, ValueError) as error:  # a name that is not UTF-8, for example
                raise ManifestError(
                    f"a manifest cannot hold {shown(str(audio))}: {error}; rename it"
                ) from error
