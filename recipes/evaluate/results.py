"""The findings of a measurement for each recording, in a JSON file by which it resumes."""

import json
import math
from pathlib import Path
from typing import Any

from speechvq.data.manifest import Utterance
from speechvq.errors import OutputError
from speechvq.input import read_bytes
from speechvq.output import check_writable, new_file
from speechvq.parsing import parse_json

LARGEST = 1 << 30
"""Bytes of a file of results."""


class Results:
    """Findings by recording.

    path: a JSON file, written after each recording; None: nothing is stored. An
      existing file is resumed
    settings: what the findings depend on
    Raises OutputError for a file with other settings, and for one that holds no results.
    """

    def __init__(self, path: Path | None, settings: dict[str, Any]) -> None:
        self._path = path
        self._settings = json.loads(json.dumps(settings))
        self._recordings: dict[str, Any] = {}
        if path is None:
            return
        check_writable(path, force=True)
        if path.exists():
            data = read_bytes(path, OutputError, limit=LARGEST, what="file of results")
            try:
                content = parse_json(data)
                settings, self._recordings = content["settings"], dict(content["recordings"])
            except (ValueError, KeyError, TypeError) as error:
                raise OutputError(f"{path} does not hold results: give another file") from error
            if settings != self._settings:
                raise OutputError(
                    f"{path} holds results of other settings: repeat that command, or give another "
                    "file"
                )

    def get(self, utterance: Utterance) -> Any:  # noqa: ANN401 - what was added
        """The stored findings of a recording, or None."""
        return self._recordings.get(_key(utterance))

    def add(self, utterance: Utterance, findings: Any) -> None:  # noqa: ANN401 - JSON values
        """Store the findings of a recording."""
        self._recordings[_key(utterance)] = _plain(findings)
        self._write({})

    def finish(self, table: list[dict[str, Any]]) -> None:
        """Store the table, too."""
        self._write({"table": table})

    def _write(self, more: dict[str, Any]) -> None:
        if self._path is None:
            return
        everything = {
            "settings": self._settings,
            **_plain(more),
            "recordings": self._recordings,
        }
        with new_file(self._path, force=True) as file:
            file.write((json.dumps(everything, indent=1) + "\n").encode())


def _plain(value: Any) -> Any:  # noqa: ANN401 - JSON values
    """The value with null for numbers that are not finite, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _key(utterance: Utterance) -> str:
    """A recording's name among the findings: its path, and where it begins in the file."""
    return f"{utterance.audio} from {utterance.start:g} s"
