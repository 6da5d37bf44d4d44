"""The code file: what is written is what the format says, and comes back bit for bit."""

import io
import subprocess
import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings

from speechvq.codes import CodebookShape, Codes, ModelId, dump, parse, read_codes, write_codes
from speechvq.codes.file import overhead
from speechvq.codes.header import header_of
from speechvq.errors import NotACodesFile, OutputError
from tests.helpers.code_files import forged, records, slow_read, small

GOLDEN = bytes.fromhex(
    "535651"  # SVQ
    "0100"  # version, coding
    "0102030405060708"  # digest
    "026d30"  # name m0
    "c03e"  # 8000 Hz
    "807d"  # 16000 Hz
    "09"  # samples
    "02"  # runs
    "010405"  # 1 codebook, hop 4, 5 codewords
    "020202"  # 2 codebooks, hop 2, 2 codewords
    "01ab"  # speaker
    "86d8"  # 100 001, 1011, 0110, 00
    "f7999c11"
)


@settings(max_examples=150, deadline=None)
@given(records())
def test_round_trip(codes):
    assert parse(dump(codes)) == codes


@settings(max_examples=100, deadline=None)
@given(records())
def test_any_reader_of_the_format_finds_the_same(codes):
    table = [(codebook.hop, codebook.size) for codebook in codes.shapes]
    rows = [row.tolist() for row in codes.codebooks]
    facts = (
        codes.model.digest,
        codes.model.name,
        codes.sample_rate,
        codes.source_rate,
        codes.samples,
    )
    assert slow_read(dump(codes)) == (*facts, table, rows, codes.speaker_embedding)


def test_golden_bytes():
    assert dump(small()) == GOLDEN
    assert parse(GOLDEN) == small()


def test_a_file_forged_by_hand_is_read():
    codes = parse(forged(rate=8000, source=0, samples=8, runs=((1, 8, 4),), payload=b"\x80"))
    assert codes.codebooks[0].tolist() == [2]
    assert codes.source_rate == 8000


def test_the_models_rate_costs_one_byte_as_the_recordings_rate():
    same = replace(small(), source_rate=8000, samples=5)
    assert len(dump(same)) == len(dump(small())) - 1
    assert parse(dump(same)) == same


def test_written_files_are_read_back(tmp_path):
    path = tmp_path / "a.codes"
    assert write_codes(path, small()) == len(GOLDEN)
    assert path.read_bytes() == GOLDEN
    assert read_codes(path) == small()
    assert read_codes(str(path)) == small()


def test_nothing_is_overwritten_unasked(tmp_path):
    path = tmp_path / "a.codes"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        write_codes(path, small())
    assert path.read_bytes() == b"mine"
    write_codes(path, small(), force=True)
    assert path.read_bytes() == GOLDEN


def ten_seconds(codebooks):
    """Tokens at 25 Hz with a speaker embedding of the default size."""
    noise = np.random.default_rng(0)
    rows = tuple(noise.integers(0, 512, 250).astype(np.uint16) for _ in range(codebooks))
    return Codes(
        ModelId("base0", bytes(8)),
        16000,
        44100,
        441000,
        (CodebookShape(640, 512),) * codebooks,
        rows,
        bytes(16),
    )


def test_ten_seconds_are_far_smaller_than_an_npy_of_the_tokens():
    codes = ten_seconds(1)
    npy = io.BytesIO()
    np.save(npy, codes.codebooks[0])
    assert 1.8 * len(dump(codes)) < len(npy.getvalue())


@pytest.mark.parametrize("codebooks", [1, 2, 4, 8])
def test_overhead_is_small_and_does_not_grow_with_the_codebooks(codebooks):
    codes = ten_seconds(codebooks)
    payload = -(-codebooks * 250 * 9 // 8)
    assert overhead(header_of(codes)) == len(dump(codes)) - payload
    assert overhead(header_of(codes)) < 64
    assert overhead(header_of(codes)) == overhead(header_of(codes.prefix(1)))


def test_another_kind_of_file_is_not_read_to_its_end(tmp_path):
    with (tmp_path / "film.mkv").open("wb") as film:
        film.truncate(2**26)
    tracemalloc.start()
    try:
        with pytest.raises(NotACodesFile, match="not a speechvq code file"):
            read_codes(tmp_path / "film.mkv")
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_info_does_not_import_torch(tmp_path):
    write_codes(tmp_path / "a.codes", small())
    script = """
import sys
from speechvq.cli import main
sys.argv = ["speechvq", "info", "a.codes"]
try:
    main()
finally:
    print("loaded:", "numpy" in sys.modules, "torch" in sys.modules, "soundfile" in sys.modules)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "model: m0@0102030405060708" in done.stdout
    assert "loaded: True False False" in done.stdout
