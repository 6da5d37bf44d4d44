"""Range coding of codes with integer frequencies, by constriction (Bamler 2022)."""

from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

_Categorical = constriction.stream.model.Categorical  # type: ignore[attr-defined] - it has no stubs
_Encoder = constriction.stream.queue.RangeEncoder  # type: ignore[attr-defined]
_Decoder = constriction.stream.queue.RangeDecoder  # type: ignore[attr-defined]

Frequencies = NDArray[np.integer] | NDArray[np.float64]
"""Integers of at least 1 whose sum is below 2^40; float64 may carry them."""


class RangeEncoder:
    """Takes codes and gives bytes."""

    def __init__(self) -> None:
        self._coder, self._family = _Encoder(), _Categorical(perfect=False)

    def put(self, codes: NDArray[np.integer], frequencies: Frequencies) -> None:
        """Encode codes (n,), each with its own frequencies (n, k)."""
        self._coder.encode(codes.astype(np.int32), self._family, frequencies.astype(np.float64))

    def put_code(self, code: int, distribution: Any) -> None:  # noqa: ANN401 - it has no types
        """Encode one code with a `distribution`."""
        self._coder.encode(code, distribution)

    def data(self) -> bytes:
        """The bytes of all codes that were put."""
        return self._coder.get_compressed().astype("<u4").tobytes()


class RangeDecoder:
    """Gives the codes back in the same order.

    Raises ValueError for bytes that no encoder would write.
    """

    def __init__(self, data: bytes) -> None:
        if len(data) % 4:
            raise ValueError(f"{len(data)} bytes are not a whole number of words")
        self._coder = _Decoder(np.frombuffer(data, "<u4").astype(np.uint32))

    def next_code(self, distribution: Any) -> int:  # noqa: ANN401 - it has no types
        """Decode the next code with a `distribution`."""
        try:
            return self._coder.decode(distribution)
        except AssertionError as error:  # what constriction says of words that it would never write
            raise ValueError("the coded bytes are damaged or of another prior") from error


def distribution(frequencies: Frequencies) -> Any:  # noqa: ANN401
    """Frequencies (k,) as `put_code` and `next_code` take them, to be made once and used often."""
    return _Categorical(frequencies.astype(np.float64), perfect=False)
