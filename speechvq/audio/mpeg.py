"""MPEG audio (MP3, also layers I and II), frame by frame.

libmpg123 trusts the number of frames in the first one (Xing, Info), or else guesses the length from
the size of the file; either loses sound. Here every frame is located by its header, and tags
between frames are skipped. A frame that declares the number of frames after it begins a stream, so
that recordings laid end to end are read one after the other.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import BinaryIO

from speechvq.audio.pieces import Piece, joined, read_at
from speechvq.errors import AudioError

RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
"""Hz by the version's bits: MPEG 1, 2 and 2.5."""

LOW = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
KBPS = {
    (3, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): LOW,
    (2, 3): LOW,
}
"""Bit rates by version and layer; MPEG 2.5 has those of MPEG 2."""

CHAIN = 3
"""Consecutive headers that make a frame credible: two in a row occur in noise by chance."""

LEADING = 1 << 16
"""Bytes that are searched for the first frame."""

LOOK = 64
"""Bytes that are read of a frame: its header and the number of frames that it may declare."""

STEP = 1 << 16
"""Bytes that are searched at a time."""

FREE = "has no fixed bit rate (free format), which is not read; `lame --decode` makes a WAV file"
"""The error for frames whose length is stored nowhere; ffmpeg does not read them either."""

MONO = 3
"""The mode of one channel."""


@dataclass(frozen=True)
class Header:
    """The header of a frame, of four bytes.

    rate: in Hz
    length: bytes of the frame; 0 in free format
    samples: per channel
    """

    version: int
    layer: int
    rate: int
    channels: int
    length: int
    samples: int

    @property
    def kind(self) -> tuple[int, int, int, int]:
        """The fields that all frames of a recording share."""
        return self.version, self.layer, self.rate, self.channels

    def __str__(self) -> str:
        channels = "mono" if self.channels == 1 else "stereo"
        return f"layer {'I' * self.layer} at {self.rate} Hz, {channels}"


