"""The code file, version 1.

    size   what
    3      magic, the letters SVQ
    1      version, 1
    1      coding of the payload, 0: fixed-width bits, 1: static tables, 2: a prior
    8      first bytes of the SHA-256 of the model's weights
    n      model name: its length, then UTF-8, nothing that cannot be printed
    v      the model's sample rate in Hz, at most a million
    v      the recording's sample rate in Hz, at most a million, 0 when it is the model's
    v      the recording's exact length in samples of its own rate
    n      codebook table: the number of runs of equal codebooks, then of each: how many, samples per code, codewords
    n      speaker vector: its length (at most 32), then its bytes
    4      for codings 1 and 2, the first bytes of the SHA-256 of the file of the tables or of the prior
    ...    payload: codebook after codebook, coarse first. Coding 0: each code in ceil(log2 codewords) bits, then zero bits to a whole
           byte. Others: the words of constriction's range coder (32 bits, little endian), zero
           bytes at the end cut off, or added so that there is a byte for every 16 codes
    4      CRC-32 of everything before, little endian

v is a whole number in 7-bit groups, low first, the top bit set on all but the last (LEB128), at
most 5 bytes. How many codes there are follows from lengths and table, and must agree with the size
of the file before anything is allocated.
"""

import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speechvq.codes import bits, header
from speechvq.codes import coder as coding
from speechvq.codes.coder import Coder, Rows
from speechvq.codes.header import FIXED_WIDTH, MAGIC, PRIOR, VERSION, Header
from speechvq.codes.record import Codes
from speechvq.codes.tables import shipped
from speechvq.errors import DamagedCodes, MissingCoder, NewerVersion, NotACodesFile
from speechvq.output import check_writable, new_file


def dump(codes: Codes, coders: Sequence[Coder] = ()) -> bytes:
    """The bytes of a code file: in fixed width, by the tables that come along or by a coder given, whatever is smallest."""
    fixed = [
        bits.pack(row, codebook.bits)
        for codebook, row in zip(codes.shapes, codes.codebooks, strict=True)
    ]
    found = [header.written(header.of(codes)) + np.packbits(np.concatenate(fixed)).tobytes()]
    for coder in (*coders, *shipped()):
        if coder.model == codes.model and coder.shapes[: len(codes.shapes)] == codes.shapes:
            start = header.written(header.of(codes, coder.coding, coder.digest))
            found.append(start + coding.payload(coder, codes.codebooks, codes.speaker))
    body = min(found, key=len)
    return body + zlib.crc32(body).to_bytes(4, "little")


def overhead(of: Header) -> int:
    """Bytes of a file that are not codes: header and checksum."""
    return len(header.written(of)) + 4


def parse(data: bytes, name: str = "the data", coders: Sequence[Coder] = ()) -> Codes:
    """Read the bytes of a code file; `name` is used in messages. coders: to choose from, beside the tables that come along.

    No size in the file is believed before it agrees with the others. Raises NotACodesFile,
    NewerVersion, DamagedCodes, or MissingCoder.
    """
    found, rest = _opened(data, name)
    chosen = None if found.coding == FIXED_WIDTH else _coder(found, name, coders)
    try:
        codebooks = (
            _fixed(found, rest)
            if chosen is None
            else coding.unpacked(chosen, found.frames, rest, found.speaker)
        )
    except ValueError as error:
        raise DamagedCodes(f"{name} is damaged: {error}; encode the recording again") from error
    return Codes(
        found.model,
        found.sample_rate,
        found.source_rate,
        found.samples,
        found.shapes,
        codebooks,
        found.speaker,
    )


def _opened(data: bytes, name: str) -> tuple[Header, bytes]:
    """Header and payload of a file whose checksum is right."""
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
        found, rest = header.read(data[:-4])
        if found.coding == FIXED_WIDTH:
            _fits(found, rest)
        else:
            coding.fits(found.frames, rest)
    except (ValueError, IndexError) as error:
        raise DamagedCodes(f"{name} is damaged: {error}; encode the recording again") from error
    return found, rest


