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
    """What libsndfile shall read of a file, and how much sound there is, in bytes.

    present: bytes of sound in the file
    declared: bytes of sound by the header; None where it does not say
    trailing: bytes after the sound that are no known structure
    mpeg: where the MPEG frames begin and end, if the sound consists of them
    """

    pieces: tuple[Piece, ...]
    present: int
    declared: int | None
    trailing: int
    mpeg: tuple[int, int] | None = None


def read(file: BinaryIO, size: int, name: str) -> Sound | None:
    """The sound of a file with one header; None for other formats. Raises AudioError."""
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
    """The sound of a Sun/NeXT file; None where its header is incomplete."""
    order = ">" if head.startswith(b".snd") else "<"
    if len(head) < 24:
        return None
    start, declared = struct.unpack(f"{order}4xII", head[:12])
    present = max(0, size - start)
    if declared == LIMIT32 - 1 or (declared == 0 and present):
        declared = None
    trailing = max(0, present - declared) if declared is not None else 0
    length = struct.pack(f"{order}I", min(present - trailing, LIMIT32 - 1))
    return Sound(((0, 8), length, (12, size)), present - trailing, declared, trailing)


def _sphere(head: bytes, size: int) -> Sound:
    """The sound of a NIST SPHERE file."""
    fields = {
        key.decode(): int(value)
        for key, value in re.findall(
            rb"(?m)^(\w{1,40}) -i (\d{1,12})\s*$", head.partition(b"end_head")[0]
        )
    }
    length = re.match(rb"NIST_1A\s+(\d{1,6})\s", head)
    present = max(0, size - (int(length[1]) if length else 0))
    frame = fields.get("channel_count", 1) * fields.get("sample_n_bytes", 2)
    declared = fields["sample_count"] * frame if "sample_count" in fields else None
    return Sound(((0, size),), present, declared, 0)


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
    declared = sum(stop - start for _, start, stop in blocks)
    if not blocks or any(kind != VOC_MORE for kind, *_ in blocks[1:]) or declared >= VOC_LIMIT:
        raise AudioError(
            f"{name} holds {len(blocks)} blocks of sound that are no single recording; "
            f"`{advice(Path(name))}` makes them one"
        )
    ranges = [(start, min(stop, size)) for _, start, stop in blocks if start < size]
    present = sum(stop - start for start, stop in ranges)
    first = (0, blocks[0][1] - 3)
    return Sound((first, present.to_bytes(3, "little"), *ranges, b"\0"), present, declared, 0)
