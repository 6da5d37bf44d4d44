"""The record of codes: what it refuses, its prefixes, when two are equal."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speechvq.codes import CodebookShape, Codes, dump, parse
from speechvq.errors import CodesError
from tests.helpers.code_files import records, small


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_prefix_keeps_the_first_codebooks(count):
    codes, part = small(), small().prefix(count)
    assert part.shapes == codes.shapes[:count]
    assert [row.tolist() for row in part.codebooks] == [
        row.tolist() for row in codes.codebooks[:count]
    ]
    assert (part.samples, part.source_rate, part.speaker_embedding, part.model) == (
        9,
        16000,
        b"\xab",
        codes.model,
    )
    assert parse(dump(part)) == part


@pytest.mark.parametrize("count", [0, -1, 4, 100])
def test_a_prefix_that_cannot_be(count):
    with pytest.raises(CodesError, match="there are 3"):
        small().prefix(count)


def test_codes_that_differ_in_anything_are_not_equal():
    codes = small()
    assert codes == small()
    for other in (
        replace(codes, samples=10),
        replace(codes, speaker_embedding=b"\xac"),
        replace(codes, model=replace(codes.model, name="m1")),
        replace(codes, codebooks=(codes.codebooks[0], codes.codebooks[2], codes.codebooks[1])),
        codes.prefix(2),
        codes.codebooks,
        None,
    ):
        assert codes != other


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([[4, 1]], "the codes of 1 codebooks do not fit 2 shapes"),
        ([[4, 1, 0], [1, 0, 1, 1]], "codebook 0 has codes of shape"),
        ([[4, 1], [[1, 0, 1, 1]]], "codebook 1 has codes of shape"),
        ([[5, 1], [1, 0, 1, 1]], "codebook 0 holds the code 5, but has only 5 codewords"),
        ([[4, 1], [1, 0, -1, 1]], "codebook 1 holds the code -1"),
        ([[4.0, 1.0], [1, 0, 1, 1]], "codebook 0 holds float64, but codes are integers"),
    ],
)
def test_impossible_records_cannot_be_made(rows, says):
    table = (CodebookShape(4, 5), CodebookShape(2, 2))
    with pytest.raises(CodesError, match=says):
        Codes(small().model, 8000, 16000, 9, table, tuple(np.array(row) for row in rows), b"")


def test_length_and_rate_in_people_s_units():
    assert small().frames == (2, 4, 4)
    assert small().seconds == 9 / 16000
    assert small().bits_per_second == 3 * 2000 + 2 * 4000


@settings(max_examples=100, deadline=None)
@given(records(), st.data())
def test_a_prefix_of_a_prefix_is_a_prefix(codes, data):
    long = data.draw(st.integers(1, len(codes.shapes)))
    short = data.draw(st.integers(1, long))
    assert codes.prefix(long).prefix(short) == codes.prefix(short)
    assert codes.prefix(short).frames == codes.frames[:short]


@pytest.mark.parametrize("make", [list, np.array, torch.tensor, lambda row: np.array(row, np.int8)])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_other_codes_from_lists_arrays_and_tensors(make, n):
    rows = [[0, 3], [0, 0, 1, 1], [1, 0, 0, 1]][:n]
    codes = small().with_codebooks([make(row) for row in rows])
    assert [row.tolist() for row in codes.codebooks] == rows
    assert {row.dtype for row in codes.codebooks} == {np.dtype(np.uint16)}
    assert codes.shapes == small().shapes[:n]
    assert replace(codes, codebooks=small().prefix(n).codebooks) == small().prefix(n)
    assert parse(dump(codes)) == codes


def test_other_codes_of_another_length():
    codes = small().with_codebooks([[1, 2, 3], [0] * 6, [1] * 6], samples=24)
    assert (codes.samples, codes.frames) == (24, (3, 6, 6))


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([], "give the codes of 1 to 3 codebooks, not of none"),
        (range(10**12), "give the codes of 1 to 3 codebooks, not of more"),
        ([[0, 0]] * 4, "give the codes of 1 to 3 codebooks, not of more"),
        ([[0, 0, 0]], r"codebook 0 has codes of shape \(3,\), but 9 samples need \(2,\)"),
        ([[[0, 0]]], r"codebook 0 has codes of shape \(1, 2\)"),
        ([[0, 5]], "codebook 0 holds the code 5, but has only 5 codewords"),
        ([[0, -1]], "codebook 0 holds the code -1"),
        ([[0, 70_000]], "codebook 0 holds the code 70000"),
        ([[0.0, 1.0]], "codebook 0 holds float64, but codes are integers"),
        ([[0, 1], torch.zeros(4)], "codebook 1 holds float32, but codes are integers"),
        ([[0, 1], [[0], [0, 0]]], "codebook 1 has codes that are no array"),
        ([["a", "b"]], "codebook 0 holds <U1, but codes are integers"),
        ([[True, False]], "codebook 0 holds bool, but codes are integers"),
        ([[]], "codebook 0 holds float64|codebook 0 has codes of shape"),
    ],
)
def test_other_codes_that_cannot_be(rows, says):
    with pytest.raises(CodesError, match=says):
        small().with_codebooks(rows)