def _fits(found: Header, rest: bytes) -> None:
    """Raises ValueError when a payload of fixed width is not as long as header and table say."""
    needed = (sum(_needed(found)) + 7) // 8
    if len(rest) != needed:
        raise ValueError(
            f"{found.samples} samples need {needed} bytes of codes, it has {len(rest)}"
        )


def _needed(found: Header) -> list[int]:
    """Bits of every codebook in fixed width."""
    return [
        count * codebook.bits for count, codebook in zip(found.frames, found.shapes, strict=True)
    ]


def _fixed(found: Header, rest: bytes) -> Rows:
    """Codes in fixed width. Raises ValueError."""
    needed = _needed(found)
    flags = np.unpackbits(np.frombuffer(rest, np.uint8))
    if flags[sum(needed) :].any():
        raise ValueError("there is something behind the last code")
    pieces = np.split(flags[: sum(needed)], np.cumsum(needed)[:-1])
    codebooks = tuple(
        bits.unpack(piece, codebook.bits)
        for piece, codebook in zip(pieces, found.shapes, strict=True)
    )
    for codes, codebook in zip(codebooks, found.shapes, strict=True):
        if int(codes.max()) >= codebook.size:
            raise ValueError(f"code {int(codes.max())} in a codebook of {codebook.size} codewords")
    return codebooks


def _coder(found: Header, name: str, coders: Sequence[Coder]) -> Coder:
    """The coder that a header names. Raises MissingCoder, and DamagedCodes when it does not fit the codebooks."""
    known = "a file beside the model's, which --model names; or newer than this speechvq"
    what, how = (
        ("prior", "give it with --prior")
        if found.coding == PRIOR
        else ("tables", f"they are {known}")
    )
    chosen = [
        one
        for one in (*coders, *shipped())
        if (one.coding, one.digest) == (found.coding, found.coder)
    ]
    if not chosen:
        raise MissingCoder(
            f"{name} was coded with the {what} {found.coder.hex()} of model {found.model}, not "
            f"here: {how}"
        )
    if chosen[0].model != found.model or chosen[0].shapes[: len(found.shapes)] != found.shapes:
        raise DamagedCodes(
            f"{name} is damaged: its model or codebooks are not those of its {what}; encode the "
            "recording again"
        )
    return chosen[0]


def read_codes(path: str | Path, coders: Sequence[Coder] = ()) -> Codes:
    """Read a code file. Raises NotACodesFile, NewerVersion, DamagedCodes, MissingCoder, each naming the file."""
    return parse(_content(Path(path)), str(path), coders)


def read_header(path: str | Path) -> Header:
    """Only what a code file says before its codes; raises as `read_codes`, but needs no coder."""
    return _opened(_content(Path(path)), str(path))[0]


def _content(path: Path) -> bytes:
    """The bytes of a file that begins like a code file."""
    try:
        if path.is_dir():
            raise NotACodesFile(f"{path} is a folder; give a code file")
        with path.open("rb") as file:
            data = file.read(len(MAGIC))
            return data + (
                file.read() if data == MAGIC else b""
            )  # a film named by mistake is not read to its end
    except FileNotFoundError:
        raise NotACodesFile(f"there is no file {path}") from None
    except OSError as error:
        raise NotACodesFile(f"cannot read {path}: {error.strerror}") from error


def write_codes(
    path: str | Path, codes: Codes, coders: Sequence[Coder] = (), *, force: bool = False
) -> int:
    """Write a code file, whole or not at all; how many bytes it has. coders: as in `dump`.

    Raises OutputError; overwrites only with `force`.
    """
    path = Path(path)
    check_writable(path, force=force)
    data = dump(codes, coders)
    with new_file(path) as partial:
        partial.write_bytes(data)
    return len(data)
