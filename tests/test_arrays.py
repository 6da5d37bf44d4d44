"""Arrays of numpy in files: nothing in them is larger in memory than on the disk."""

import io
import os
import zipfile

import numpy as np
import pytest

from speechvq.arrays import read_array, read_arrays
from speechvq.errors import UnitsError


def header(text):
    raw = text.encode() + b" " * 20 + b"\n"
    return b"\x93NUMPY\1\0" + len(raw).to_bytes(2, "little") + raw


HUGE = header("{'descr': '<i8', 'fortran_order': False, 'shape': (1000000000000,)}")
HEADERS = [
    b"",
    b"nonsense",
    HUGE,
    header("(" * 5000),
    header("{'descr': '|O', 'fortran_order': False, 'shape': (3,)}") + bytes(24),
    header("{'descr': '<i8', 'fortran_order': False, 'shape': (-1,)}") + bytes(24),
    header("{'descr': [('a', '<i8', (2" + "0" * 9 + ",))], 'fortran_order': False, 'shape': (1,)}"),
]


def archive(*entries, compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as zipped:
        for name, data in entries:
            zipped.writestr(name, data)
    return file.getvalue()


def saved(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("data", HEADERS)
def test_what_numpy_has_not_saved_is_refused(tmp_path, data):
    for name, content, read in (
        ("a.npy", data, lambda path: read_array(path, UnitsError, advice="save it again")),
        (
            "a.npz",
            archive(("a.npy", data)),
            lambda path: read_arrays(path, UnitsError, what="file of arrays", advice="delete it"),
        ),
    ):
        path = tmp_path / name
        path.write_bytes(content)
        with pytest.raises(UnitsError, match=name):
            read(path)


def test_what_grows_in_memory_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    zeros = saved(np.zeros(1 << 20, np.uint8))
    whole = archive(("a.npy", zeros))
    for content in (
        archive(("a.npy", zeros), compression=zipfile.ZIP_DEFLATED),
        archive(("a.npy", zeros), ("b.txt", b"text")),
        whole[: len(whole) // 2],
        b"\x93NUMPY" + whole,
        zeros,
    ):
        path.write_bytes(content)
        with pytest.raises(UnitsError, match=r"a\.npz is not a file of arrays: .*; delete it"):
            read_arrays(path, UnitsError, what="file of arrays", advice="delete it")
    path.write_bytes(whole)
    assert not read_arrays(path, UnitsError, what="file of arrays", advice="delete it")["a"].any()
    os.truncate(path, 1 << 40)
    with pytest.raises(UnitsError, match="is not a file of arrays"):
        read_arrays(path, UnitsError, what="file of arrays", advice="delete it")
