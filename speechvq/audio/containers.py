"""WAV, AIFF, W64 and CAF, chunk by chunk: the declared length of the sound and the actual one.

libsndfile trusts sizes that fit into the file, silently corrects some that do not, and refuses
others. Here the chunk with the sound is located, and its faults are reported:

- a size beyond the end of the file: the file is cut off;
- a size of 0, -1 or about 2^31 or 2^32 with sound behind it: its writer never corrected it;
- bytes after the sound that are no chunk, a second sound, a second recording.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

from speechvq.audio.pieces import Piece, read_at
from speechvq.audio.sound import Sound
from speechvq.errors import AudioError

W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
W64_RIFF = bytes.fromhex("2e91cf11a5d628db04c10000")

LIMIT32, LIMIT64 = 1 << 32, 1 << 63
PIPED = 0x7FFFF000
"""Least of the sizes, about 2^31, that programs write into a pipe; others write 0 or -1."""

MPEG_TAGS = (0x50, 0x55)
"""Formats of a WAV file: MPEG layers I and II, and III."""

CHUNKS = 10_000
"""Most chunks of a file that are examined; real files have fewer."""


@dataclass(frozen=True)
class Container:
    """How files of a format are made of chunks.

    magic: bytes at the beginning of the file
    form: the offset of further magic bytes, and their alternatives
    first: offset of the first chunk
    size: the `struct` format of a chunk's size; `name`: bytes of the chunk's name before it
    sound: the name of the chunk with the sound; `inside`: bytes in it before the sound
    counted: bytes of its own head that a size counts
    align: chunks begin at multiples of this many bytes
    """

    magic: bytes
    form: tuple[int, tuple[bytes, ...]]
    first: int
    size: str
    name: int
    sound: bytes
    inside: int = 0
    counted: int = 0
    align: int = 2


WAVES = ((b"RIFF", "<I"), (b"RIFX", ">I"), (b"RF64", "<I"), (b"BW64", "<I"))
CONTAINERS = (
    *(Container(name, (8, (b"WAVE",)), 12, size, 4, b"data") for name, size in WAVES),
    Container(b"FORM", (8, (b"AIFF", b"AIFC")), 12, ">I", 4, b"SSND", inside=8),
    Container(b"FORM", (8, (b"8SVX", b"16SV")), 12, ">I", 4, b"BODY"),
    Container(
        b"riff" + W64_RIFF,
        (24, (b"wave" + W64_TAIL,)),
        40,
        "<Q",
        16,
        b"data" + W64_TAIL,
        counted=24,
        align=8,
    ),
    Container(b"caff", (4, (b"\0\1",)), 8, ">Q", 4, b"data", inside=4, align=1),
)


@dataclass(frozen=True)
class Chunk:
    """A chunk of a file.

    place: offset of its size; `start`: offset of its content
    size: bytes of its content; None: unknown
    """

    name: bytes
    place: int
    start: int
    size: int | None


def read(file: BinaryIO, size: int, name: str) -> Sound | None:
    """The sound of a file of chunks; None for other files, and for files without sound.

    Raises AudioError for two sounds in one file.
    """
    head = read_at(file, 0, 64)
    kind = next((kind for kind in CONTAINERS if _is(kind, head)), None)
    if kind is None:
        return None
    chunks = _chunks(file, kind, size)
    size64 = None  # the size of the sound in RF64, where 32 bits do not suffice
    for chunk in chunks:
        if chunk.name == b"ds64":
            size64 = struct.unpack("<Q", read_at(file, chunk.start + 8, 8).ljust(8, b"\0"))[0]
        if chunk.name == kind.sound:
            break
    else:
        return None
    if size64 is not None and chunk.size in (None, LIMIT32 - 1):
        chunk = replace(chunk, size=size64 if size64 < LIMIT64 else None)
    return _sound(file, kind, chunk, size, name)


def _sound(file: BinaryIO, kind: Container, chunk: Chunk, size: int, name: str) -> Sound:
    """What libsndfile shall read, given the chunk of the sound. Raises AudioError."""
    available = size - chunk.start
    declared = chunk.size
    if declared == 0 and available and not _plausible(read_at(file, chunk.start, kind.name)):
        declared = None
    if declared is not None and declared > available and declared >= PIPED and kind.size[-1] == "I":
        declared = None
    if declared is None or declared > available:
        present, trailing = available, 0
    else:
        present = declared
        trailing = _trailing(file, kind, chunk.start + present, size, name)
    stop = chunk.start + present
    return Sound(
        _pieces(file, kind, chunk, stop),
        max(0, present - kind.inside),
        None if declared is None else max(0, declared - kind.inside),
        trailing,
        (chunk.start, stop) if _holds_mpeg(file, kind, chunk) else None,
    )


def _holds_mpeg(file: BinaryIO, kind: Container, sound: Chunk) -> bool:
    """Whether the format chunk says that the sound is MPEG frames."""
    tags = [
        struct.unpack(f"{kind.size[0]}H", read_at(file, chunk.start, 2))[0]
        for chunk in _chunks(file, kind, sound.place)
        if chunk.name == b"fmt "
    ]
    return bool(tags) and tags[0] in MPEG_TAGS


def _pieces(file: BinaryIO, kind: Container, chunk: Chunk, stop: int) -> tuple[Piece, ...]:
    """The file up to the end of its sound, with the right sizes."""
    present = stop - chunk.start
    if kind.magic not in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        length = min(present + kind.counted, 2 ** (8 * _width(kind)) - 1)
        return (0, chunk.place), struct.pack(kind.size, length), (chunk.place + _width(kind), stop)
    before = [c for c in _chunks(file, kind, chunk.place) if c.name not in (b"ds64", kind.sound)]
    kept = [(c.start - 8, _end(kind, c)) for c in before]
    length = 4 + sum(b - a for a, b in kept) + 8 + present
    if length < LIMIT32:
        riff = kind.magic if kind.magic == b"RIFX" else b"RIFF"
        opening = riff + struct.pack(kind.size, length) + b"WAVE"
        return opening, *kept, b"data" + struct.pack(kind.size, present), (chunk.start, stop)
    ds64 = struct.pack("<4sIQQQI", b"ds64", 28, length + 36, present, 0, 0)
    opening = b"RF64" + b"\xff" * 4 + b"WAVE" + ds64
    return opening, *kept, b"data" + b"\xff" * 4, (chunk.start, stop)


def _trailing(file: BinaryIO, kind: Container, place: int, size: int, name: str) -> int:
    """Bytes after the sound that are neither chunks, nor tags, nor padding.

    Raises AudioError for a second recording or a second sound.
    """
    place += -place % kind.align if place < size else 0
    for chunk in _chunks(file, kind, size, place):
        head = read_at(file, chunk.place - kind.name, 64)
        if _is(kind, head):
            raise AudioError(f"{name} holds two recordings, one after the other; cut them apart")
        if chunk.name == kind.sound:
            raise AudioError(f"{name} holds two chunks of sound, where one is allowed")
        if not _plausible(chunk.name):
            break
        place = _end(kind, chunk)
    if place >= size or _plausible(read_at(file, place, kind.name)):
        return 0
    rest = read_at(file, place, 1 << 20)
    return size - place if rest.strip(b"\0") and not rest.startswith((b"TAG", b"ID3")) else 0


def _chunks(
    file: BinaryIO, kind: Container, size: int, place: int | None = None
) -> Iterator[Chunk]:
    """The chunks that begin before offset `size`; the last may end after it."""
    place = kind.first if place is None else place
    width = _width(kind)
    for _ in range(CHUNKS):
        head = read_at(file, place, kind.name + width) if place < size else b""
        if len(head) < kind.name + width:
            return
        declared: int = struct.unpack(kind.size, head[kind.name :])[0]
        start = place + len(head)
        unknown = declared in ((LIMIT32 - 1,) if width == 4 else (2 * LIMIT64 - 1, LIMIT64 - 1))
        content = None if unknown else max(0, declared - kind.counted)
        chunk = Chunk(head[: kind.name], place + kind.name, start, content)
        yield chunk
        place = _end(kind, chunk)


def _end(kind: Container, chunk: Chunk) -> int:
    """Offset of the next chunk."""
    stop = chunk.start + (LIMIT64 if chunk.size is None else chunk.size)
    return stop + -stop % kind.align


def _is(kind: Container, head: bytes) -> bool:
    place, forms = kind.form
    return head.startswith(kind.magic) and head[place:].startswith(forms)


def _plausible(name: bytes) -> bool:
    """Whether bytes can be the name of a chunk."""
    return len(name) >= 4 and all(32 <= byte < 127 for byte in name[:4])


def _width(kind: Container) -> int:
    return struct.calcsize(kind.size)
