"""Units on disk."""

import numpy as np
import pytest
from safetensors import SafetensorError

from speechvq.errors import OutputError, UnitsError
from speechvq.units import recordings
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
        ({"rate": 0.0}, "give some"),
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
    with pytest.raises(UnitsError, match="cannot read"):
        read_units(tmp_path / "none.units")


def test_a_full_disk(tmp_path, monkeypatch):
    """What safetensors then raises is no OSError."""

    def refused(*_):
        raise SafetensorError(
            "Error while serializing: I/O error: No space left on device (os error 28)"
        )

    monkeypatch.setattr(recordings, "save_file", refused)
    with pytest.raises(OutputError, match="No space left on device"):
        write_units(tmp_path / "a.units", Units("codes", 50.0, 4, CODES))
    assert not list(tmp_path.iterdir())
