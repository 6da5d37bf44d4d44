"""The part of a code file before the codes."""

import itertools
from dataclasses import dataclass

from speechvq.codes.record import CodebookShape, Codes, ModelId, check_facts, frames
from speechvq.errors import CodesError, shown
from speechvq.limits import CODEBOOKS, CODER_BYTES, DIGEST_BYTES

MAGIC = b"SVQ"
VERSION = 1
FIXED_WIDTH, TABLES, PRIOR = range(3)
"""Codings of the payload."""


@dataclass(frozen=True)
class Header:
    """What a code file says before its codes. The fields that `Codes` has mean the same here.

    coding: of the payload
    coder: the first bytes of the SHA-256 of the tables or of the prior that coded the payload;
      empty for fixed width
    Raises CodesError for what no code file can hold.
    """

    coding: int
    coder: bytes
    model: ModelId
    sample_rate: int
    source_rate: int
    samples: int
    shapes: tuple[CodebookShape, ...]
    speaker_embedding: bytes

    def __post_init__(self) -> None:
        check_facts(self)
        expected = 0 if self.coding == FIXED_WIDTH else CODER_BYTES
        if not isinstance(self.coder, bytes) or len(self.coder) != expected:
            raise CodesError(
                f"the digest of tables or a prior must be {CODER_BYTES} bytes, not "
                f"{shown(self.coder)}"
            )

    @property
    def frames(self) -> tuple[int, ...]:
        """Number of codes of each codebook."""
        return frames(self.shapes, self.sample_rate, self.source_rate, self.samples)

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return self.samples / self.source_rate


def header_of(codes: Codes, coding: int = FIXED_WIDTH, coder: bytes = b"") -> Header:
    """The header of codes."""
    facts = (
        codes.model,
        codes.sample_rate,
        codes.source_rate,
        codes.samples,
        codes.shapes,
        codes.speaker_embedding,
    )
    return Header(coding, coder, *facts)


def header_bytes(header: Header) -> bytes:
    """A header as bytes."""
    name = header.model.name.encode()
    runs = [(len(list(group)), shape) for shape, group in itertools.groupby(header.shapes)]
    return b"".join(
        [
            MAGIC,
            bytes([VERSION, header.coding]),
            header.model.digest,
            bytes([len(name)]),
            name,
            _varint(header.sample_rate),
            _varint(0 if header.source_rate == header.sample_rate else header.source_rate),
            _varint(header.samples),
            _varint(len(runs)),
            *(
                _varint(number)
                for count, shape in runs
                for number in (count, shape.hop, shape.size)
            ),
            bytes([len(header.speaker_embedding)]),
            header.speaker_embedding,
            header.coder,
        ]
    )


def read(data: bytes) -> tuple[Header, bytes]:
    """The header at the start of a file, and the bytes after it.

    Raises ValueError or CodesError for a header that says something impossible.
    """
    reader = _Reader(data, len(MAGIC))
    version, coding = reader.take(2)
    if version != VERSION or coding not in (FIXED_WIDTH, TABLES, PRIOR):
        raise ValueError(f"it has the unknown version {version} or coding {coding}")
    model = ModelId(digest=reader.take(DIGEST_BYTES), name=reader.take(reader.byte()).decode())
    sample_rate = reader.varint()
    source_rate = reader.varint() or sample_rate
    samples = reader.varint()
    shapes = _shapes(reader)
    embedding = reader.take(reader.byte())
    coder = reader.take(0 if coding == FIXED_WIDTH else CODER_BYTES)
    header = Header(coding, coder, model, sample_rate, source_rate, samples, shapes, embedding)
    return header, data[reader.position :]


def _shapes(reader: "_Reader") -> tuple[CodebookShape, ...]:
    shapes: list[CodebookShape] = []
    for _ in range(reader.varint()):
        count, hop, size = reader.varint(), reader.varint(), reader.varint()
        if not 0 < count <= CODEBOOKS - len(shapes):
            raise ValueError(f"it has more than {CODEBOOKS} codebooks, or none where it lists some")
        shapes += [CodebookShape(hop, size)] * count
    return tuple(shapes)


class _Reader:
    """Takes bytes from the front; raises ValueError where there are not enough."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position

    def take(self, count: int) -> bytes:
        taken = self.data[self.position : self.position + count]
        if len(taken) < count:
            raise ValueError("its header ends too early")
        self.position += count
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        value = 0
        for group in range(5):
            byte = self.byte()
            value |= (byte & 127) << (7 * group)
            if byte < 128:
                return value
        raise ValueError("a number in its header is too long")


def _varint(value: int) -> bytes:
    groups = []
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])
