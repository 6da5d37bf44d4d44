"""Files of codes of any content: read, or refused in one sentence before memory is taken."""

import json
import struct

import numpy as np
import pytest

from speechvq.errors import OutputError, UnitsError
from speechvq.units.evaluation.results import check_folder
from speechvq.units.inputs import input_files, read_inputs
from speechvq.units.recordings import Recording, read_units


def npy(shape, dtype="'<i8'", data=b""):
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, }}\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode() + data


def units(facts, tensors=None, size=8):
    codes = {"codes/a": {"dtype": "I32", "shape": [2], "data_offsets": [0, 8]}}
    header = {"__metadata__": {"units": facts}, **(codes if tensors is None else tensors)}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(size)


FACTS = '{"name": "u", "rate": 25.0, "size": 5}'


@pytest.mark.parametrize(
    "content",
    [
        npy("(1000000000000,)"),
        npy("(400000000,)"),
        npy("(-1,)"),
        npy(f"({'9' * 100},)"),
        npy("(8,)", "'|O'", bytes(64)),
        npy("(8,)", "'<f8'", bytes(64)),
        npy("(8,)", "[('a', '<i8')]", bytes(64)),
        npy("()", data=bytes(8)),
        npy("(1,)", data=struct.pack("<q", 10**12)),
        npy("(1,)", data=struct.pack("<q", -1)),
        npy("(1,)", "'<u8'", b"\xff" * 8),
        b"\x93NUMPY\1\0\xff\x1f" + b"[" * 0x1FFF,
        b"PK\3\4" + bytes(40),
        b"\x80\x04N.",
        b"",
    ],
)
def test_arrays_that_are_no_codes(tmp_path, content):
    (tmp_path / "a.npy").write_bytes(content)
    with pytest.raises(UnitsError, match=r"a\.npy "):
        read_inputs([tmp_path / "a.npy"], rate=50.0)


@pytest.mark.parametrize(
    "content",
    [
        units("[" * 100_000),
        units(FACTS.replace("25.0", "9" * 400)),
        units(FACTS.replace("25.0", '"25"')),
        units(FACTS.replace("25.0", "1e999")),
        units(FACTS.replace('"u"', "null")),
        units(FACTS.replace('"u"', '"\\u001b[31m"')),
        units(FACTS.replace("5}", "true}")),
        units(FACTS.replace("5}", "1000000000}")),
        units("[1]"),
        units(FACTS, {"codes/a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}, 4),
        units(FACTS, {"codes/a": {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]}}, 2),
        units(FACTS, {"codes/a": {"dtype": "I32", "shape": [10**9], "data_offsets": [0, 8]}}),
        struct.pack("<Q", 2**63),
        struct.pack("<Q", 10**5) + b"[" * 10**5,
    ],
    ids=range(14),
)
def test_units_that_are_none(tmp_path, content):
    (tmp_path / "a.units").write_bytes(content)
    with pytest.raises(UnitsError, match="is not a file of units"):
        read_units(tmp_path / "a.units")


def test_good_units(tmp_path):
    (tmp_path / "a.units").write_bytes(units(FACTS))
    assert read_units(tmp_path / "a.units").size == 5


@pytest.mark.parametrize(
    "line", ["", "..", ".", "/", "a\0b", "x" * 300 + ".wav", "\x1b.wav", "\xff"]
)
def test_lists_of_fairseq_that_name_no_recording(tmp_path, line):
    (tmp_path / "a.km").write_text("1 2\n")
    (tmp_path / "a.tsv").write_bytes(f"/audio\n{line}\t1\n".encode("latin-1"))
    with pytest.raises(UnitsError):
        read_inputs([tmp_path / "a.km"], rate=50.0)


def test_folders_of_code_files(tmp_path):
    for name in ("b/X.CODES", ".trash/x.codes", "b/._x.codes"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert input_files([tmp_path]) == [tmp_path / "b" / "X.CODES"]
    (tmp_path / "b" / "X.CODES").unlink()
    with pytest.raises(UnitsError, match=r"no \.codes files in .*trash"):
        input_files([tmp_path])


def test_results_of_two_recordings_in_one_file(tmp_path):
    recordings = [Recording(name, "s", 1.0) for name in ("a/b", "a-b")]
    with pytest.raises(OutputError, match=r"a/b and a-b would both be written into a-b\.TextGrid"):
        check_folder(tmp_path / "out", recordings, force=False)


def test_codes_are_mapped_not_copied(tmp_path):
    np.save(tmp_path / "a.npy", np.array([3, 1], np.uint8))
    assert read_inputs([tmp_path / "a.npy"], rate=50.0).units[0].codes["a"].tolist() == [3, 1]
