"""WAV and its relatives, chunk by chunk: how long the sound is said to be, and how long it is.

libsndfile believes sizes where they fit into the file, corrects some silently where they do not,
and refuses others. Here the chunk of the sound is found, and whatever is wrong is named:

- a size beyond the end of the file: the file is cut off;
- a size of 0, -1 or about 2^31 or 2^32 with sound behind it: its writer never came to put it right;
- something behind the sound that is no chunk, a second sound, a second recording.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from speechvq.audio.pieces import Piece
from speechvq.audio.sound import Sound
from speechvq.errors import AudioError

W64_TAIL = bytes.fromhex("f3acd3118cd100c04f8edb8a")
W64_RIFF = bytes.fromhex("2e91cf11a5d628db04c10000")

LIMIT32, LIMIT64 = 1 << 32, 1 << 63
PIPED = (0x7FFFF000, 0x80000001)
"""Sizes that programs write into a pipe, beside 0 and -1: about 2^31."""

MPEG_TAGS = (0x50, 0x55)
"""Formats of a WAV file: MPEG layers I and II, and III."""

CHUNKS = 10_000
"""Chunks that are looked at; no file has more."""


@dataclass(frozen=True)
class Container:
    """How files of a kind are made of chunks.

    begins: bytes at the beginning; `form`: bytes that follow at its own place
    first: where the first chunk is
    size: how a chunk's size is packed; `name`: bytes of its name before that
    sound: the name of the chunk with the sound; `inside`: bytes in it before the sound
    counted: bytes of its own head that a size counts
    align: chunks begin at multiples of this many bytes
    """

    begins: bytes
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
    """A chunk: its name, where its size stands, where its content begins, its size (or None)."""

    name: bytes
    place: int
    start: int
    size: int | None


def read(file: BinaryIO, size: int, name: str) -> Sound | None:
    """The sound of a file of chunks; None where it is none, or is empty.

    Raises AudioError for two sounds in one file.
    """
    head = _bytes(file, 0, 64)
    kind = next((kind for kind in CONTAINERS if _is(kind, head)), None)
    if kind is None:
        return None
    chunks = _chunks(file, kind, size)
    wide = None  # of RF64, where the sound's own size has no room
    for chunk in chunks:
        if chunk.name == b"ds64":
            wide = struct.unpack("<Q", _bytes(file, chunk.start + 8, 8).ljust(8, b"\0"))[0]
        if chunk.name == kind.sound:
            break
    else:
        return None
    if wide is not None and chunk.size in (None, LIMIT32 - 1):
        chunk = Chunk(chunk.name, chunk.place, chunk.start, wide if wide < LIMIT64 else None)
    return _sound(file, kind, chunk, size, name)


def _sound(file: BinaryIO, kind: Container, chunk: Chunk, size: int, name: str) -> Sound:
    there = size - chunk.start
    told = chunk.size
    if told == 0 and there and _plausible(_bytes(file, chunk.start, kind.name)) is False:
        told = None
    if told is not None and told > there and (kind.size[-1] == "I" and PIPED[0] <= told):
        told = None
    if told is None or told > there:
        found, behind = there, 0
    else:
        found = told
        behind = _behind(file, kind, chunk.start + told, size, name)
    stop = chunk.start + found
    inside = kind.inside
    return Sound(
        _pieces(file, kind, chunk, stop),
        max(0, found - inside),
        None if told is None else max(0, told - inside),
        behind,
        (chunk.start, stop) if _holds_mpeg(file, kind, chunk) else None,
    )


def _holds_mpeg(file: BinaryIO, kind: Container, sound: Chunk) -> bool:
    """Whether the chunk of the format names MPEG frames."""
    tags = [
        struct.unpack(f"{kind.size[0]}H", _bytes(file, chunk.start, 2))[0]
        for chunk in _chunks(file, kind, sound.place)
        if chunk.name == b"fmt "
    ]
    return bool(tags) and tags[0] in MPEG_TAGS


def _pieces(file: BinaryIO, kind: Container, chunk: Chunk, stop: int) -> tuple[Piece, ...]:
    """The file up to the end of its sound, with the right sizes."""
    found = stop - chunk.start
    if kind.begins not in (b"RIFF", b"RIFX", b"RF64", b"BW64"):
        whole = struct.pack(kind.size, min(found + kind.counted, 2 ** (8 * _width(kind)) - 1))
        return (0, chunk.place), whole, (chunk.place + _width(kind), stop)
    before = [c for c in _chunks(file, kind, chunk.place) if c.name not in (b"ds64", kind.sound)]
    kept = [(c.start - 8, _end(kind, c)) for c in before]
    length = 4 + sum(b - a for a, b in kept) + 8 + found
    if length < LIMIT32:
        riff = kind.begins if kind.begins == b"RIFX" else b"RIFF"
        opening = riff + struct.pack(kind.size, length) + b"WAVE"
        return opening, *kept, b"data" + struct.pack(kind.size, found), (chunk.start, stop)
    wide = struct.pack("<4sIQQQI", b"ds64", 28, length + 36, found, 0, 0)
    opening = b"RF64" + b"\xff" * 4 + b"WAVE" + wide
    return opening, *kept, b"data" + b"\xff" * 4, (chunk.start, stop)


def _behind(file: BinaryIO, kind: Container, place: int, size: int, name: str) -> int:
    """Bytes behind the sound that are neither chunks nor padding. Raises AudioError."""
    place += -place % kind.align if place < size else 0
    for chunk in _chunks(file, kind, size, place):
        head = _bytes(file, chunk.place - kind.name, 64)
        if _is(kind, head):
            raise AudioError(f"{name} holds two recordings, one after the other; cut them apart")
        if chunk.name == kind.sound:
            raise AudioError(f"{name} holds two chunks of sound, where one is allowed")
        if not _plausible(chunk.name):
            break
        place = _end(kind, chunk)
    if place >= size or _plausible(_bytes(file, place, kind.name)):
        return 0
    rest = _bytes(file, place, 1 << 20)
    return size - place if rest.strip(b"\0") and not rest.startswith((b"TAG", b"ID3")) else 0


def _chunks(
    file: BinaryIO, kind: Container, size: int, place: int | None = None
) -> Iterator[Chunk]:
    """Chunks up to a place, the last of which may go beyond it."""
    place = kind.first if place is None else place
    width = _width(kind)
    for _ in range(CHUNKS):
        head = _bytes(file, place, kind.name + width) if place < size else b""
        if len(head) < kind.name + width:
            return
        told: int = struct.unpack(kind.size, head[kind.name :])[0]
        start = place + len(head)
        unknown = told in ((LIMIT32 - 1,) if width == 4 else (2 * LIMIT64 - 1, LIMIT64 - 1))
        content = None if unknown else max(0, told - kind.counted)
        chunk = Chunk(head[: kind.name], place + kind.name, start, content)
        yield chunk
        place = _end(kind, chunk)


def _end(kind: Container, chunk: Chunk) -> int:
    """Where the next chunk begins."""
    stop = chunk.start + (LIMIT64 if chunk.size is None else chunk.size)
    return stop + -stop % kind.align


def _is(kind: Container, head: bytes) -> bool:
    place, forms = kind.form
    return head.startswith(kind.begins) and head[place:].startswith(forms)


def _plausible(name: bytes) -> bool:
    """Whether this can be the name of a chunk."""
    return len(name) >= 4 and all(32 <= byte < 127 for byte in name[:4])


def _width(kind: Container) -> int:
    return struct.calcsize(kind.size)


def _bytes(file: BinaryIO, place: int, count: int) -> bytes:
    file.seek(place)
    return file.read(count)