@dataclass
class Stream:
    """Frames of one recording.

    header: of its first frame
    info: where a frame without sound that declares their number begins and ends, if there is one
    declared: that number; None without such a frame, 0 where it leaves the number out
    frames: the number of frames present
    ranges: where they begin and end
    """

    header: Header
    info: tuple[int, int] | None = None
    declared: int | None = None
    frames: int = 0
    ranges: list[tuple[int, int]] = field(default_factory=list)

    @property
    def trusted(self) -> bool:
        """Whether all declared frames are there: only then the encoder's padding is cut off."""
        return self.info is not None and self.declared == self.frames

    @property
    def samples(self) -> int:
        """Samples per channel of all frames, including the encoder's padding."""
        return self.frames * self.header.samples

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The parts of the file that libmpg123 shall read."""
        first = [self.info] if self.trusted and self.info else []
        return tuple(joined([*first, *self.ranges]))


@dataclass(frozen=True)
class Mpeg:
    """The streams of a file.

    cut: its last frame is cut off
    foreign: bytes that belong to no frame or tag
    """

    streams: tuple[Stream, ...]
    cut: bool
    foreign: int

    @property
    def lost(self) -> int:
        """Samples per channel that are declared and missing."""
        return sum(max(0, (s.declared or 0) - s.frames) * s.header.samples for s in self.streams)


def looks_like(data: bytes) -> bool:
    """Whether data begins with the sync bits of a frame."""
    return len(data) > 1 and data[0] == 0xFF and data[1] & 0xE0 == 0xE0


def read(file: BinaryIO, start: int, size: int, name: str) -> Mpeg | None:
    """The streams of the frames between two offsets of a file; None where it is no MPEG audio.

    Raises AudioError for free format, and where the version, layer, sample rate or number of
    channels changes.
    """
    first = _next(file, start, min(size, start + LEADING), size, None)
    if first is None:
        _refuse_free(read_at(file, start, min(STEP, size - start)), name)
        return None
    walk = _Walk(file, size, name)
    walk.run(first)
    if walk.foreign > max(LEADING, sum(b - a for s in walk.streams for a, b in s.ranges)):
        return None
    streams = tuple(stream for stream in walk.streams if stream.frames)
    return Mpeg(streams, walk.cut, walk.foreign + first - start) if streams else None


class _Walk:
    """A pass from frame to frame, over tags and foreign bytes."""

    def __init__(self, file: BinaryIO, size: int, name: str) -> None:
        self.streams: list[Stream] = []
        self.cut, self.foreign = False, 0
        self._file, self._size, self._name = file, size, name

    def run(self, place: int) -> None:
        """Collect everything from the first frame on."""
        kind = None
        while place < self._size:
            data = read_at(self._file, place, LOOK)
            header = _header(data[:4])
            if header is not None and kind in (None, header.kind):
                kind = header.kind
                place = self._frame(place, header, data)
                continue
            if header is not None and _chained(self._file, place, self._size, header):
                raise AudioError(
                    f"{self._name} changes from {self.streams[-1].header} to {header} at byte "
                    f"{place}"
                )
            stop = _tag(self._file, place, self._size, data)
            if stop is None:
                stop = _next(self._file, place + 1, self._size, self._size, kind) or self._size
                skipped = read_at(self._file, place, min(stop - place, STEP))
                self.foreign += stop - place if skipped.strip(b"\0") else 0
            place = stop

    def _frame(self, place: int, header: Header, data: bytes) -> int:
        """Take a frame; return where the next begins. Raises AudioError for free format."""
        if not header.length:
            raise AudioError(f"{self._name} {FREE}")
        stop = place + header.length
        if stop > self._size:
            self.cut = True
            return self._size
        declared = _declared(header, data)
        if declared is not None:
            self.streams.append(Stream(header, (place, stop), declared))
            return stop
        if not self.streams:
            self.streams.append(Stream(header))
        self.streams[-1].frames += 1
        self.streams[-1].ranges.append((place, stop))
        return stop


def _refuse_free(data: bytes, name: str) -> None:
    """Raises AudioError for data that begins with frames in free format."""
    header, mark = _header(data[:4]), re.escape(data[:2])
    if header and not header.length and len(re.findall(mark + rb"[\x00-\x0f]", data)) >= CHAIN:
        raise AudioError(f"{name} {FREE}")


@lru_cache(maxsize=4096)
def _header(data: bytes) -> Header | None:
    """The header of a frame in four bytes; None where it is invalid."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    version, layer = data[1] >> 3 & 3, 4 - (data[1] >> 1 & 3)
    bits, index, padding = data[2] >> 4, data[2] >> 2 & 3, data[2] >> 1 & 1
    if version == 1 or layer == 4 or bits == 15 or index == 3:
        return None
    rate = RATES[version][index]
    kbps = KBPS[max(version, 2), layer][bits - 1] if bits else 0
    if layer == 1:
        samples, length = 384, 4 * (12_000 * kbps // rate + padding)
    else:
        samples = 576 if layer == 3 and version != 3 else 1152
        length = samples // 8 * 1000 * kbps // rate + padding
    channels = 1 if data[3] >> 6 == MONO else 2
    return Header(version, layer, rate, channels, length if kbps else 0, samples)


def _declared(header: Header, data: bytes) -> int | None:
    """The number of frames that a Xing, Info or VBRI frame declares, 0 where it leaves it out.

    None for a frame of sound.
    """
    if header.layer != 3:
        return None
    side = (9, 17)[header.channels - 1] if header.version != 3 else (17, 32)[header.channels - 1]
    for place in (4 + side, 6 + side):  # a checksum may come between
        if data[place : place + 4] in (b"Xing", b"Info"):
            flags = int.from_bytes(data[place + 4 : place + 8], "big")
            return int.from_bytes(data[place + 8 : place + 12], "big") if flags & 1 else 0
    if data[36:40] == b"VBRI":
        return int.from_bytes(data[50:54], "big")
    return None


def _chained(file: BinaryIO, place: int, size: int, header: Header) -> bool:
    """Whether a chain of `CHAIN` frames of the same kind begins at an offset."""
    if not header.length:
        return False
    for _ in range(CHAIN - 1):
        place += header.length
        following = _header(read_at(file, place, 4)) if place < size else None
        if following is None or following.kind != header.kind or not following.length:
            return False
        header = following
    return True


def _next(
    file: BinaryIO, start: int, stop: int, size: int, kind: tuple[int, int, int, int] | None
) -> int | None:
    """Offset of the next frame, before `stop`, that begins a chain; of a given kind, if any."""
    for place in _candidates(file, start, stop):
        header = _header(read_at(file, place, 4))
        if header and kind in (None, header.kind) and _chained(file, place, size, header):
            return place
    return None


def _candidates(file: BinaryIO, start: int, stop: int) -> Iterator[int]:
    """Offsets of the sync bits of a header."""
    while start < stop:
        data = read_at(file, start, min(STEP, stop - start) + 1)
        for match in re.finditer(rb"\xff(?=[\xe0-\xff])", data):
            yield start + match.start()
        start += STEP


def _tag(file: BinaryIO, place: int, size: int, data: bytes) -> int | None:
    """Where the tag at an offset ends; None where there is none."""
    if (end := id3_end(data)) is not None:
        return min(place + end, size)
    if data.startswith(b"TAG"):
        return min(place + (227 if data[3:4] == b"+" else 128), size)
    if data.startswith(b"APETAGEX"):
        header = 32 if data[23] & 0x20 else 0
        return min(place + header + int.from_bytes(data[12:16], "little"), size)
    if data.startswith(b"LYRICSBEGIN"):
        text = read_at(file, place, 1 << 20)
        ends = [text.find(mark) + 9 for mark in (b"LYRICS200", b"LYRICSEND") if mark in text]
        return min(place + min(ends), size) if ends else None
    return None


def id3_end(data: bytes) -> int | None:
    """The length in bytes of the ID3 tag at the beginning of data; None where there is none."""
    if not data.startswith(b"ID3") or len(data) < 10 or max(data[6:10]) > 127:
        return None
    length = sum(byte << 7 * (3 - index) for index, byte in enumerate(data[6:10]))
    return length + (20 if data[5] & 0x10 else 10)
