"""Code files made and read by hand, from the docstring of speechvq/codes/file.py alone."""

import math
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from speechvq.codes import CodebookShape, Codes, ModelId
from speechvq.limits import HOPS, RATES


def slow_crc32(data):
    """CRC-32 of ISO-HDLC, a bit at a time."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0xEDB88320 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


def sealed(body):
    """A body with the right checksum behind it."""
    return body + slow_crc32(body).to_bytes(4, "little")


def number(value):
    """LEB128."""
    return bytes([value]) if value < 128 else bytes([128 + value % 128]) + number(value // 128)


def forged(
    *,
    version=1,
    coding=0,
    digest=b"\1" * 8,
    name=b"m",
    rate=8000,
    source=0,
    samples=8,
    runs=((1, 8, 4),),
    speaker=b"",
    payload=b"\0",
):
    """A file of any content with a right checksum. By default it holds one code of two bits."""
    table = number(len(runs)) + b"".join(number(value) for run in runs for value in run)
    head = b"SVQ" + bytes([version, coding]) + digest + bytes([len(name)]) + name
    return sealed(
        head
        + number(rate)
        + number(source)
        + number(samples)
        + table
        + bytes([len(speaker)])
        + speaker
        + payload
    )


def slow_read(data):
    """What a file in fixed width says, read with strings of bits.

    Returns (digest, name, model rate, rate, samples, [(hop, size)], [[code]], speaker embedding).
    """
    assert data[:5] == b"SVQ\1\0"
    assert int.from_bytes(data[-4:], "little") == slow_crc32(data[:-4])
    rest = list(data[5:-4])

    def take(count):
        return bytes(rest.pop(0) for _ in range(count))

    def take_number():
        low = rest.pop(0)
        return low if low < 128 else low - 128 + 128 * take_number()

    digest, name = take(8), take(rest.pop(0)).decode()
    rate = take_number()
    source = take_number() or rate
    samples = take_number()
    table = []
    for _ in range(take_number()):
        count, hop, size = take_number(), take_number(), take_number()
        table += [(hop, size)] * count
    speaker = take(rest.pop(0))
    flags = "".join(f"{byte:08b}" for byte in rest)
    coarse = math.ceil(math.ceil(Fraction(samples * rate, source)) / Fraction(table[0][0]))
    codebooks = []
    for hop, size in table:
        count, width = coarse * table[0][0] // hop, math.ceil(math.log2(size))
        codebooks.append([int(flags[i * width : (i + 1) * width], 2) for i in range(count)])
        flags = flags[count * width :]
    assert len(flags) < 8
    assert "1" not in flags
    return digest, name, rate, source, samples, table, codebooks, speaker


@st.composite
def records(draw):
    """Codes of any shape: table, rates, length."""
    rates = st.sampled_from([8000, 11025, 16000, 24000, 44100, 48000, 192000]) | st.integers(
        RATES.start, RATES.stop - 1
    )
    rate, source = draw(rates), draw(rates)
    factors = sorted(
        draw(st.lists(st.sampled_from([1, 2, 3, 4, 8]), min_size=1, max_size=6)), reverse=True
    )
    steps = [math.prod(factors[index:]) for index in range(len(factors))]
    finest = draw(st.integers(1, min(50, (HOPS.stop - 1) // steps[0])))
    sizes = st.sampled_from([2, 3, 5, 256, 500, 512, 1000, 1024, 65535, 65536]) | st.integers(
        2, 65536
    )
    table = tuple(CodebookShape(finest * step, draw(sizes)) for step in steps)
    coarse = draw(st.integers(1, 12))
    longest = coarse * table[0].hop * source // rate
    samples = draw(st.integers(1, max(longest, 1)))
    at_rate = math.ceil(Fraction(samples * rate, source))
    coarse = math.ceil(Fraction(at_rate, table[0].hop))
    noise = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows = tuple(
        noise.integers(0, codebook.size, coarse * table[0].hop // codebook.hop).astype(np.uint16)
        for codebook in table
    )
    name = draw(st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=20))
    model = ModelId(name, draw(st.binary(min_size=8, max_size=8)))
    return Codes(model, rate, source, samples, table, rows, draw(st.binary(max_size=32)))


def small():
    """Three codebooks at two rates, one size no power of two: 14 bits of codes."""
    rows = ([4, 1], [1, 0, 1, 1], [0, 1, 1, 0])
    return Codes(
        model=ModelId("m0", bytes(range(1, 9))),
        sample_rate=8000,
        source_rate=16000,
        samples=9,
        shapes=(CodebookShape(4, 5), CodebookShape(2, 2), CodebookShape(2, 2)),
        codebooks=tuple(np.array(row, np.uint16) for row in rows),
        speaker_embedding=b"\xab",
    )
