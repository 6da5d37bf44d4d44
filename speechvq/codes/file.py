"""The code file, version 1.

    size   what
    3      magic, the letters SVQ
    1      version, 1
    1      coding of the payload, 0: fixed-width bits (others are kept for entropy coding and seekable blocks)
    8      first bytes of the SHA-256 of the model's weights
    n      model name: its length, then UTF-8, nothing that cannot be printed
    v      the model's sample rate in Hz, at most a million
    v      the recording's sample rate in Hz, at most a million, 0 when it is the model's
    v      the recording's exact length in samples of its own rate
    n      layer table: the number of runs of equal layers, then of each: how many, samples per code, entries
    n      speaker vector: its length (at most 32), then its bytes
    ...    payload: layer after layer, coarse first, each code in ceil(log2 entries) bits, then zero bits to a whole byte
    4      CRC-32 of everything before, little endian

v is a whole number in 7-bit groups, low first, the top bit set on all but the last (LEB128), at most 5 bytes. How many codes
there are follows from lengths and table, and must agree with the size of the file before anything is allocated.
"""

import itertools
import zlib
from pathlib import Path

import numpy as np

from speechvq.codes import bits
from speechvq.codes.record import RATE_LIMIT, Codes, Layer, ModelId, frames
from speechvq.errors import DamagedCodes, NewerVersion, NotACodesFile
from speechvq.output import check_writable, new_file

MAGIC = b"SVQ"
VERSION = 1
FIXED_WIDTH = 0
SPEAKER_LIMIT = 32
LAYER_LIMIT = 64


def dump(codes: Codes) -> bytes:
    """The bytes of a code file."""
    payload = np.packbits(
        np.concatenate([bits.pack(row, layer.bits) for layer, row in zip(codes.table, codes.layers, strict=True)])
    )
    body = _header(codes) + payload.tobytes()
    return body + zlib.crc32(body).to_bytes(4, "little")


def _header(codes: Codes) -> bytes:
    name = codes.model.name.encode()
    runs = [(len(list(group)), layer) for layer, group in itertools.groupby(codes.table)]
    return b"".join(
        [
            MAGIC,
            bytes([VERSION, FIXED_WIDTH]),
            codes.model.digest,
            bytes([len(name)]),
            name,
            _varint(codes.sample_rate),
            _varint(0 if codes.source_rate == codes.sample_rate else codes.source_rate),
            _varint(codes.samples),
            _varint(len(runs)),
            *(_varint(number) for count, layer in runs for number in (count, layer.hop, layer.size)),
            bytes([len(codes.speaker)]),
            codes.speaker,
        ]
    )


def overhead(codes: Codes) -> int:
    """Bytes of the file that are not codes: header, padding and checksum."""
    used = sum(layer.bits * len(row) for layer, row in zip(codes.table, codes.layers, strict=True))
    return len(dump(codes)) - used // 8


def parse(data: bytes, name: str = "the data") -> Codes:
    """Read the bytes of a code file; `name` is used in messages.

    Raises NotACodesFile, NewerVersion or DamagedCodes. No size in the file is believed before it agrees with the others.
    """
    if data[:3] != MAGIC:
        raise NotACodesFile(f"{name} is not a speechvq code file; such files are made by `speechvq encode`")
    if len(data) > 3 and data[3] > VERSION:
        raise NewerVersion(f"{name} has format version {data[3]}, this speechvq reads up to {VERSION}: update speechvq")
    if len(data) < 9 or zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
        raise DamagedCodes(f"{name} is truncated or damaged: its checksum does not match; encode the recording again")
    try:
        return _parse(data[:-4])
    except (ValueError, IndexError) as error:
        raise DamagedCodes(f"{name} is damaged: {error}; encode the recording again") from error


def _parse(data: bytes) -> Codes:
    reader = _Reader(data, 3)
    version, coding = reader.take(2)
    if (version, coding) != (VERSION, FIXED_WIDTH):
        raise ValueError(f"unknown version {version} or coding {coding}")
    model = ModelId(digest=reader.take(8), name=reader.take(reader.byte()).decode())
    if not model.name.isprintable():
        raise ValueError("a model name that cannot be printed")
    sample_rate = reader.varint()
    source_rate = reader.varint() or sample_rate
    samples = reader.varint()
    if max(sample_rate, source_rate) > RATE_LIMIT:
        raise ValueError(f"a rate of {max(sample_rate, source_rate)} Hz")
    table = _table(reader)
    speaker = reader.take(reader.byte())
    if not (table and samples and sample_rate and all(table[0].hop % layer.hop == 0 for layer in table)):
        raise ValueError("it lists no layers, no samples, or rates that do not fit each other")
    if len(speaker) > SPEAKER_LIMIT:
        raise ValueError(f"a speaker vector of {len(speaker)} bytes")
    counts = frames(table, sample_rate, source_rate, samples)
    needed = [count * layer.bits for count, layer in zip(counts, table, strict=True)]
    rest = data[reader.position :]
    if len(rest) != (sum(needed) + 7) // 8:
        raise ValueError(f"{samples} samples need {(sum(needed) + 7) // 8} bytes of codes, it has {len(rest)}")
    flags = np.unpackbits(np.frombuffer(rest, np.uint8))
    if flags[sum(needed) :].any():
        raise ValueError("there is something behind the last code")
    pieces = np.split(flags[: sum(needed)], np.cumsum(needed)[:-1])
    layers = tuple(bits.unpack(piece, layer.bits) for piece, layer in zip(pieces, table, strict=True))
    for codes, layer in zip(layers, table, strict=True):
        if int(codes.max()) >= layer.size:
            raise ValueError(f"code {int(codes.max())} in a layer of {layer.size} entries")
    return Codes(model, sample_rate, source_rate, samples, table, layers, speaker)


def _table(reader: "_Reader") -> tuple[Layer, ...]:
    table: list[Layer] = []
    for _ in range(reader.varint()):
        count, hop, size = reader.varint(), reader.varint(), reader.varint()
        if not (count and hop and 2 <= size <= 65536 and len(table) + count <= LAYER_LIMIT):
            raise ValueError(f"impossible layers: {count} of hop {hop} with {size} entries")
        table += [Layer(hop, size)] * count
    return tuple(table)


def read_codes(path: str | Path) -> Codes:
    """Read a code file. Raises NotACodesFile, NewerVersion, DamagedCodes, each naming the file."""
    path = Path(path)
    try:
        if path.is_dir():
            raise NotACodesFile(f"{path} is a folder; give a code file")
        with path.open("rb") as file:
            data = file.read(len(MAGIC))
            data += file.read() if data == MAGIC else b""  # a film named by mistake is not read to its end
    except FileNotFoundError:
        raise NotACodesFile(f"there is no file {path}") from None
    except OSError as error:
        raise NotACodesFile(f"cannot read {path}: {error.strerror}") from error
    return parse(data, str(path))


def write_codes(path: str | Path, codes: Codes, *, force: bool = False) -> int:
    """Write a code file, whole or not at all; how many bytes it has. Raises OutputError; overwrites only with `force`."""
    path = Path(path)
    check_writable(path, force=force)
    data = dump(codes)
    with new_file(path) as partial:
        partial.write_bytes(data)
    return len(data)


class _Reader:
    """Takes bytes from the front; raises ValueError where there are not enough."""

    def __init__(self, data: bytes, position: int) -> None:
        self.data, self.position = data, position

    def take(self, count: int) -> bytes:
        piece = self.data[self.position : self.position + count]
        if len(piece) < count:
            raise ValueError("its header ends too early")
        self.position += count
        return piece

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
