"""What anything may be at most: the one set of limits, for what is made, written and read alike.

A limit has a reason: what people record, what the code file can say, or memory. Whatever passes
here can be written and read back; whatever does not is refused before any work.
"""

import math
from numbers import Real
from typing import Final, TypeVar

from speechvq.errors import SpeechVQError, shown

T = TypeVar("T")

RATES: Final = range(1_000, 384_001)
"""Sample rates in Hz: from the slowest in which words can be heard to the fastest of recorders."""

SAMPLES: Final = range(1, 1 << 35)
"""Lengths of a recording in samples: what the five bytes of the code file can say."""

HOPS: Final = range(1, (1 << 20) + 1)
"""Samples per code."""

CODEBOOK_SIZES: Final = range(2, (1 << 16) + 1)
"""Codewords of a codebook: a code is one of at least two things, and has 16 bits."""

CODEBOOKS: Final = 64
"""Codebooks, at most."""

DIGEST_BYTES: Final = 8
"""Bytes of the SHA-256 that name a model, exactly."""

CODER_BYTES: Final = 4
"""Bytes of the SHA-256 that name tables or a prior, exactly."""

EMBEDDING_BYTES: Final = 32
"""Bytes of a packed speaker embedding, at most."""

NAME_BYTES: Final = 255
"""Bytes of a name in UTF-8, at most: the code file has one byte for their number."""

PARAMETERS: Final = 60_000_000
"""Numbers in the weights of a network, at most: eight times the default model's, 240 MB."""

LARGEST_WEIGHT: Final = 65_504
"""Magnitude of a weight, at most: the largest number in half precision, which files have."""

WIDTHS: Final = range(1, (1 << 14) + 1)
"""Channels and dimensions anywhere in a network."""

KERNELS: Final = range(1, 1_025)
"""Frames that a convolution sees, and frames that become one."""

WINDOWS: Final = range(2, (1 << 14) + 1)
"""Samples of a Fourier transform."""

PHASES: Final = 1 << 22
"""Numbers in the table of the phases of a Fourier transform, at most: 16 MB."""

STAGES: Final = 16
"""Stages of an encoder or a decoder, at most."""

BLOCKS: Final = 256
"""Blocks of an encoder or a decoder, at most; layers of all streams of a prior, four times that."""

BATCH_SAMPLES: Final = 1 << 26
"""Samples of one step of training, at most: 268 MB. The default model has 0.8 million."""

HEADER_BYTES: Final = 4 << 20
"""Bytes of the header of a file of weights, at most. That of the default model has 0.06 MB."""

WEIGHTS_BYTES: Final = HEADER_BYTES + 4 * PARAMETERS
"""Bytes of a model, a prior or a file of tables, at most."""

CONFIGURATION_BYTES: Final = 256 << 10
"""Bytes of a configuration, at most. The longest of the recipes has 0.004 MB."""

CODES_BYTES: Final = 1 << 28
"""Bytes of a code file, at most: nine days at the default model's highest bit rate."""

MANIFEST_BYTES: Final = 1 << 30
"""Bytes of a list of recordings, at most: five million lines."""

UNITS_BYTES: Final = 1 << 32
"""Bytes of a file of units, at most: eleven hours of features of 1,024 dimensions at 50 Hz."""

ALIGNMENT_BYTES: Final = 32 << 20
"""Bytes of the alignment or the transcript of a recording, at most: forty hours of phones."""

INTERVALS: Final = 1 << 20
"""Intervals of an alignment, at most: twenty hours of phones."""

SECONDS: Final = 1e7
"""Seconds of a recording, and times in one, at most: four months."""

MEMORY_SAMPLES: Final = 1 << 25
"""Samples that are decoded in memory at rates above `COMMON_RATE`, at most: 134 MB."""

COMMON_RATE: Final = 48_000
"""Hz. A recording of any length is decoded in memory up to this rate."""


def checked_name(name: object, error: type[SpeechVQError], what: str) -> str:
    """A name that files can hold and a terminal can show.

    what: whose name, for the message, as in "the name of a model"
    Raises `error` for anything else.
    """
    if not isinstance(name, str) or not name:
        raise error(f"{what} must be a text, not {shown(name)}")
    if not name.isprintable():  # which no lone surrogate is
        raise error(f"{what} must be printable, without control characters, not {shown(name)}")
    if (size := len(name.encode())) > NAME_BYTES:
        raise error(f"{what} has at most {NAME_BYTES} bytes in UTF-8, not {size}: {shown(name)}")
    return name


def whole_number(value: object, within: range, error: type[SpeechVQError], what: str) -> int:
    """A whole number within a range, of any integer type but bool.

    Raises `error` for anything else, such as 2.0.
    """
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise error(f"{what} must be a whole number, not {shown(value)}")
    try:
        number = int(value.__index__())  # type: ignore[attr-defined] - asked for above
    except (TypeError, ValueError, RuntimeError):  # an array or a tensor that is no single number
        raise error(f"{what} must be a whole number, not {shown(value)}") from None
    if number not in within:
        raise error(f"{what} must be from {within.start} to {within.stop - 1}, not {shown(number)}")
    return number


def real_number(value: object, error: type[SpeechVQError], what: str) -> float:
    """A number of any real type but bool; infinite, perhaps, but not NaN.

    Raises `error` for anything else, such as "1".
    """
    number = _float(value)
    if math.isnan(number):
        raise error(f"{what} must be a number, not {shown(value)}")
    return number


def finite_number(value: object, error: type[SpeechVQError], what: str) -> float:
    """A number as `real_number` takes it, and finite. Raises `error`."""
    number = _float(value)
    if not math.isfinite(number):
        raise error(f"{what} must be a finite number, not {shown(value)}")
    return number


def _float(value: object) -> float:
    """A number as a float; NaN for what is none."""
    if getattr(value, "ndim", None) == 0 and callable(item := getattr(value, "item", None)):
        try:
            value = item()
        except (TypeError, ValueError, RuntimeError):  # of a tensor that has no memory
            return math.nan
    if isinstance(value, bool) or not isinstance(value, Real):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.nan


def instance(value: object, cls: type[T], error: type[SpeechVQError], what: str) -> T:
    """A value of this class. what: for the message, with advice. Raises `error`."""
    if not isinstance(value, cls):
        raise error(f"{what}, not {shown(value)}")
    return value
