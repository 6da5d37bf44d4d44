"""The code file by its description alone (docs/format.md): its fields, and a slow reader.

Nothing here is shared with the library, which it is compared with.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import ceil

Field = tuple[str, bytes]
"""A part of a file with its name."""


def varint(value: int) -> bytes:
    """LEB128."""
    groups = [value & 127]
    while value := value >> 7:
        groups[-1] |= 128
        groups.append(value & 127)
    return bytes(groups)


def sealed(body: bytes) -> bytes:
    """A body with the right checksum behind it."""
    return body + zlib.crc32(body).to_bytes(4, "little")


def is_sealed(data: bytes) -> bool:
    """Whether the checksum is right."""
    return len(data) > 4 and sealed(data[:-4]) == data


@dataclass(frozen=True)
class Facts:
    """What a file says, possible or not. runs: (codebooks, samples per code, codewords) each."""

    version: int = 1
    coding: int = 0
    digest: bytes = bytes(8)
    name: bytes = b"m"
    rate: int = 16_000
    source: int = 0
    samples: int = 1
    runs: tuple[tuple[int, int, int], ...] = ((1, 320, 4),)
    speaker: bytes = b""
    coder: bytes = b""
    payload: bytes = field(default=b"", repr=False)

    @cached_property
    def shapes(self) -> list[tuple[int, int]]:
        """(samples per code, codewords) of every codebook; of no more than a hundred."""
        return [(hop, size) for count, hop, size in self.runs for _ in range(min(count, 100))][:100]

    def counts(self) -> list[int]:
        """The number of codes of every codebook. Raises ZeroDivisionError for hops of 0."""
        at_model_rate = -(-self.samples * self.rate // (self.source or self.rate))
        coarse = -(-at_model_rate // self.shapes[0][0])
        return [coarse * self.shapes[0][0] // hop for hop, _ in self.shapes]

    def fields(self) -> list[Field]:
        """All parts of the file but its checksum."""
        runs = [
            (f"{what} of run {index}", varint(value))
            for index, run in enumerate(self.runs)
            for what, value in zip(("codebooks", "hop", "codewords"), run, strict=True)
        ]
        return [
            ("magic", b"SVQ"),
            ("version", bytes([self.version & 255])),
            ("coding", bytes([self.coding & 255])),
            ("digest", self.digest),
            ("length of the name", bytes([len(self.name) & 255])),
            ("name", self.name),
            ("rate", varint(self.rate)),
            ("source rate", varint(self.source)),
            ("samples", varint(self.samples)),
            ("runs", varint(len(self.runs))),
            *runs,
            ("length of the embedding", bytes([len(self.speaker) & 255])),
            ("embedding", self.speaker),
            ("coder", self.coder),
            ("payload", self.payload),
        ]

    def data(self) -> bytes:
        """The file."""
        return sealed(b"".join(part for _, part in self.fields()))

    def with_codes(self, codebooks: Sequence[Sequence[int]]) -> "Facts":
        """The same with codes in fixed width."""
        flags, total = 0, 0
        for (_, size), codes in zip(self.shapes, codebooks, strict=True):
            for code in codes:
                flags, total = flags << width(size) | code, total + width(size)
        missing = -total % 8
        return replace(self, payload=(flags << missing).to_bytes((total + missing) // 8, "big"))


def width(size: int) -> int:
    """Bits of a code in fixed width."""
    return max(0, size - 1).bit_length()


def needed_bytes(facts: Facts) -> int:
    """Bytes of the codes in fixed width."""
    pairs = zip(facts.counts(), facts.shapes, strict=True)
    return ceil(sum(count * width(size) for count, (_, size) in pairs) / 8)


def read_facts(data: bytes) -> Facts:
    """What a file says, without a judgment on it. Raises IndexError for one that ends early."""
    reader = _Reader(data[:-4])
    if reader.take(3) != b"SVQ":
        raise IndexError
    version, coding = reader.take(1)[0], reader.take(1)[0]
    digest = reader.take(8)
    name = reader.take(reader.take(1)[0])
    rate, source, samples = reader.number(), reader.number(), reader.number()
    runs = tuple(
        (reader.number(), reader.number(), reader.number()) for _ in range(reader.number())
    )
    speaker = reader.take(reader.take(1)[0])
    coder = reader.take(4 if coding else 0)
    payload = reader.rest()
    return Facts(
        version, coding, digest, name, rate, source, samples, runs, speaker, coder, payload
    )


def read_codes(facts: Facts) -> list[list[int]]:
    """The codes of every codebook in fixed width."""
    flags = int.from_bytes(facts.payload, "big")
    left, codebooks = 8 * len(facts.payload), []
    for count, (_, size) in zip(facts.counts(), facts.shapes, strict=True):
        codes = []
        for _ in range(count):
            left -= width(size)
            codes.append(flags >> left & (1 << width(size)) - 1)
        codebooks.append(codes)
    return codebooks


class _Reader:
    """Takes bytes from the front."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, count: int) -> bytes:
        self.at += count
        if self.at > len(self.data):
            raise IndexError
        return self.data[self.at - count : self.at]

    def number(self) -> int:
        byte = self.take(1)[0]
        return byte if byte < 128 else byte - 128 + 128 * self.number()

    def rest(self) -> bytes:
        return self.take(len(self.data) - self.at)
