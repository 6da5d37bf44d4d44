"""Names of recordings and of their alignments, on which aligning and preparing must agree."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from speechvq.data.manifest import Utterance


def stem(row: Utterance) -> str:
    """The name of the audio file, and the start for a row that starts inside it."""
    return row.audio.stem + (f"_{row.start:.3f}" if row.start else "")


def aligned_as(row: Utterance) -> Path:
    """The TextGrid of a row below the folder of alignments, in a folder of its speaker if known."""
    return Path(Path(row.speaker or "").name) / f"{stem(row)}.TextGrid"


def unique_names(rows: Sequence[Utterance]) -> list[str]:
    """A unique name without spaces for each row.

    It is the row's "name", or its `stem`; where that is repeated, the speaker is put before it, and
    where that is not enough, a number after it.
    """
    first = [plain(str(row.metadata.get("name") or stem(row))) for row in rows]
    counts = Counter(first)
    second = [
        name if counts[name] == 1 else plain(f"{row.speaker or 'unknown'}-{name}")
        for name, row in zip(first, rows, strict=True)
    ]
    taken: set[str] = set()
    names: list[str] = []
    for name in second:
        free, number = name, 1
        while free in taken:
            number += 1
            free = f"{name}-{number}"
        taken.add(free)
        names.append(free)
    return names


def plain(name: str) -> str:
    """A name without spaces and slashes, which item and unit files could not hold."""
    return re.sub(r"[\s/\\]+", "_", name.strip())
