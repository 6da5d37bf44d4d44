"""Ogg files, page by page: the streams that follow one another, and whether all pages are there.

libsndfile reads the first stream and does not report others, lost pages or a missing end. It may
fail on FLAC in Ogg, which it therefore gets without the pages. A page
(RFC 3533) begins with

    "OggS" | version | flags | granule position 8 | serial number 4 | page number 4 | checksum 4 |
    number of segments | length of each segment
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from speechvq.audio.pieces import Piece, joined
from speechvq.errors import AudioError

MAGIC = b"OggS"
HEADER = struct.Struct("<4sBBqIIIB")
FIRST, LAST = 2, 4
"""Flags: the first and the last page of a stream."""

PADDING = 1 << 20
"""Bytes that are examined after the last page: zeros there are no damage."""

TAG = 128
"""Bytes of an ID3v1 tag, which is no damage either."""

AUDIO = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC", b"Speex   ")
"""How the first packet of a stream with sound begins."""

FLAC, FLAC_HEAD = AUDIO[2], 9
"""How FLAC in Ogg begins; bytes before the beginning of a bare FLAC file."""

REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Bytes with their bits in the other order: Ogg's checksum is that of zlib, mirrored."""


@dataclass(frozen=True)
class Page:
    """A page of a file.

    start, inside, stop: offsets of the page, of its content, and of its end
    serial: number of its stream; `number`: of the page in the stream
    content: the first bytes of its content
    """

    start: int
    inside: int
    stop: int
    flags: int
    serial: int
    number: int
    content: bytes


@dataclass
class Stream:
    """The pages of a stream with sound.

    number: of the next page
    bare: the content of the pages is read without their headers
    pages: where they begin and end
    ended: the last page has been read
    """

    number: int
    bare: bool = False
    pages: list[tuple[int, int]] = field(default_factory=list)
    ended: bool = False


@dataclass(frozen=True)
class Ogg:
    """Streams with sound, one after the other; and whether the end of the file is missing."""

    streams: tuple[tuple[Piece, ...], ...]
    cut: bool


def read(file: BinaryIO, start: int, size: int, name: str) -> Ogg:
    """The streams of a file from an offset on.

    Raises AudioError for streams side by side, and for lost, damaged and foreign pages.
    """
    walk, stop = _Walk(name), start
    for page in _pages(file, start, size, name):
        walk.take(page)
        stop = page.stop
    return Ogg(
        tuple(tuple(joined(stream.pages)) for stream in walk.streams),
        _begins_page(file, stop, size) or not all(stream.ended for stream in walk.streams),
    )


class _Walk:
    """The streams after the pages so far."""

    def __init__(self, name: str) -> None:
        self.streams: list[Stream] = []
        self._name, self._open, self._others = name, {}, set()

    def take(self, page: Page) -> None:
        """Take the next page. Raises AudioError."""
        if page.flags & FIRST:
            self._begin(page)
        stream: Stream | None = self._open.get(page.serial)
        if stream is None:
            if page.serial not in self._others:
                raise AudioError(f"{self._name} is damaged: the beginning of its sound is missing")
            return
        if page.number != stream.number:
            raise AudioError(
                f"{self._name} is damaged: pages of its sound are missing before byte {page.start}"
            )
        stream.number += 1
        head = FLAC_HEAD if page.flags & FIRST else 0
        stream.pages.append((page.inside + head if stream.bare else page.start, page.stop))
        if page.flags & LAST:
            stream.ended = True
            del self._open[page.serial]

    def _begin(self, page: Page) -> None:
        if not page.content.startswith(AUDIO):
            self._others.add(page.serial)
            return
        if self._open:
            raise AudioError(
                f"{self._name} holds several recordings side by side, or one that breaks off "
                "before the next begins"
            )
        self._others.discard(page.serial)
        self._open[page.serial] = Stream(page.number, page.content.startswith(FLAC))
        self.streams.append(self._open[page.serial])


def _pages(file: BinaryIO, start: int, size: int, name: str) -> Iterator[Page]:
    """All complete pages. Raises AudioError for other bytes, and for a wrong checksum."""
    while start < size:
        file.seek(start)
        head = file.read(HEADER.size)
        if len(head) < HEADER.size and (head.startswith(MAGIC) or MAGIC.startswith(head[:4])):
            return
        if not head.startswith(MAGIC):
            rest = head + file.read(PADDING)
            if not rest.strip(b"\0") or (rest.startswith(b"TAG") and len(rest) == TAG):
                return
            raise AudioError(f"{name} is damaged: from byte {start} on, it is no Ogg file")
        _, version, flags, _, serial, number, checksum, count = HEADER.unpack(head)
        lengths = file.read(count)
        content = file.read(sum(lengths))
        inside = start + HEADER.size + count
        stop = inside + sum(lengths)
        if stop > size or len(lengths) < count or len(content) < sum(lengths):
            return
        covered = head[:22] + bytes(4) + head[26:] + lengths + content
        if version or _checksum(covered) != checksum:
            raise AudioError(
                f"{name} is damaged: the checksum of the page at byte {start} is wrong"
            )
        yield Page(start, inside, stop, flags, serial, number, content[:8])
        start = stop


def _begins_page(file: BinaryIO, place: int, size: int) -> bool:
    """Whether an incomplete page begins at an offset."""
    file.seek(place)
    head = file.read(min(len(MAGIC), size - place))
    return bool(head) and MAGIC.startswith(head)


def _checksum(data: bytes) -> int:
    """CRC-32 with the polynomial 0x04C11DB7, most significant bit first, from 0."""
    mirrored = zlib.crc32(data.translate(REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)
