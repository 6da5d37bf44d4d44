"""Where the sound of a file is, and how much of it there should be; for files with one header.

Sun/NeXT (.au), NIST SPHERE (.sph) and Creative Voice (.voc) files have no chunks as WAV has; those
are in `containers.py`.
"""

import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from speechvq.audio.formats import advice
from speechvq.audio.pieces import Piece
from speechvq.errors import AudioError

LIMIT32 = 1 << 32

SPHERE_LIMIT = 1 << 16
"""Bytes of a NIST SPHERE header that are looked at."""

VOC = b"Creative Voice File\x1a"
VOC_LIMIT = 1 << 24
"""Bytes of a block."""

VOC_SOUND, VOC_MORE, VOC_NEW = 1, 2, 9
"""Kinds of blocks: sound, more of it, and sound of any format."""


@dataclass(frozen=True)
class Sound:
    """What libsndfile shall read; bytes of sound that are there, and that the header tells of.

    told: None where the header does not say
    behind: bytes behind the sound that are nothing known
    mpeg: where MPEG frames are, if the sound consists of them
    """

    pieces: tuple[Piece, ...]
    found: int
    told: int | None
    behind: int
    mpeg: tuple[int, int] | None = None


def read(file: BinaryIO, size: int, name: str) -> Sound | None:
    """The sound of a file with one header; None where it is of another kind. Raises AudioError."""
    file.seek(0)
    head = file.read(SPHERE_LIMIT)
    if head.startswith((b".snd", b"dns.")):
        return _sun(head, size)
    if head.startswith(b"NIST_1A"):
        return _sphere(head, size)
    if head.startswith(VOC):
        return _voc(file, head, size, name)
    return None


def _sun(head: bytes, size: int) -> Sound | None:
    order = ">" if head.startswith(b".snd") else "<"
    if len(head) < 24:
        return None
    start, told = struct.unpack(f"{order}4xII", head[:12])
    found = max(0, size - start)
    known = None if told == LIMIT32 - 1 or (told == 0 and found) else told
    behind = max(0, found - known) if known is not None else 0
    right = struct.pack(f"{order}I", min(found - behind, LIMIT32 - 1))
    return Sound(((0, 8), right, (12, size)), found - behind, known, behind)


def _sphere(head: bytes, size: int) -> Sound:
    facts = {
        key.decode(): int(value)
        for key, value in re.findall(
            rb"(?m)^(\w{1,40}) -i (\d{1,12})\s*$", head.partition(b"end_head")[0]
        )
    }
    length = re.match(rb"NIST_1A\s+(\d{1,6})\s", head)
    found = max(0, size - (int(length[1]) if length else 0))
    frame = facts.get("channel_count", 1) * facts.get("sample_n_bytes", 2)
    told = facts["sample_count"] * frame if "sample_count" in facts else None
    return Sound(((0, size),), found, told, 0)


def _voc(file: BinaryIO, head: bytes, size: int, name: str) -> Sound:
    """The blocks of a Creative Voice file, of which libsndfile would read the first alone."""
    place, blocks = int.from_bytes(head[20:22], "little"), []
    while place + 4 <= size:
        file.seek(place)
        kind, *length = file.read(4)
        stop = place + 4 + int.from_bytes(bytes(length), "little")
        if kind == 0:
            break
        if kind in (VOC_SOUND, VOC_MORE, VOC_NEW):
            blocks.append((kind, place + 4, stop))
        place = stop
    told = sum(stop - start for _, start, stop in blocks)
    if not blocks or any(kind != VOC_MORE for kind, *_ in blocks[1:]) or told >= VOC_LIMIT:
        raise AudioError(
            f"{name} holds {len(blocks)} blocks of sound that are no single recording; "
            f"`{advice(Path(name))}` makes them one"
        )
    ranges = [(start, min(stop, size)) for _, start, stop in blocks if start < size]
    found = sum(stop - start for start, stop in ranges)
    first = (0, blocks[0][1] - 3)
    return Sound((first, found.to_bytes(3, "little"), *ranges, b"\0"), found, told, 0)
