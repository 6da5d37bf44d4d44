"""The code file, version 1.

    size   content
    3      magic: the letters SVQ
    1      version: 1
    1      coding of the payload: 0 is fixed width, 1 static frequency tables, 2 a prior
    8      the first bytes of the SHA-256 of the model's file
    n      the model's name: its length in one byte, then printable UTF-8
    v      sample rate of the model in Hz, 1,000 to 384,000
    v      sample rate of the recording in Hz, 1,000 to 384,000; 0 if it is the model's
    v      exact length of the recording in samples at its own rate
    n      shapes of the codebooks: the number of runs of equal codebooks, then for each run the
           number of codebooks, samples per code, and codewords, each a v
    n      packed speaker embedding: its length in one byte (at most 32), then its bytes
    4      only for codings 1 and 2: the first bytes of the SHA-256 of the file of the tables or of
           the prior
    ...    payload: one codebook after the other, coarse first. Coding 0: each code in
           ceil(log2 codewords) bits, then zero bits up to a whole byte. Codings 1 and 2: the words
           of constriction's range coder (32 bits, little endian); zero bytes at their end are cut
           off, or added until there is a byte for every 16 codes
    4      CRC-32 of everything before, little endian

v is an unsigned integer in groups of 7 bits, low first, with the top bit set in all bytes but the
last (LEB128), at most 5 bytes long. The number of codes follows from the lengths and the shapes. It
must agree with the size of the file before any memory is allocated for it.
"""

import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from speechvq.codes import bits, coder, header
from speechvq.codes.coder import Coder
from speechvq.codes.header import (
    FIXED_WIDTH,
    MAGIC,
    PRIOR,
    VERSION,
    Header,
    header_bytes,
    header_of,
)
from speechvq.codes.record import CodeArrays, Codes
from speechvq.codes.tables import shipped_tables
from speechvq.errors import (
    CodesError,
    DamagedCodes,
    MissingCoder,
    NewerVersion,
    NotACodesFile,
    OutputError,
    shown,
)
from speechvq.input import checked_path, read_bytes
from speechvq.limits import CODES_BYTES
from speechvq.output import check_writable, new_file


def dump(codes: Codes, coders: Sequence[Coder] = ()) -> bytes:
    """The bytes of a code file, in whichever coding makes it smallest.

    coders: to try, beside fixed width and the bundled tables
    Raises CodesError for what are no codes, or more than a file can hold.
    """
    if not isinstance(codes, Codes):
        raise CodesError(f"only Codes can be written to a code file, not {shown(codes)}")
    codes = replace(codes)  # its arrays may have been changed since they were checked
    fixed = [bits.pack(row, s.bits) for s, row in zip(codes.shapes, codes.codebooks, strict=True)]
    bodies = [header_bytes(header_of(codes)) + np.packbits(np.concatenate(fixed)).tobytes()]
    for candidate in (*_checked(coders), *shipped_tables()):
        if candidate.model == codes.model and candidate.shapes[: len(codes.shapes)] == codes.shapes:
            start = header_bytes(header_of(codes, candidate.coding, candidate.digest))
            with suppress(ValueError, CodesError):  # what it cannot code; fixed width holds all
                bodies.append(
                    start + coder.payload(candidate, codes.codebooks, codes.speaker_embedding)
                )
    body = min(bodies, key=len)
    if len(body) + 4 > CODES_BYTES:
        raise CodesError(
            f"the codes need {len(body)} bytes, and a code file has at most {CODES_BYTES}; "
            "encode the recording in parts"
        )
    return body + zlib.crc32(body).to_bytes(4, "little")


def overhead(head: Header) -> int:
    """Bytes of a file that are not codes: header and checksum."""
    return len(header_bytes(head)) + 4


@dataclass(frozen=True)
class CodeFile:
    """A code file whose checksum is right, with its codes not decoded yet.

    header: everything that it says before its codes
    payload: the coded codes
    name: of the file, for messages
    """

    header: Header
    payload: bytes
    name: str

    def codes(self, coders: Sequence[Coder] = ()) -> Codes:
        """The codes. coders: to choose from, beside the bundled tables.

        Raises DamagedCodes, or MissingCoder when none of the coders made the file.
        """
        head = self.header
        chosen = None if head.coding == FIXED_WIDTH else self._chosen(coders)
        try:
            codebooks = (
                _fixed_width(head, self.payload)
                if chosen is None
                else coder.unpacked(chosen, head.frames, self.payload, head.speaker_embedding)
            )
            rates = (head.sample_rate, head.source_rate, head.samples)
            return Codes(head.model, *rates, head.shapes, codebooks, head.speaker_embedding)
        except (ValueError, CodesError) as error:
            raise _damaged(self.name, error) from error

    def _chosen(self, coders: Sequence[Coder]) -> Coder:
        """The coder that the header names. Raises MissingCoder, or DamagedCodes if it cannot be."""
        head = self.header
        kind, advice = "prior", "give it with --prior"
        if head.coding != PRIOR:
            kind = "tables"
            advice = (
                "they lie beside the model's file, which --model names, or need a newer speechvq"
            )
        named = [
            candidate
            for candidate in (*_checked(coders), *shipped_tables())
            if (candidate.coding, candidate.digest) == (head.coding, head.coder)
        ]
        if not named:
            raise MissingCoder(
                f"{self.name} was coded with the {kind} {head.coder.hex()} of the model "
                f"{head.model}; {advice}"
            )
        fits = named[0].shapes[: len(head.shapes)] == head.shapes
        if named[0].model != head.model or not fits:
            raise _damaged(self.name, f"its model or codebooks are not those of its {kind}")
        return named[0]


