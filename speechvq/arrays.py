"""NumPy arrays in files. None is ever larger in memory than its file is."""

import os
import zipfile
import zlib
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import SpeechVQError
from speechvq.input import open_input

NO_ARRAY = (OSError, ValueError, EOFError, SyntaxError, TokenError, MemoryError, RuntimeError)
NO_ARRAY += (ArithmeticError, TypeError, KeyError, AttributeError, zipfile.BadZipFile, zlib.error)
"""What numpy raises for files that are none of its own: it reads their header as Python."""


def read_array(path: Path, error: type[SpeechVQError], *, advice: str) -> NDArray[Any]:
    """The array of a .npy file, mapped into memory. Raises `error` with this advice."""
    open_input(path, error, what="array", advice=advice).close()
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except NO_ARRAY as reason:
        raise error(f"{path} is not an array that numpy has saved ({reason}); {advice}") from reason


def read_arrays(
    path: Path, error: type[SpeechVQError], *, what: str, advice: str
) -> dict[str, NDArray[Any]]:
    """The arrays of a .npz file without compression, by name. Raises `error`.

    what, advice: for messages, as in `input.read_bytes`
    """
    with open_input(path, error, what=what, advice=advice) as file:
        try:
            # what is compressed, or there twice, could be a thousand times as large in memory
            with zipfile.ZipFile(file) as archive:
                sizes = sum(entry.file_size for entry in archive.infolist())
            if sizes > os.fstat(file.fileno()).st_size:
                raise ValueError("its arrays are larger than it")
            file.seek(0)
            with np.load(file, allow_pickle=False) as arrays:
                return {name: _checked(arrays[name]) for name in arrays.files}
        except NO_ARRAY as reason:
            raise error(f"{path} is not a {what}: {reason}; {advice}") from reason


def _checked(array: Any) -> NDArray[Any]:  # noqa: ANN401 - bytes, where an entry is no array
    if not isinstance(array, np.ndarray):
        raise TypeError("one of its entries is no array")
    return array
