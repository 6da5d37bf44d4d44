"""The codes of one recording: integers, one array a codebook, coarse first, and what is needed to turn them back into sound."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import CodesError

RATE_LIMIT = 1_000_000
"""Hz; no recording is faster, and what claims to be would need absurd memory."""


@dataclass(frozen=True)
class ModelId:
    """Which weights made the codes: a name for people, and the first 8 bytes of the SHA-256 of the weights."""

    name: str
    digest: bytes

    def __str__(self) -> str:
        return f"{self.name}@{self.digest.hex()}"


@dataclass(frozen=True)
class CodebookShape:
    """A codebook's shape: samples of the model's rate per code, and how many codes there are to choose from."""

    hop: int
    size: int

    @property
    def bits(self) -> int:
        """Bits of one code."""
        return (self.size - 1).bit_length()


@dataclass(frozen=True, eq=False)
class Codes:
    """The codes of one recording.

    model: which weights made them
    sample_rate: of the model, in Hz
    source_rate, samples: rate and exact length of the recording that was encoded
    shapes: the codebooks' shapes, coarse first
    codebooks: the codes, one array (frames,) of whole numbers a codebook
    speaker: the speaker vector, packed
    """

    model: ModelId
    sample_rate: int
    source_rate: int
    samples: int
    shapes: tuple[CodebookShape, ...]
    codebooks: tuple[NDArray[np.uint16], ...]
    speaker: bytes

    def __post_init__(self) -> None:
        if not self.shapes or len(self.shapes) != len(self.codebooks):
            raise CodesError(
                f"{len(self.codebooks)} codebooks of codes do not fit shapes of {len(self.shapes)}"
            )
        for number, (codebook, codes, frames) in enumerate(
            zip(self.shapes, self.codebooks, self.frames, strict=True)
        ):
            if codes.shape != (frames,):
                raise CodesError(
                    f"codebook {number} has shape {codes.shape}, but {self.samples} samples need "
                    f"({frames},)"
                )
            if not np.issubdtype(codes.dtype, np.integer):
                raise CodesError(
                    f"codebook {number} holds {codes.dtype}, but codes are whole numbers"
                )
            wrong = codes[(codes < 0) | (codes >= codebook.size)]
            if len(wrong):
                raise CodesError(
                    f"codebook {number} holds code {wrong[0]}, but has only {codebook.size} codewords, "
                    "from 0"
                )

    def __eq__(self, other: object) -> bool:
        """Equal in everything, arrays by what they hold."""
        if not isinstance(other, Codes):
            return NotImplemented
        facts = [
            (one.model, one.sample_rate, one.source_rate, one.samples, one.shapes, one.speaker)
            for one in (self, other)
        ]
        return facts[0] == facts[1] and all(map(np.array_equal, self.codebooks, other.codebooks))

    __hash__ = None  # type: ignore[assignment] - arrays have none

    @property
    def frames(self) -> tuple[int, ...]:
        """Codes of each codebook."""
        return frames(self.shapes, self.sample_rate, self.source_rate, self.samples)

    @property
    def seconds(self) -> float:
        """Length of the recording."""
        return self.samples / self.source_rate

    @property
    def bits_per_second(self) -> float:
        """Nominal rate of the codes alone."""
        return sum(codebook.bits * self.sample_rate / codebook.hop for codebook in self.shapes)

    def prefix(self, count: int) -> "Codes":
        """Only the first `count` codebooks. Raises CodesError when there are not so many."""
        if not 1 <= count <= len(self.shapes):
            raise CodesError(f"cannot keep {count} codebooks: there are {len(self.shapes)}")
        return replace(self, shapes=self.shapes[:count], codebooks=self.codebooks[:count])


def frames(
    shapes: tuple[CodebookShape, ...], sample_rate: int, source_rate: int, samples: int
) -> tuple[int, ...]:
    """Codes of each codebook for a recording: whole frames of the coarsest codebook, and as many finer ones as go into them."""
    at_model_rate = -(-samples * sample_rate // source_rate)
    coarse = -(-at_model_rate // shapes[0].hop)
    return tuple(coarse * shapes[0].hop // codebook.hop for codebook in shapes)
