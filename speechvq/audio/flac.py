"""FLAC streams that follow one another, and whether they go on after their declared end.

libsndfile reads as many samples as the header of a stream declares, and does not report what
follows. A frame (RFC 9639) begins with

    11111111 1111100 b | block size, rate | channels, bits | number, as UTF-8 codes it | ...

and ends with its checksum, so that the checksum of a complete frame is 0.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO

from speechvq.audio.pieces import read_at

MARK = b"fLaC"
STARTS = tuple(MARK + first + b"\0\0\x22" for first in (b"\0", b"\x80"))
"""How a stream begins: its mark, and the header of a block of 34 bytes."""

PIECE = 1 << 20
"""Bytes that are searched at a time."""

TAIL = 1 << 17
"""Bytes at the end of a stream in which its last frame begins."""

POLYNOMIAL = 0x8005
"""Polynomial of the CRC-16, most significant bit first."""

LAST_CODE_POINT = 0x10FFFF
"""The highest number that Python codes as UTF-8."""


def streams(file: BinaryIO, start: int, size: int) -> Iterator[tuple[int, int]]:
    """The offsets at which each stream begins and ends."""
    first, place = start, start + len(MARK)
    while place < size:
        data = read_at(file, place, PIECE + 7)
        offsets = [data.find(mark) for mark in STARTS]
        offsets = [offset for offset in offsets if 0 <= offset < PIECE]
        if offsets:
            yield first, place + min(offsets)
            first = place + min(offsets)
            place = first + len(MARK)
        else:
            place += PIECE
    yield first, size


def goes_on(file: BinaryIO, start: int, stop: int) -> bool:
    """Whether anything follows the last frame that the header of a stream declares.

    An ID3v1 tag and zeros do not count. False where the header does not allow to decide.
    """
    info = read_at(file, start + len(STARTS[0]), 34)
    shortest, longest = (int.from_bytes(info[place : place + 2], "big") for place in (0, 2))
    samples = int.from_bytes(info[13:18], "big") & (1 << 36) - 1
    number = (samples - 1) // longest if samples and longest else LAST_CODE_POINT
    if shortest != longest or number >= LAST_CODE_POINT:
        return False
    first = max(start, stop - TAIL)
    tail = read_at(file, first, stop - first)
    if tail[-128:].startswith(b"TAG"):
        tail = tail[:-128]
    for candidate, more in ((number + 1, True), (number, False)):
        if any(_checksum(frames) == 0 for frames in _from(candidate, tail)):
            return more
    return any(
        _begins_with_frame(frames[:TAIL])
        for place in range(start, stop, PIECE)
        for frames in _from(number, read_at(file, place, PIECE + TAIL))
    )


def _from(number: int, data: bytes) -> Iterator[bytes]:
    """The data from each offset on at which the frame with this number may begin."""
    coded = re.escape(chr(number).encode(errors="surrogatepass"))
    for match in re.finditer(rb"\xff[\xf8\xf9].." + coded, data, re.DOTALL):
        yield data[match.start() :]


def _table() -> tuple[int, ...]:
    table = list[int]()
    for byte in range(256):
        value = byte << 8
        for _ in range(8):
            value = (value << 1) ^ (POLYNOMIAL if value & 0x8000 else 0)
        table.append(value & 0xFFFF)
    return tuple(table)


TABLE = _table()


def _checksum(data: bytes, value: int = 0) -> int:
    """CRC-16 of data, continued from the value of the preceding data."""
    for byte in data:
        value = (value & 0xFF) << 8 ^ TABLE[value >> 8 ^ byte]
    return value


def _begins_with_frame(data: bytes) -> bool:
    """Whether data may begin with a complete frame, by its checksum."""
    value = 0
    return any(
        (value := _checksum(data[place : place + 1], value)) == 0 for place in range(len(data))
    )
