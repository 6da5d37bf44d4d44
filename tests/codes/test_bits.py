"""Numbers as bits, against strings of zeros and ones."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechvq.codes.bits import pack, unpack


@st.composite
def numbers(draw):
    width = draw(st.integers(1, 16))
    return width, draw(st.lists(st.integers(0, 2**width - 1), max_size=50))


@given(numbers())
def test_pack_writes_binary_digits(case):
    width, values = case
    digits = "".join(f"{value:0{width}b}" for value in values)
    flags = pack(np.array(values, np.uint16), width)
    assert "".join(map(str, flags.tolist())) == digits
    assert flags.dtype == np.uint8


@given(numbers())
def test_unpack_is_the_inverse(case):
    width, values = case
    back = unpack(pack(np.array(values, np.uint16), width), width)
    assert back.tolist() == values
    assert back.dtype == np.uint16


@pytest.mark.parametrize("width", range(1, 17))
def test_extremes_of_every_width(width):
    flags = pack(np.array([2**width - 1, 0], np.uint16), width)
    assert flags.tolist() == [1] * width + [0] * width
