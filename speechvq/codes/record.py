"""The codes of one recording: one array of integers per codebook, and what decoding them needs."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import CodesError

RATE_LIMIT = 1_000_000
"""Hz. No recording is faster, and a file that claims to be would need absurd memory."""

CodeArrays = tuple[NDArray[np.uint16], ...]
"""Codes: one array (frames,) per codebook, coarse first."""


@dataclass(frozen=True)
class ModelId:
    """Which model made the codes: its name, and the first 8 bytes of the SHA-256 of its file."""

    name: str
    digest: bytes

    def __str__(self) -> str:
        return f"{self.name}@{self.digest.hex()}"


@dataclass(frozen=True)
class CodebookShape:
    """The shape of a codebook.

    hop: samples at the model's rate per code
    size: number of codewords
    """

    hop: int
    size: int

    @property
    def bits(self) -> int:
        """Bits of one code in fixed width."""
        return (self.size - 1).bit_length()


@dataclass(frozen=True, eq=False)
class Codes:
    """The codes of one recording.

    model: the model that made them
    sample_rate: of the model, in Hz
    source_rate, samples: rate in Hz and exact length of the recording that was encoded
    shapes: the codebooks' shapes, coarse first
    codebooks: the codes of each codebook, an array (frames,) of integers
    speaker_embedding: packed, two dimensions in a byte
    """

    model: ModelId
    sample_rate: int
    source_rate: int
    samples: int
    shapes: tuple[CodebookShape, ...]
    codebooks: CodeArrays
    speaker_embedding: bytes

    def __post_init__(self) -> None:
        if not self.shapes or len(self.shapes) != len(self.codebooks):
            raise CodesError(
                f"the codes of {len(self.codebooks)} codebooks do not fit {len(self.shapes)} shapes"
            )
        rows = zip(self.shapes, self.codebooks, self.frames, strict=True)
        for index, (shape, codes, frames) in enumerate(rows):
            if codes.shape != (frames,):
                raise CodesError(
                    f"codebook {index} has codes of shape {codes.shape}, but {self.samples} "
                    f"samples need ({frames},)"
                )
            if not np.issubdtype(codes.dtype, np.integer):
                raise CodesError(f"codebook {index} holds {codes.dtype}, but codes are integers")
            outside = codes[(codes < 0) | (codes >= shape.size)]
            if len(outside):
                raise CodesError(
                    f"codebook {index} holds the code {outside[0]}, but has only {shape.size} "
                    "codewords, numbered from 0"
                )

    def __eq__(self, other: object) -> bool:
        """Equal in every field; arrays are compared by their values."""
        if not isinstance(other, Codes):
            return NotImplemented
        return self._facts == other._facts and all(
            map(np.array_equal, self.codebooks, other.codebooks)
        )

    __hash__ = None  # type: ignore[assignment] - arrays have no hash

    @property
    def _facts(self) -> tuple[Any, ...]:
        """Every field but the arrays."""
        rates = (self.sample_rate, self.source_rate, self.samples)
        return (self.model, *rates, self.shapes, self.speaker_embedding)

    @property
    def frames(self) -> tuple[int, ...]:
        """Number of codes of each codebook."""
        return frames(self.shapes, self.sample_rate, self.source_rate, self.samples)

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return self.samples / self.source_rate

    @property
    def bits_per_second(self) -> float:
        """Nominal bit rate of the codes alone, in fixed width."""
        return bitrates(self.shapes, self.sample_rate)[-1]

    def prefix(self, n_codebooks: int) -> "Codes":
        """Only the first codebooks. Raises CodesError when there are fewer than `n_codebooks`."""
        if not 1 <= n_codebooks <= len(self.shapes):
            raise CodesError(
                f"cannot keep {n_codebooks} codebooks: there are {len(self.shapes)}, and at least "
                "one is kept"
            )
        return replace(
            self, shapes=self.shapes[:n_codebooks], codebooks=self.codebooks[:n_codebooks]
        )

    def with_codebooks(self, arrays: Sequence[Any], *, samples: int | None = None) -> "Codes":
        """The same recording with other codes, of all its codebooks or the first few.

        arrays: per codebook, coarse first, a list, an array or a tensor (frames,) of integers
        samples: length of the recording at its own rate, if the codes are of another length
        Raises CodesError for another number of codes or codebooks, for numbers that are no
        integers, and for codes that the codebooks do not have.
        """
        if not 1 <= len(arrays) <= len(self.shapes):
            raise CodesError(
                f"give the codes of 1 to {len(self.shapes)} codebooks, not of {len(arrays)}"
            )
        return replace(
            self,
            samples=self.samples if samples is None else samples,
            shapes=self.shapes[: len(arrays)],
            codebooks=tuple(_array(index, codes) for index, codes in enumerate(arrays)),
        )


def _array(index: int, codes: Any) -> NDArray[np.integer]:  # noqa: ANN401 - a list, array or tensor
    """Codes as an array that a record can check, in 16 bits where all of them fit."""
    values = codes.detach().cpu() if hasattr(codes, "detach") else codes
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise CodesError(f"codebook {index} has codes that are no array: {error}") from error
    if array.dtype.kind not in "iu":
        raise CodesError(f"codebook {index} holds {array.dtype}, but codes are integers")
    fits = array.size == 0 or (array.min() >= 0 and array.max() <= np.iinfo(np.uint16).max)
    return array.astype(np.uint16) if fits else array


def bitrates(shapes: Sequence[CodebookShape], sample_rate: int) -> tuple[float, ...]:
    """Nominal bits per second of every prefix of the codebooks, from the first alone to all."""
    rates = (shape.bits * sample_rate / shape.hop for shape in shapes)
    return tuple(itertools.accumulate(rates))


def frames(
    shapes: Sequence[CodebookShape], sample_rate: int, source_rate: int, samples: int
) -> tuple[int, ...]:
    """Number of codes of each codebook for a recording.

    The coarsest codebook has as many frames as cover the recording, the finer ones as many as go
    into these.
    """
    at_model_rate = -(-samples * sample_rate // source_rate)
    coarse = -(-at_model_rate // shapes[0].hop)
    return tuple(coarse * shapes[0].hop // shape.hop for shape in shapes)
