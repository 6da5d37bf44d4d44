"""A file made of pieces: ranges of bytes of another file, and substituted bytes.

libsndfile reads recordings through it, so a header can be corrected and foreign bytes can be
skipped without writing a copy.
"""

import io
import os
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import BinaryIO

Piece = tuple[int, int] | bytes
"""The offsets at which a range of bytes begins and ends, or the bytes themselves."""


def length(piece: Piece) -> int:
    """Bytes of a piece."""
    return len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]


def read_at(file: BinaryIO, place: int, count: int) -> bytes:
    """At most `count` bytes of a file from a place on."""
    file.seek(place)
    return file.read(count)


def joined(ranges: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Ranges in order, with adjacent ones merged; empty ones are dropped."""
    first = last = -1
    for start, stop in ranges:
        if start != last:
            if last > first:
                yield first, last
            first = start
        last = stop
    if last > first:
        yield first, last


class Pieces(io.RawIOBase):
    """The pieces of a file as one file that can be read and sought in.

    endless: claim a size far beyond the actual one. libmpg123 guesses the length of a stream from
      the size, and reads no further
    An OSError is kept in `error` and reads as the end of the file, because libsndfile cannot pass
    it on.
    """

    def __init__(self, file: BinaryIO, pieces: Iterable[Piece], *, endless: bool = False) -> None:
        self._file, self._pieces = file, tuple(pieces)
        self._ends = tuple(accumulate(map(length, self._pieces)))
        self.size = self._ends[-1] if self._ends else 0
        self._claimed = 64 * self.size + 2**20 if endless else self.size
        self._position = 0
        self.error: OSError | None = None

    def readable(self) -> bool:
        """Always true."""
        return True

    def seekable(self) -> bool:
        """Always true."""
        return True

    def tell(self) -> int:
        """The position."""
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Move to a position, at least 0, and return it."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._claimed}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: memoryview, /) -> int:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Fill a buffer from the position on; return the number of bytes."""
        view, done = memoryview(buffer).cast("B"), 0
        try:
            while done < len(view) and self._position < self.size:
                data = self._read(len(view) - done)
                if not data:
                    break
                view[done : done + len(data)] = data
                done += len(data)
                self._position += len(data)
        except OSError as error:
            self.error = error
        if self._claimed > self.size <= self._position and not done:
            return self._beyond(view)
        return done

    def _read(self, count: int) -> bytes:
        """At most `count` bytes from the position on, of one piece."""
        index = bisect_right(self._ends, self._position)
        piece = self._pieces[index]
        offset = self._position - (self._ends[index] - length(piece))
        if isinstance(piece, bytes):
            return piece[offset : offset + count]
        start = piece[0] + offset
        self._file.seek(start)
        return self._file.read(min(count, piece[1] - start))

    def _beyond(self, view: memoryview) -> int:
        """Zeros where libmpg123 looks for a tag in the last bytes of an endless file."""
        if self._position < self._claimed - 128:
            return 0
        count = min(len(view), self._claimed - self._position)
        view[:count] = bytes(count)
        self._position += count
        return count
