"""Damage to bytes: flipped, overwritten, inserted, deleted, repeated, exchanged, cut, spliced."""

from collections.abc import Callable, Sequence
from random import Random

NUMBERS = (0, 1, 2, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31)
LARGE = (*NUMBERS, 2**32 - 2, 2**32 - 1, 2**32, 2**53, 2**63 - 1, 2**63, 2**64 - 1)
"""Integers at the limits of common widths."""


def damaged(random: Random, data: bytes, others: Sequence[bytes] = ()) -> bytes:
    """Bytes with one to several places damaged. others: files to splice with."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        if others and random.random() < 0.1:
            data = _splice(random, data, random.choice(others))
        else:
            data = random.choice(WAYS)(random, data)
    return data


def _flip(random: Random, data: bytes) -> bytes:
    if not data:
        return data
    place = random.randrange(len(data))
    return _put(data, place, bytes([data[place] ^ 1 << random.randrange(8)]))


def _overwrite(random: Random, data: bytes) -> bytes:
    if not data:
        return data
    size = random.choice((1, 1, 1, 2, 4, 8))
    return _put(data, random.randrange(len(data)), _bytes(random, size))


def _number(random: Random, data: bytes) -> bytes:
    """Overwrite 1 to 8 bytes with a number of `LARGE`, in either byte order."""
    if not data:
        return data
    size, order = random.choice((1, 2, 3, 4, 8)), random.choice(("little", "big"))
    value = random.choice(LARGE) % 256**size
    return _put(data, random.randrange(len(data)), value.to_bytes(size, order))


def _insert(random: Random, data: bytes) -> bytes:
    place = random.randint(0, len(data))
    return data[:place] + _bytes(random, random.choice((1, 1, 2, 4, 16))) + data[place:]


def _delete(random: Random, data: bytes) -> bytes:
    place = random.randint(0, len(data))
    return data[:place] + data[place + random.choice((1, 1, 2, 4, 16)) :]


def _repeat(random: Random, data: bytes) -> bytes:
    first = random.randint(0, len(data))
    part = data[first : first + random.choice((1, 2, 4, 16, 64))]
    return data[:first] + part * random.choice((2, 2, 3, 10)) + data[first + len(part) :]


def _exchange(random: Random, data: bytes) -> bytes:
    size = random.choice((1, 1, 2, 4, 16))
    first = random.randint(0, max(0, len(data) - 2 * size))
    second = random.randint(first + size, max(first + size, len(data) - size))
    a, b = data[first : first + size], data[second : second + size]
    return data[:first] + b + data[first + size : second] + a + data[second + size :]


def _cut(random: Random, data: bytes) -> bytes:
    place = random.randint(0, len(data))
    return data[:place] if random.random() < 0.8 else data[place:]


def _append(random: Random, data: bytes) -> bytes:
    return data + random.choice((bytes(random.randint(1, 20)), _bytes(random, 5), data))


def _splice(random: Random, data: bytes, other: bytes) -> bytes:
    return data[: random.randint(0, len(data))] + other[random.randint(0, len(other)) :]


def _put(data: bytes, place: int, part: bytes) -> bytes:
    """Overwrite data at an offset with a part, without changing its length."""
    part = part[: len(data) - place]
    return data[:place] + part + data[place + len(part) :]


def _bytes(random: Random, count: int) -> bytes:
    pick = random.random()
    if pick < 0.15:
        return bytes(count)
    return b"\xff" * count if pick < 0.3 else random.randbytes(count)


WAYS: tuple[Callable[[Random, bytes], bytes], ...] = (
    _flip,
    _flip,
    _overwrite,
    _overwrite,
    _number,
    _insert,
    _delete,
    _repeat,
    _exchange,
    _cut,
    _append,
)
