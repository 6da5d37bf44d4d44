"""Manifests: damaged as tables and as text. What is accepted is written and read as the same."""

import math
from pathlib import Path
from random import Random

from recipes.robustness.case import Case, WrongResultError, require
from recipes.robustness.texts import damaged_text, encoded
from recipes.robustness.trees import Tree, as_json, changed
from speechvq.data.manifest import Utterance, read_manifest, write_manifest
from speechvq.errors import SpeechVQError

ROWS: list[Tree] = [
    {"audio": "bdl/a0001.wav", "seconds": 3.2, "speaker": "bdl", "sex": "m", "language": "en"},
    {"audio": "bdl/a0001.wav", "seconds": 1, "start": 0.25, "speaker": None, "text": "one two"},
    {"audio": "/data/größer.flac", "seconds": 12.125, "speaker": "slt", "corpus": "arctic"},
    {"audio": "x.wav", "seconds": 0.5, "tags": ["a", {"b": [1, 2.5]}]},
]


class Manifests:
    """Manifests of a few lines."""

    def __init__(self, seed: int) -> None:
        del seed

    def make(self, random: Random) -> Case:
        rows = random.sample(ROWS, random.choice((1, 2, 3)))
        pick = random.random()
        if pick >= 0.05 and pick < 0.7:
            rows = changed(random, rows)
        text = "\n".join(as_json(random, row) for row in rows) + "\n"
        if pick >= 0.5:
            text = damaged_text(random, text)
        data = text.encode("utf-8", "surrogatepass")
        return Case("list.jsonl", data if pick < 0.05 else encoded(random, text), "text")

    def check(self, case: Case, folder: Path) -> None:
        path = case.written(folder)
        rows = read_manifest(path)
        again = path.with_name("again.jsonl")
        try:
            write_manifest(again, rows, force=True)
            others = read_manifest(again)
        except SpeechVQError as error:
            raise WrongResultError(f"it is read, but not written: {error}") from error
        require(len(rows) == len(others), "another number of lines is written")
        for row, other in zip(rows, others, strict=True):
            require(_alike(row, other), f"{row} is written as {other}")


def _alike(row: Utterance, other: Utterance) -> bool:
    """Whether they are the same, but for times within half a millisecond."""
    times = (row.start, other.start), (row.seconds, other.seconds)
    known = {key: value for key, value in row.metadata.items() if value is not None}
    return (
        row.audio.resolve() == other.audio.resolve()
        and all(math.isclose(a, b, abs_tol=6e-4) for a, b in times)
        and row.speaker == other.speaker
        and repr(known) == repr(other.metadata)
    )
