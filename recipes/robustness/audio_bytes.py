"""The parts of audio files: chunks of RIFF and its like, pages of Ogg, frames of MP3; damaged."""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from recipes.robustness.damage import LARGE, damaged

HEADER = 200
"""Bytes at the beginning in which most of a header lies."""


def damaged_header(random: Random, data: bytes) -> bytes:
    """Damage near the beginning."""
    place = random.choice((16, 48, HEADER))
    return damaged(random, data[:place]) + data[place:]


@dataclass(frozen=True)
class _Layout:
    """A format of chunks: an id, a size, the content, padding.

    start: where the first chunk begins
    head: bytes of an id and a size
    size: how a size is written
    own: whether a size counts the head
    align: to which content is padded
    """

    start: int
    head: int
    size: str
    own: bool
    align: int


LAYOUTS = {
    b"RIFF": _Layout(12, 8, "<I", own=False, align=2),
    b"RF64": _Layout(12, 8, "<I", own=False, align=2),
    b"FORM": _Layout(12, 8, ">I", own=False, align=2),
    b"caff": _Layout(8, 12, ">q", own=False, align=1),
    b"riff": _Layout(40, 24, "<q", own=True, align=8),
}


def damaged_chunks(random: Random, data: bytes) -> bytes:
    """Chunks exchanged, left out, doubled, put in, of other sizes and contents."""
    layout = LAYOUTS.get(data[:4])
    if layout is None:
        return damaged_header(random, data)
    chunks = _chunks(data, layout)
    for _ in range(random.choice((1, 1, 2, 3))):
        place = random.randrange(len(chunks))
        head, content = chunks[place]
        pick = random.randrange(7)
        if pick == 0:
            other = random.randrange(len(chunks))
            chunks[place], chunks[other] = chunks[other], chunks[place]
        elif pick == 1 and len(chunks) > 1:
            del chunks[place]
        elif pick == 2:
            chunks.insert(place, chunks[random.randrange(len(chunks))])
        elif pick == 3:
            name = random.choice((b"junk", b"LIST", b"ds64", b"fact", b"data", b"fmt ", b"COMM"))
            chunks.insert(place, _sized(layout, name, random.randbytes(random.choice((0, 4, 28)))))
        elif pick == 4:
            chunks[place] = head, damaged(random, content[:40]) + content[40:]
        else:
            chunks[place] = _other_size(random, layout, head), content
    start = data[: layout.start]
    if random.random() < 0.2:
        start = damaged(random, start)
    return start + b"".join(head + content for head, content in chunks)


def damaged_pages(random: Random, data: bytes) -> bytes:
    """Ogg pages damaged, exchanged, left out and doubled, with checksums repaired."""
    pages = ogg_pages(data)
    if not pages:
        return damaged_header(random, data)
    for _ in range(random.choice((1, 1, 2, 3))):
        place = random.randrange(min(len(pages), random.choice((2, 3, len(pages)))))
        pick = random.randrange(6)
        if pick == 0:
            other = random.randrange(len(pages))
            pages[place], pages[other] = pages[other], pages[place]
        elif pick == 1 and len(pages) > 1:
            del pages[place]
        elif pick == 2:
            pages.insert(place, pages[random.randrange(len(pages))])
        elif pick == 3:
            granule = struct.pack("<Q", random.choice(LARGE) % 2**64)
            pages[place] = pages[place][:6] + granule + pages[place][14:]
        else:
            pages[place] = b"OggS" + damaged(random, pages[place][4:])
    repaired = b"".join(map(with_checksum, pages))
    return repaired if random.random() < 0.9 else b"".join(pages)


def ogg_pages(data: bytes) -> list[bytes]:
    """The pages of an Ogg file."""
    pages, at = [], 0
    while data[at : at + 4] == b"OggS" and len(data) >= at + 27:
        count = data[at + 26]
        end = at + 27 + count + sum(data[at + 27 : at + 27 + count])
        pages.append(data[at:end])
        at = end
    return pages


def with_serial(data: bytes, serial: int) -> bytes:
    """An Ogg file with another serial number, as each stream of a chained file needs its own."""
    number = struct.pack("<I", serial)
    return b"".join(with_checksum(page[:14] + number + page[18:]) for page in ogg_pages(data))


def with_checksum(page: bytes) -> bytes:
    """A page with its checksum repaired."""
    if len(page) < 27:
        return page
    bare, register = page[:22] + bytes(4) + page[26:], 0
    for byte in bare:
        register = (register << 8 & 0xFFFFFFFF) ^ TABLE[register >> 24 ^ byte]
    return page[:22] + struct.pack("<I", register) + page[26:]


def _table() -> list[int]:
    """The remainders of all bytes by the polynomial 0x04C11DB7."""
    table = []
    for byte in range(256):
        register = byte << 24
        for _ in range(8):
            register = (register << 1 ^ (0x04C11DB7 if register >> 31 else 0)) & 0xFFFFFFFF
        table.append(register)
    return table


TABLE = _table()


def damaged_frames(random: Random, data: bytes) -> bytes:
    """MP3 with tags of other sizes, garbage before it, frames left out, and other headers."""
    pick = random.randrange(5)
    if pick == 0:
        size = random.choice((0, 10, 100, 2**21, 2**28 - 1))
        groups = bytes(size >> shift & 127 for shift in (21, 14, 7, 0))
        return b"ID3\x04\0" + bytes([random.choice((0, 64, 128, 255))]) + groups + bytes(10) + data
    if pick == 1:
        return random.randbytes(random.choice((1, 3, 100, 3000))) + data
    places = [at for at in range(len(data) - 1) if data[at] == 255 and data[at + 1] >= 224]
    if not places:
        return damaged_header(random, data)
    place = random.choice(places[:3] if pick == 2 else places)
    if pick == 3:
        return data[place:]
    return data[:place] + damaged(random, data[place : place + 4]) + data[place + 4 :]


WAYS: dict[str, Callable[[Random, bytes], bytes]] = {
    "bytes": damaged,
    "header": damaged_header,
    "chunks": damaged_chunks,
    "pages": damaged_pages,
    "frames": damaged_frames,
}


def _chunks(data: bytes, layout: _Layout) -> list[tuple[bytes, bytes]]:
    """(id and size, content with padding) of each chunk."""
    chunks, at = [], layout.start
    width = struct.calcsize(layout.size)
    while at + layout.head <= len(data):
        (size,) = struct.unpack(layout.size, data[at + layout.head - width : at + layout.head])
        size = max(0, size - layout.head if layout.own else size)
        end = at + layout.head + size
        end += -(end - at) % layout.align
        chunks.append((data[at : at + layout.head], data[at + layout.head : end]))
        at = end
    return chunks or [(b"", data)]


def _sized(layout: _Layout, name: bytes, content: bytes) -> tuple[bytes, bytes]:
    """A chunk of a content."""
    width = struct.calcsize(layout.size)
    size = len(content) + (layout.head if layout.own else 0)
    padded = content + bytes(-(layout.head + len(content)) % layout.align)
    return name.ljust(layout.head - width, b"\0") + struct.pack(layout.size, size), padded


def _other_size(random: Random, layout: _Layout, head: bytes) -> bytes:
    """The head of a chunk with another size."""
    width = struct.calcsize(layout.size)
    order = "little" if layout.size[0] == "<" else "big"
    value = int.from_bytes(head[-width:], order)
    value = random.choice((value + 1, value - 1, value * 2, value // 2, *LARGE)) % 256**width
    return head[:-width] + value.to_bytes(width, order)
