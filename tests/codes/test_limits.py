"""Whatever codes can be made can be written and read; whatever cannot is refused in a sentence."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speechvq.codes import CodebookShape, Codes, ModelId, dump, open_codes, parse, write_codes
from speechvq.codes.file import read_codes
from speechvq.codes.header import TABLES, header_of
from speechvq.errors import CodesError, NotACodesFile, OutputError, shown
from speechvq.limits import CODEBOOK_SIZES, CODEBOOKS, HOPS, NAME_BYTES, RATES, SAMPLES
from tests.helpers.code_files import small


def edges(within):
    """Numbers at the ends of a range and just outside, beside any."""
    ends = (within.start, within.stop - 1)
    return st.sampled_from([*ends, ends[0] - 1, ends[1] + 1, 0, -1]) | st.integers(*ends)


@st.composite
def attempts(draw):
    """The parts of codes, at and beyond every limit: many of them are impossible."""
    name = draw(st.text(max_size=5)) * draw(st.sampled_from([1, 1, 60, NAME_BYTES]))
    hops = draw(st.lists(st.sampled_from([1, 2, 3, 4, HOPS.stop]), min_size=1, max_size=3))
    hops = [draw(edges(HOPS)), *hops] if draw(st.booleans()) else hops
    hops *= draw(st.sampled_from([1, 1, 1, CODEBOOKS // 2, CODEBOOKS]))
    size = draw(edges(CODEBOOK_SIZES))
    rate, source = draw(edges(RATES)), draw(edges(RATES))
    samples = draw(edges(SAMPLES) | st.integers(0, 500))
    facts = (rate, source, samples, bytes(draw(st.integers(0, 34))))
    return name, bytes(draw(st.sampled_from([8, 8, 8, 7, 9]))), hops, size, *facts


def made(parts):
    """Codes of these parts, all of them the last codeword; None where they would take long."""
    name, digest, hops, size, rate, source, samples, embedding = parts
    model, shapes = ModelId(name, digest), tuple(CodebookShape(hop, size) for hop in hops)
    at_rate = -(-max(samples * rate, 0) // max(source, 1))
    counts = [-(-at_rate // hops[0]) * hops[0] // hop for hop in hops]
    if max(counts) > 10_000:
        return None
    rows = tuple(np.full(count, size - 1, np.int64) for count in counts)
    return Codes(model, rate, source, samples, shapes, rows, embedding)


@settings(max_examples=300, deadline=None)
@given(attempts())
def test_all_codes_that_can_be_made_are_read_as_they_were_written(parts):
    try:
        codes = made(parts)
    except CodesError:
        return
    if codes is not None:
        assert parse(dump(codes)) == codes


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"model": "m0"}, "must be a ModelId"),
        ({"model": None}, "must be a ModelId"),
        ({"sample_rate": 0}, "the sample rate of the model must be from 1000 to 384000, not 0"),
        ({"sample_rate": -5}, "rate of the model must be from 1000"),
        ({"sample_rate": 8000.0}, "must be a whole number, not 8000.0"),
        ({"sample_rate": "8000"}, "must be a whole number, not '8000'"),
        ({"source_rate": 10**9}, "the sample rate of the recording must be from 1000"),
        ({"source_rate": True}, "must be a whole number, not True"),
        ({"source_rate": None}, "must be a whole number, not None"),
        ({"samples": 0}, "samples of the recording must be from 1 to"),
        ({"samples": 9.0}, "must be a whole number"),
        ({"samples": 2**35}, "samples of the recording must be from 1 to"),
        ({"samples": 10**5000}, "samples of the recording must be from 1 to"),
        ({"shapes": ()}, "1 to 64 shapes"),
        ({"shapes": None}, "1 to 64 shapes"),
        ({"shapes": ((4, 5), (2, 2), (2, 2))}, "must be a CodebookShape"),
        ({"shapes": small().shapes[:1] * 65}, "1 to 64 shapes"),
        ({"shapes": (CodebookShape(4, 5), CodebookShape(3, 2))}, "must be a multiple of all"),
        ({"codebooks": None}, "an array per codebook"),
        ({"codebooks": ([4, 1], [1, 0, 1, 1], [0, 1, 1, 0])}, "must be a NumPy array"),
        ({"codebooks": "abc"}, "an array per codebook"),
        ({"speaker_embedding": bytes(33)}, "at most 32 bytes"),
        ({"speaker_embedding": "ab"}, "at most 32 bytes"),
        ({"speaker_embedding": None}, "at most 32 bytes"),
    ],
    ids=shown,
)
def test_codes_of_other_types_and_sizes(changes, says):
    with pytest.raises(CodesError, match=says):
        replace(small(), **changes)


@pytest.mark.parametrize("digest", [b"", bytes(7), bytes(9), "abcdefgh", None, bytearray(8)])
def test_digests_that_no_file_can_hold(digest):
    with pytest.raises(CodesError, match="the digest of a model must be 8 bytes"):
        ModelId("m", digest)


@pytest.mark.parametrize("name", ["\x1b[2J", "", "a\nb", "\ud800", "x" * 256, 5])
def test_names_that_no_file_can_hold(name):
    with pytest.raises(CodesError, match="the name of a model"):
        ModelId(name, bytes(8))


@pytest.mark.parametrize("pair", [(0, 2), (1, 1), (1, 65_537), (2**20 + 1, 2), (2.0, 2), ("1", 2)])
def test_codebooks_that_no_file_can_hold(pair):
    with pytest.raises(CodesError, match="of a codebook must be"):
        CodebookShape(*pair)


def test_numbers_of_numpy_and_torch_become_plain():
    codes = replace(
        small(),
        sample_rate=np.int32(8000),
        source_rate=torch.tensor(16_000),
        samples=np.int64(9),
        shapes=list(small().shapes),
        codebooks=[row.astype(np.int8) for row in small().codebooks],
    )
    assert codes == small()
    assert {type(number) for number in (codes.sample_rate, codes.source_rate, codes.samples)} == {
        int
    }
    assert {row.dtype for row in codes.codebooks} == {np.dtype(np.uint16)}
    assert dump(codes) == dump(small())


@pytest.mark.parametrize(
    "digest", [b"", bytes(3), bytes(5), "abcd"], ids=lambda digest: str(len(digest))
)
def test_coders_that_no_file_can_name(digest):
    with pytest.raises(CodesError, match="must be 4 bytes"):
        header_of(small(), TABLES, digest)


def test_codes_changed_in_place_are_checked_again():
    codes = small()
    codes.codebooks[0][0] = 5
    with pytest.raises(CodesError, match="codebook 0 holds the code 5"):
        dump(codes)


def test_more_than_a_file_can_hold(monkeypatch):
    monkeypatch.setattr("speechvq.codes.file.CODES_BYTES", len(dump(small())))
    dump(small())
    with pytest.raises(CodesError, match="encode the recording in parts"):
        dump(replace(small(), samples=90, codebooks=tuple(np.zeros(n, int) for n in (12, 24, 24))))


@pytest.mark.parametrize("count", [2.0, True, "2", None, np.float32(1), 10**5000], ids=shown)
def test_numbers_of_codebooks_of_other_types(count):
    with pytest.raises(CodesError, match="the number of codebooks to keep"):
        small().prefix(count)


@pytest.mark.parametrize(
    "arrays",
    [
        *(None, 5, 2.5, "ab", {"a": 1}, [None], [["a"]], [[[1], [2, 3]]], [10**30], [...]),
        *(torch.zeros(2), [torch.zeros(2, device="meta", dtype=torch.int64)]),
        *([torch.zeros(2, dtype=torch.bfloat16)], [torch.eye(2).to_sparse()], [np.array([{}, 1])]),
    ],
    ids=shown,
)
def test_other_codes_of_other_types(arrays):
    with pytest.raises(CodesError):
        small().with_codebooks(arrays)


@pytest.mark.parametrize("samples", [0, -1, 9.0, "9", True, 2**35])
def test_other_codes_of_impossible_lengths(samples):
    with pytest.raises(CodesError, match="samples of the recording"):
        small().with_codebooks(small().codebooks, samples=samples)


@pytest.mark.parametrize("path", [None, 5, b"a", "a\0b", "\ud800", ["a"]])
def test_paths_that_no_file_has(path):
    for read in (read_codes, open_codes):
        with pytest.raises(NotACodesFile, match="path"):
            read(path)
    with pytest.raises(OutputError, match="path"):
        write_codes(path, small())


@pytest.mark.parametrize("codes", [None, "codes", b"SVQ", [small()]], ids=shown)
def test_what_are_no_codes_is_not_written(tmp_path, codes):
    with pytest.raises(CodesError, match="only Codes can be written"):
        write_codes(tmp_path / "a", codes)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("coders", [None, 5, "ab", [None], ...], ids=shown)
def test_coders_of_other_types(coders):
    with pytest.raises(CodesError, match="must be a list of coders"):
        dump(small(), coders)


@pytest.mark.parametrize("data", [None, "SVQ", 5, [1]])
def test_data_that_are_no_bytes(data):
    with pytest.raises(NotACodesFile, match="must be bytes"):
        parse(data)
