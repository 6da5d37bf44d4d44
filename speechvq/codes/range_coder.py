"""The range coder, constriction's (Bamler 2022), between codes with whole-number frequencies and bytes."""

from typing import Any

import constriction
import numpy as np
from numpy.typing import NDArray

_Categorical = constriction.stream.model.Categorical  # type: ignore[attr-defined] - it has no stubs
_Encoder = constriction.stream.queue.RangeEncoder  # type: ignore[attr-defined]
_Decoder = constriction.stream.queue.RangeDecoder  # type: ignore[attr-defined]

Frequencies = NDArray[np.integer] | NDArray[np.float64]
"""Whole numbers of at least 1, in float64 where they are carried so; below 2^40 in all."""


class RangeEncoder:
    """Takes codes, gives bytes."""

    def __init__(self) -> None:
        self._coder, self._family = _Encoder(), _Categorical(perfect=False)

    def put(self, codes: NDArray[np.integer], frequencies: Frequencies) -> None:
        """Codes (n,), each with its own frequencies (n, k)."""
        self._coder.encode(codes.astype(np.int32), self._family, frequencies.astype(np.float64))

    def one(self, code: int, model: Any) -> None:  # noqa: ANN401 - constriction has no types
        """A code, with frequencies that `fixed` made ready."""
        self._coder.encode(code, model)

    def data(self) -> bytes:
        """All that was put."""
        return self._coder.get_compressed().astype("<u4").tobytes()


class RangeDecoder:
    """Gives the codes back in the same order. Raises ValueError for bytes that no encoder would write."""

    def __init__(self, data: bytes) -> None:
        if len(data) % 4:
            raise ValueError(f"{len(data)} bytes are not a whole number of words")
        self._coder = _Decoder(np.frombuffer(data, "<u4").astype(np.uint32))

    def one(self, model: Any) -> int:  # noqa: ANN401 - constriction has no types
        """The next code, with frequencies that `fixed` made ready."""
        try:
            return self._coder.decode(model)
        except AssertionError as error:  # what constriction says of words that it would never write
            raise ValueError("the coded bytes are damaged or of another prior") from error


def fixed(frequencies: Frequencies) -> Any:  # noqa: ANN401
    """Frequencies (k,) made ready for `one`, of encoder and decoder: quicker where they come again."""
    return _Categorical(frequencies.astype(np.float64), perfect=False)
