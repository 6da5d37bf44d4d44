"""Codes in fewer bytes than fixed width: the contract of range coders with tables or a prior behind them."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from speechvq.codes.record import CodebookShape, ModelId

Rows = tuple[NDArray[np.uint16], ...]
"""The codes of every codebook, coarse first."""

SPARSEST, DENSEST = 16, 1 / 4
"""Codes for one byte, at most and at least: what a file says it holds must agree with its size, or few bytes ask for much."""


class Coder(Protocol):
    """Codes to bytes and back, alike on every machine.

    coding: its number in the header of a code file
    model: whose codes it knows
    digest: the first bytes of the SHA-256 of the file that holds its tables or its prior
    shapes: shapes of the codebooks that it knows, coarse first
    """

    @property
    def coding(self) -> int: ...

    @property
    def model(self) -> ModelId: ...

    @property
    def digest(self) -> bytes: ...

    @property
    def shapes(self) -> tuple[CodebookShape, ...]: ...

    def encode(self, codebooks: Sequence[NDArray[np.uint16]], speaker: bytes) -> bytes:
        """Codes of some first codebooks, and the packed speaker vector, to bytes; zeros may be cut off or added at their end."""
        ...

    def decode(self, counts: Sequence[int], data: bytes, speaker: bytes) -> Rows:
        """The inverse, of so many codes a codebook. Raises ValueError for bytes that cannot have come from `encode`."""
        ...


def payload(coder: Coder, codebooks: Sequence[NDArray[np.uint16]], speaker: bytes) -> bytes:
    """What lies in a file."""
    return coder.encode(codebooks, speaker).rstrip(b"\0").ljust(_least(map(len, codebooks)), b"\0")


def fits(counts: Sequence[int], data: bytes) -> None:
    """Raises ValueError when so many codes cannot be in a payload of this size."""
    if not _least(counts) <= len(data) <= sum(counts) / DENSEST + 8:
        raise ValueError(f"{sum(counts)} codes do not come in {len(data)} bytes")


def unpacked(coder: Coder, counts: Sequence[int], data: bytes, speaker: bytes) -> Rows:
    """The inverse of `payload`, of one that `fits`. Raises ValueError."""
    return coder.decode(counts, data + bytes(-len(data) % 4), speaker)


def _least(counts: Sequence[int] | map) -> int:
    return -(-sum(counts) // SPARSEST)
