"""A manifest: one JSON object per line, one line per audio file.

    {"audio": "bdl/a0001.wav", "seconds": 3.2, "speaker": "bdl", "sex": "m", "language": "en"}

`audio` is relative to the manifest's folder; `start` is where in the file, in seconds, the
`seconds` begin (0 if absent). Only `audio` and `seconds` are required; other keys are kept.
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speechvq.errors import ManifestError
from speechvq.output import new_file


@dataclass(frozen=True)
class Utterance:
    """A segment of an audio file: where it lies, its speaker (None: unknown), and metadata."""

    audio: Path
    seconds: float
    speaker: str | None = None
    start: float = 0.0
    metadata: dict[str, Any] = field(default_factory=dict)


def read_manifest(path: str | Path) -> list[Utterance]:
    """Read a manifest.

    Raises ManifestError with the line number when a line is not what it must be, or when there is
    none.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise ManifestError(
            f"there is no manifest {path}; make one with `speechvq prepare FOLDER {path.name}`"
        ) from error
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
        metadata = json.loads(line)
    except ValueError as error:
        raise ManifestError(f"{where}: not JSON ({error})") from error
    if not isinstance(metadata, dict) or not isinstance(metadata.get("audio"), str):
        raise ManifestError(f'{where}: needs a table with "audio", a path')
    for key, least in (("seconds", 1e-3), ("start", 0.0)):
        value = metadata.get(key, 0.0)
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not math.isfinite(value)
            or value < least
        ):
            raise ManifestError(
                f'{where}: "{key}" must be a number of at least {least:g}, not {value!r}'
            )
    speaker = metadata.get("speaker")
    if speaker is not None and not isinstance(speaker, str):
        raise ManifestError(f'{where}: "speaker" must be a text, not {speaker!r}')
    rest = {
        key: value
        for key, value in metadata.items()
        if key not in ("audio", "seconds", "speaker", "start")
    }
    return Utterance(
        path.parent / metadata["audio"],
        float(metadata["seconds"]),
        speaker,
        float(metadata.get("start", 0)),
        rest,
    )


def write_manifest(path: Path, utterances: list[Utterance], *, force: bool = False) -> None:
    """Write a manifest; audio paths become relative to its folder where they lie below it.

    Raises OutputError; an existing file is replaced only with `force`.
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
            line = json.dumps({k: v for k, v in row.items() if v is not None}, ensure_ascii=False)
            file.write(f"{line}\n".encode())
