"""A manifest: one JSON object a line, one line an audio file.

    {"audio": "bdl/arctic_a0001.wav", "seconds": 3.2, "speaker": "bdl", "sex": "m", "language":
    "en"}

`audio` is relative to the manifest's folder; `start` is where in the file, in seconds, the
`seconds` begin (0 if absent). Only `audio` and `seconds` are required; other keys are kept.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speechvq.errors import ManifestError


@dataclass(frozen=True)
class Utterance:
    """A piece of an audio file: its place, its speaker (None: unknown), and other metadata."""

    audio: Path
    seconds: float
    speaker: str | None = None
    start: float = 0.0
    facts: dict[str, Any] = field(default_factory=dict)


def read_manifest(path: str | Path) -> list[Utterance]:
    """Read a manifest.

    Raises ManifestError with the line number when a line is not what it must be, or when there is
    none.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"cannot read the manifest {path}: {error}") from error
    rows = [_utterance(line, path, number) for number, line in enumerate(lines, 1) if line.strip()]
    if not rows:
        raise ManifestError(
            f"the manifest {path} lists no audio; make one with `speechvq prepare FOLDER "
            f"{path.name}`"
        )
    return rows


def _utterance(line: str, path: Path, number: int) -> Utterance:
    where = f"{path}, line {number}"
    try:
        facts = json.loads(line)
    except ValueError as error:
        raise ManifestError(f"{where}: not JSON ({error})") from error
    if not isinstance(facts, dict) or not isinstance(facts.get("audio"), str):
        raise ManifestError(f'{where}: needs a table with "audio", a path')
    for key, least in (("seconds", 1e-3), ("start", 0.0)):
        value = facts.get(key, 0.0)
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not math.isfinite(value)
            or value < least
        ):
            raise ManifestError(
                f'{where}: "{key}" must be a number of at least {least:g}, not {value!r}'
            )
    speaker = facts.get("speaker")
    if speaker is not None and not isinstance(speaker, str):
        raise ManifestError(f'{where}: "speaker" must be a text, not {speaker!r}')
    rest = {
        key: value
        for key, value in facts.items()
        if key not in ("audio", "seconds", "speaker", "start")
    }
    return Utterance(
        path.parent / facts["audio"],
        float(facts["seconds"]),
        speaker,
        float(facts.get("start", 0)),
        rest,
    )


def write_manifest(path: Path, utterances: list[Utterance]) -> None:
    """Write a manifest; audio paths become relative to its folder where they lie below it."""
    folder = path.resolve().parent
    with path.open("w", encoding="utf-8") as file:
        for one in utterances:
            audio = one.audio.resolve()
            name = (
                audio.relative_to(folder).as_posix() if audio.is_relative_to(folder) else str(audio)
            )
            row = {
                "audio": name,
                "start": round(one.start, 3) or None,
                "seconds": round(one.seconds, 3),
            }
            row |= {"speaker": one.speaker, **one.facts}
            file.write(
                json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False)
                + "\n"
            )
