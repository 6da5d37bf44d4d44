"""The one set of limits: names, and whole numbers within a range."""

import numpy as np
import pytest
import torch

from speechvq.errors import ModelError, shown
from speechvq.limits import NAME_BYTES, RATES, checked_name, whole_number


@pytest.mark.parametrize("name", ["base5", "Müller, 7 (kurz)", "声", "é" * 127 + "x"])
def test_names_that_can_be_printed(name):
    assert checked_name(name, ModelError, "the name of a model") == name


@pytest.mark.parametrize(
    "name",
    ["", "\x1b[31mred", "a\nb", "a\0", "\ud800", "\u202eleft", "x" * 256, "é" * 128, 7, None, b"a"],
)
def test_names_that_no_file_can_hold(name):
    with pytest.raises(ModelError, match=r"^the name of a model ") as caught:
        checked_name(name, ModelError, "the name of a model")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < NAME_BYTES


@pytest.mark.parametrize(
    "rate", [16_000, np.int64(16_000), np.uint16(16_000), torch.tensor(16_000)]
)
def test_whole_numbers_of_every_type(rate):
    number = whole_number(rate, RATES, ModelError, "the rate")
    assert type(number) is int
    assert number == 16_000


@pytest.mark.parametrize(
    "rate",
    [
        *(0, -5, 10**9, 10**5000, 16_000.0, 16_000.5, float("nan"), True, "16000", None, [16_000]),
        *(np.array([1, 2]), np.float32(16_000), torch.tensor(16_000.0), torch.zeros(2).long()),
        torch.tensor(16_000, device="meta"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_numbers_that_are_no_rates(rate):
    with pytest.raises(ModelError, match=r"^the rate must be "):
        whole_number(rate, RATES, ModelError, "the rate")


@pytest.mark.parametrize(
    "value",
    ["x" * 10**6, "\x1b[2J", 10**5000, [[[[[[[[1]]]]]]]], {"a": "\n"}, [["x" * 99] * 9] * 9],
    ids=lambda value: type(value).__name__,
)
def test_what_messages_quote_is_short_and_printable(value):
    assert shown(value).isprintable()
    assert len(shown(value)) <= 120
