"""Codes in fewer bytes than in fixed width: the contract of range coders."""

from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from speechvq.codes.record import CodeArrays, CodebookShape, ModelId

MOST_CODES_PER_BYTE, LEAST_CODES_PER_BYTE = 16, 1 / 4
"""What a file claims must agree with its size, or a few bytes could ask for much memory."""


class Coder(Protocol):
    """Codes to bytes and back, alike on every machine.

    coding: its number in the header of a code file
    model: the model whose codes it knows
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

    def encode(self, codebooks: Sequence[NDArray[np.uint16]], speaker_embedding: bytes, /) -> bytes:
        """Bytes of the codes of the first few codebooks, given the packed speaker embedding.

        Zeros at their end may be cut off or added. Raises ValueError or CodesError for codes that
        it cannot code, such as those with a speaker embedding of another length than it knows.
        """
        ...

    def decode(self, counts: Sequence[int], data: bytes, speaker_embedding: bytes, /) -> CodeArrays:
        """The inverse; counts: the number of codes of each codebook.

        Raises ValueError or CodesError for bytes that cannot have come from `encode`.
        """
        ...


def payload(
    coder: Coder, codebooks: Sequence[NDArray[np.uint16]], speaker_embedding: bytes
) -> bytes:
    """The coded codes as they lie in a file."""
    data = coder.encode(codebooks, speaker_embedding)
    return data.rstrip(b"\0").ljust(_least(map(len, codebooks)), b"\0")


def check_size(counts: Sequence[int], data: bytes) -> None:
    """Raises ValueError when that many codes cannot be in a payload of this size."""
    if not _least(counts) <= len(data) <= sum(counts) / LEAST_CODES_PER_BYTE + 8:
        raise ValueError(f"{sum(counts)} codes cannot lie in {len(data)} bytes")


def unpacked(
    coder: Coder, counts: Sequence[int], data: bytes, speaker_embedding: bytes
) -> CodeArrays:
    """The inverse of `payload`, for a payload that passed `check_size`."""
    return coder.decode(counts, data + bytes(-len(data) % 4), speaker_embedding)


def _least(counts: Iterable[int]) -> int:
    return -(-sum(counts) // MOST_CODES_PER_BYTE)
