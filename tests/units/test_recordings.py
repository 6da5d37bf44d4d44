"""Units on disk."""

import os

import numpy as np
import pytest

from speechvq.errors import OutputError, UnitsError
from speechvq.units.recordings import Units, read_units, write_units

CODES = {"ann-1": np.array([0, 3, 3]), "ann/2": np.array([], np.int64)}
FEATURES = {"ann-1": np.array([[0.5, 1], [2, -3], [4, 5]]), "ann/2": np.zeros((0, 2))}


def test_read_as_written(tmp_path):
    units = Units("k-means", 25.0, 4, CODES, FEATURES, np.arange(8.0).reshape(4, 2))
    write_units(tmp_path / "a.units", units)
    back = read_units(tmp_path / "a.units")
    assert (back.name, back.rate, back.size) == ("k-means", 25.0, 4)
    assert back.codes.keys() == CODES.keys()
    assert back.features.keys() == FEATURES.keys()
    assert all(np.array_equal(back.codes[name], codes) for name, codes in CODES.items())
    assert all(np.array_equal(back.features[name], rows) for name, rows in FEATURES.items())
    assert back.codewords is not None
    assert np.array_equal(back.codewords, np.arange(8.0).reshape(4, 2))
    with pytest.raises(OutputError, match="exists already"):
        write_units(tmp_path / "a.units", units)


def test_only_codes(tmp_path):
    write_units(tmp_path / "a.units", Units("codes", 50.0, 4, CODES))
    back = read_units(tmp_path / "a.units")
    assert back.codewords is None
    assert not back.features


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rate": 0.0}, "codes have a rate from 0.001 to"),
        ({"rate": np.nan}, "codes have a rate from 0.001 to"),
        ({"rate": np.inf}, "codes have a rate from 0.001 to"),
        ({"size": 10**9}, "the number of codes must be from 1 to 65536"),
        ({"size": 4.0}, "the number of codes must be a whole number"),
        ({"name": "k\x1b[31m"}, "must be printable"),
        ({"codes": {"a\nb": np.array([1])}}, "must be printable"),
        ({"codes": {"a": np.array([1.0])}}, "not one row of numbers"),
        ({"features": {"ann-1": np.full((3, 2), np.nan)}}, "not finite"),
        ({"features": {"ann-1": np.ones((3, 2), int)}}, "a row for each frame"),
        ({"size": 3}, "from 0 to 2"),
        ({"features": {"ann-1": np.zeros((2, 2))}}, "a row for each frame"),
        ({"codewords": np.zeros((3, 2))}, "not one of 4"),
    ],
)
def test_invalid_units(change, message):
    given = {"name": "k-means", "rate": 25.0, "size": 4, "codes": CODES} | change
    with pytest.raises(UnitsError, match=message):
        Units(**given)


@pytest.mark.parametrize("content", [b"", b"speech", (8).to_bytes(8, "little") + b"{}      "])
def test_other_files(tmp_path, content):
    path = tmp_path / "a.units"
    path.write_bytes(content)
    with pytest.raises(UnitsError, match="not a file of units"):
        read_units(path)
    with pytest.raises(UnitsError, match="there is no file of units"):
        read_units(tmp_path / "none.units")


def test_what_half_precision_cannot_hold_is_not_written(tmp_path):
    units = Units("codes", 50.0, 4, {"a": np.array([1])}, {"a": np.full((1, 1), 1e5)})
    with pytest.raises(UnitsError, match="exceed half precision"):
        write_units(tmp_path / "a.units", units)
    assert not list(tmp_path.iterdir())


def test_a_file_of_units_that_is_too_large_is_refused_before_it_is_read(tmp_path):
    path = tmp_path / "a.units"
    write_units(path, Units("a", 50.0, 2, {"x": np.zeros(3, np.int64)}))
    os.truncate(path, 1 << 40)
    with pytest.raises(UnitsError, match=r"a\.units is too large"):
        read_units(path)
