"""The codes of one recording: one array of integers per codebook, and what decoding them needs."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import CodesError, shown
from speechvq.limits import (
    CODEBOOK_SIZES,
    CODEBOOKS,
    DIGEST_BYTES,
    EMBEDDING_BYTES,
    HOPS,
    RATES,
    SAMPLES,
    checked_name,
    whole_number,
)

CodeArrays = tuple[NDArray[np.uint16], ...]
"""Codes: one array (frames,) per codebook, coarse first."""


@dataclass(frozen=True)
class ModelId:
    """Which model made the codes: its name, and the first 8 bytes of the SHA-256 of its file.

    Raises CodesError for a name or a digest that no code file can hold.
    """

    name: str
    digest: bytes

    def __post_init__(self) -> None:
        checked_name(self.name, CodesError, "the name of a model")
        if not isinstance(self.digest, bytes) or len(self.digest) != DIGEST_BYTES:
            raise CodesError(
                f"the digest of a model must be {DIGEST_BYTES} bytes, not {shown(self.digest)}"
            )

    def __str__(self) -> str:
        return f"{self.name}@{self.digest.hex()}"


@dataclass(frozen=True)
class CodebookShape:
    """The shape of a codebook.

    hop: samples at the model's rate per code
    size: number of codewords
    Raises CodesError for numbers that no code file can hold.
    """

    hop: int
    size: int

    def __post_init__(self) -> None:
        ranges = {"hop": HOPS, "size": CODEBOOK_SIZES}
        for name, within in ranges.items():
            number = whole_number(
                getattr(self, name), within, CodesError, f"the {name} of a codebook"
            )
            object.__setattr__(self, name, number)

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
    Raises CodesError for what no code file can hold.
    """

    model: ModelId
    sample_rate: int
    source_rate: int
    samples: int
    shapes: tuple[CodebookShape, ...]
    codebooks: CodeArrays
    speaker_embedding: bytes

    def __post_init__(self) -> None:
        check_facts(self)
        if not isinstance(self.codebooks, list | tuple):
            raise CodesError(f"codes have an array per codebook, not {shown(self.codebooks)}")
        if len(self.shapes) != len(self.codebooks):
            raise CodesError(
                f"the codes of {len(self.codebooks)} codebooks do not fit {len(self.shapes)} shapes"
            )
        rows = zip(self.codebooks, self.shapes, self.frames, strict=True)
        checked = (checked_codes(index, self.samples, *row) for index, row in enumerate(rows))
        object.__setattr__(self, "codebooks", tuple(checked))

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
        count = len(self.shapes)
        what = f"the number of codebooks to keep, of which there are {count},"
        n_codebooks = whole_number(n_codebooks, range(1, count + 1), CodesError, what)
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
        most = len(self.shapes)
        try:
            numbered = enumerate(itertools.islice(arrays, most + 1))
            rows = [as_array(index, codes) for index, codes in numbered]
        except TypeError as error:  # what cannot be iterated
            raise CodesError(f"give a list of codes per codebook, not {shown(arrays)}") from error
        if not 1 <= len(rows) <= most:
            count = "more" if rows else "none"
            raise CodesError(f"give the codes of 1 to {most} codebooks, not of {count}")
        return replace(
            self,
            samples=self.samples if samples is None else samples,
            shapes=self.shapes[: len(rows)],
            codebooks=tuple(rows),
        )


def check_facts(facts: Any) -> None:  # noqa: ANN401 - codes, or the header of a file
    """Check all that codes and the header of their file have in common, before any codes.

    Whole numbers become `int`, and a list of shapes a tuple. Raises CodesError for what no code
    file can hold.
    """
    if not isinstance(facts.model, ModelId):
        raise CodesError(f"the model of codes must be a ModelId, not {shown(facts.model)}")
    ranges = {
        "sample_rate": (RATES, "the sample rate of the model"),
        "source_rate": (RATES, "the sample rate of the recording"),
        "samples": (SAMPLES, "the number of samples of the recording"),
    }
    for name, (within, what) in ranges.items():
        object.__setattr__(
            facts, name, whole_number(getattr(facts, name), within, CodesError, what)
        )
    shapes = facts.shapes
    if not isinstance(shapes, list | tuple) or not 1 <= len(shapes) <= CODEBOOKS:
        raise CodesError(f"codes have 1 to {CODEBOOKS} shapes of codebooks, not {shown(shapes)}")
    if not all(isinstance(shape, CodebookShape) for shape in shapes):
        raise CodesError(f"the shape of a codebook must be a CodebookShape, not {shown(shapes)}")
    if any(shapes[0].hop % shape.hop for shape in shapes):
        raise CodesError(
            f"the hop of the first codebook, {shapes[0].hop}, must be a multiple of all others"
        )
    object.__setattr__(facts, "shapes", tuple(shapes))
    embedding = facts.speaker_embedding
    if not isinstance(embedding, bytes) or len(embedding) > EMBEDDING_BYTES:
        raise CodesError(
            f"a speaker embedding must be at most {EMBEDDING_BYTES} bytes, not {shown(embedding)}"
        )


def checked_codes(
    index: int,
    samples: int,
    codes: Any,  # noqa: ANN401 - whatever was given for an array
    shape: CodebookShape,
    frames: int,
) -> NDArray[np.uint16]:
    """The codes of a codebook in 16 bits. Raises CodesError for codes that it cannot have."""
    if not isinstance(codes, np.ndarray):
        raise CodesError(
            f"codebook {index} must be a NumPy array, not {shown(codes)}; `with_codebooks` takes "
            "lists and tensors"
        )
    if codes.shape != (frames,):
        raise CodesError(
            f"codebook {index} has codes of shape {codes.shape}, but {samples} samples need "
            f"({frames},)"
        )
    if codes.dtype.kind not in "iu":
        raise CodesError(f"codebook {index} holds {codes.dtype}, but codes are integers")
    outside = codes[(codes < 0) | (codes >= shape.size)]
    if len(outside):
        raise CodesError(
            f"codebook {index} holds the code {outside[0]}, but has only {shape.size} codewords, "
            "numbered from 0"
        )
    return np.asarray(codes, np.uint16)


def as_array(index: int, codes: Any) -> NDArray[Any]:  # noqa: ANN401 - a list, array or tensor
    """Codes as an array that a record can check."""
    try:
        array = np.asarray(codes.detach().cpu() if hasattr(codes, "cpu") else codes)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        reason = str(error).partition("\n")[0]
        raise CodesError(f"codebook {index} has codes that are no array: {reason}") from error
    return array.astype(np.int64) if array.size == 0 else array


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