def parse(data: bytes, name: str = "the data", coders: Sequence[Coder] = ()) -> Codes:
    """Read the bytes of a code file; `name` is used in messages.

    coders: to choose from, beside the bundled tables
    No size in the file is believed before it agrees with the others. Raises NotACodesFile,
    NewerVersion, DamagedCodes, or MissingCoder.
    """
    return _opened(data, name).codes(coders)


def open_codes(path: str | Path) -> CodeFile:
    """Read and check a code file, but leave its codes coded; needs no coder.

    Raises NotACodesFile, NewerVersion or DamagedCodes, each naming the file.
    """
    data = read_bytes(
        path,
        NotACodesFile,
        limit=CODES_BYTES,
        what="code file",
        advice="such files are made by `speechvq encode`",
        magic=MAGIC,
    )
    return _opened(data, str(path))


def read_codes(path: str | Path, coders: Sequence[Coder] = ()) -> Codes:
    """Read a code file. coders: to choose from, beside the bundled tables.

    Raises NotACodesFile, NewerVersion, DamagedCodes or MissingCoder, each naming the file.
    """
    return open_codes(path).codes(coders)


def read_header(path: str | Path) -> Header:
    """Only what a code file says before its codes. Raises what `open_codes` raises."""
    return open_codes(path).header


def write_codes(
    path: str | Path, codes: Codes, coders: Sequence[Coder] = (), *, force: bool = False
) -> int:
    """Write a code file, all of it or nothing, and return its size in bytes. coders: as in `dump`.

    Raises OutputError; an existing file is overwritten only with `force`.
    """
    path = checked_path(path, OutputError, "code file")
    check_writable(path, force=force)
    data = dump(codes, coders)
    with new_file(path, force=force) as file:
        file.write(data)
    return len(data)


def _checked(coders: Sequence[Coder]) -> Sequence[Coder]:
    """Coders, if that is what they are. Raises CodesError."""
    if not isinstance(coders, list | tuple) or not all(
        hasattr(candidate, "coding") for candidate in coders
    ):
        raise CodesError(f"coders must be a list of coders, not {shown(coders)}")
    return coders


def _opened(data: bytes, name: str) -> CodeFile:
    """The bytes of a file, checked."""
    if not isinstance(data, bytes):
        raise NotACodesFile(f"{name} must be bytes, not {shown(data)}")
    if data[:3] != MAGIC:
        raise NotACodesFile(
            f"{name} is not a speechvq code file; such files are made by `speechvq encode`"
        )
    if len(data) > 3 and data[3] > VERSION:
        raise NewerVersion(
            f"{name} has format version {data[3]}, this speechvq reads up to {VERSION}: update "
            "speechvq"
        )
    if len(data) < 9 or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise DamagedCodes(
            f"{name} is truncated or damaged: its checksum does not match; encode the recording "
            "again"
        )
    if data[4] > PRIOR:
        raise NewerVersion(
            f"{name} has its codes in coding {data[4]}, this speechvq reads up to {PRIOR}: update "
            "speechvq"
        )
    try:
        head, payload = header.read(data[:-4])
        if head.coding == FIXED_WIDTH:
            _check_size(head, payload)
        else:
            coder.check_size(head.frames, payload)
    except (ValueError, CodesError) as error:
        raise _damaged(name, error) from error
    return CodeFile(head, payload, name)


def _damaged(name: str, reason: object) -> DamagedCodes:
    return DamagedCodes(f"{name} is damaged: {reason}; encode the recording again")


def _bits(head: Header) -> list[int]:
    """Bits of each codebook in fixed width."""
    return [count * shape.bits for count, shape in zip(head.frames, head.shapes, strict=True)]


def _check_size(head: Header, payload: bytes) -> None:
    """Raises ValueError when a payload of fixed width is not as long as the header says."""
    needed = (sum(_bits(head)) + 7) // 8
    if len(payload) != needed:
        raise ValueError(
            f"{head.samples} samples need {needed} bytes of codes, it has {len(payload)}"
        )


def _fixed_width(head: Header, payload: bytes) -> CodeArrays:
    """Codes in fixed width. Raises ValueError."""
    counts = _bits(head)
    flags = np.unpackbits(np.frombuffer(payload, np.uint8))
    if flags[sum(counts) :].any():
        raise ValueError("there is something behind the last code")
    parts = np.split(flags[: sum(counts)], np.cumsum(counts)[:-1])
    codebooks = tuple(
        bits.unpack(part, shape.bits) for part, shape in zip(parts, head.shapes, strict=True)
    )
    for codes, shape in zip(codebooks, head.shapes, strict=True):
        if int(codes.max()) >= shape.size:
            raise ValueError(
                f"it holds the code {int(codes.max())} in a codebook of {shape.size} codewords"
            )
    return codebooks
