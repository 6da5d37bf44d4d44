"""FLAC streams that follow one another, and whether there is more than their headers tell of.

libsndfile reads the samples that the header of a stream tells of, and says nothing of what follows
them. A frame (RFC 9639) begins with

    11111111 1111100 b | block size, rate | channels, bits | number, as UTF-8 codes it | ...

and ends with a checksum of all of it, over which the checksum is 0.
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
"""Bytes at the end among which the last frame begins, if nothing follows it."""

POLYNOMIAL = 0x8005
"""The checksum's, most significant bit first."""

LAST_CODED = 0x10FFFF
"""The highest number that Python codes as UTF-8."""


def streams(file: BinaryIO, start: int, size: int) -> Iterator[tuple[int, int]]:
    """Where each stream begins and ends."""
    first, place = start, start + len(MARK)
    while place < size:
        data = read_at(file, place, PIECE + 7)
        found = [at for mark in STARTS if 0 <= (at := data.find(mark)) < PIECE]
        if found:
            yield first, place + min(found)
            first = place + min(found)
            place = first + len(MARK)
        else:
            place += PIECE
    yield first, size


def goes_on(file: BinaryIO, start: int, stop: int) -> bool:
    """Whether something follows the last frame that the header of a stream tells of.

    A tag of 128 bytes and zeros are nothing. False where that cannot be told.
    """
    info = read_at(file, start + len(STARTS[0]), 34)
    least, most = (int.from_bytes(info[place : place + 2], "big") for place in (0, 2))
    samples = int.from_bytes(info[13:18], "big") & (1 << 36) - 1
    number = (samples - 1) // most if samples and most else LAST_CODED
    if least != most or number >= LAST_CODED:
        return False
    first = max(start, stop - TAIL)
    tail = read_at(file, first, stop - first)
    if tail[-128:].startswith(b"TAG"):
        tail = tail[:-128]
    for each, more in ((number + 1, True), (number, False)):
        if any(not _checksum(frames) for frames in _from(each, tail)):
            return more
    return any(
        _begins_whole(frames[:TAIL])
        for place in range(start, stop, PIECE)
        for frames in _from(number, read_at(file, place, PIECE + TAIL))
    )


def _from(number: int, data: bytes) -> Iterator[bytes]:
    """The rest of some bytes from where the frame of a number may begin."""
    coded = re.escape(chr(number).encode(errors="surrogatepass"))
    for found in re.finditer(rb"\xff[\xf8\xf9].." + coded, data, re.DOTALL):
        yield data[found.start() :]


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
    """CRC-16, on from that of what comes before."""
    table = TABLE
    for byte in data:
        value = (value & 0xFF) << 8 ^ table[value >> 8 ^ byte]
    return value


def _begins_whole(data: bytes) -> bool:
    """Whether the first of some bytes may be a whole frame."""
    value = 0
    return any(
        (value := _checksum(data[place : place + 1], value)) == 0 for place in range(len(data))
    )
