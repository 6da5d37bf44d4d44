"""JSON and TOML of any content give plain values or a plain reason, in linear time."""

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechvq.parsing import DEPTH, INTEGERS, parse_json, parse_toml

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(INTEGERS.start, INTEGERS.stop - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=40, deadline=None)
@given(PLAIN, st.booleans())
def test_all_that_json_can_say_is_read(value, ascii_only):
    text = json.dumps(value, ensure_ascii=ascii_only)
    assert parse_json(text) == parse_json(text.encode()) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "not JSON"),
        (b'{"a": 1', "not JSON"),
        (b"\xff\xfe", "not UTF-8: byte 0"),
        ("1".encode("utf-16"), "not UTF-8"),
        (b'{"a": 1, "b": 2, "a": 3}', "the key 'a' twice"),
        (b'{"a": {"b": 1, "b": 1}}', "the key 'b' twice"),
        (b'"\\ud800"', "UTF-8 cannot hold"),
        (b'{"\\udc80": 1}', "UTF-8 cannot hold"),
        (b"[NaN]", "not finite: nan"),
        (b"-Infinity", "not finite: -inf"),
        (b"1e999", "not finite: inf"),
        (b"1" + b"0" * 400 + b".0", "not finite"),
        (b"9223372036854775808", "64 bits"),
        (b"1" * 400, "64 bits"),
        (b"1" * 5000, "64 bits"),
        (b"[" * (DEPTH + 1) + b"]" * (DEPTH + 1), "deep"),
        (b"[" * 100_000, "deep"),
        (b'{"a":' * 100_000, "deep"),
        (b'["\\"[", ' * 100_000, "deep"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_json_that_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        parse_json(text)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 200


def test_brackets_in_texts_do_not_nest():
    assert parse_json(json.dumps(["[" * 100, '"[' * 100])) == ["[" * 100, '"[' * 100]
    assert parse_json("[" * DEPTH + "]" * DEPTH) is not None
    assert parse_toml(f"a = '{'.' * 100}' # {'.' * 100}") == {"a": "." * 100}
    assert parse_toml(f'a = """\n"{"." * 100}""""') == {"a": '"' + "." * 100 + '"'}
    assert parse_toml(f"a = [{'1.5, ' * 100}]") == {"a": [1.5] * 100}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a = ", "not TOML"),
        ("a = 1\na = 2", "not TOML"),
        ("a = nan", "not finite: nan"),
        ("a = [{b = -inf}]", "not finite: -inf"),
        (f"a = 1{'0' * 400}.0", "not finite"),
        (f"a = {'1' * 400}", "64 bits"),
        (f"a = 0x{'f' * 5000}", "64 bits"),
        (f"a = {'1' * 5000}", "64 bits"),
        (f"a = {'[' * 100_000}", "deep"),
        (f"a = {'{a=' * 100_000}", "deep"),
        (f"a = {'[' * 100}{']' * 100}", "deep"),
        (f"a{'.a' * 100_000} = 1", "key of more than"),
        (f"[a{' . a' * 100_000}]", "key of more than"),
        (f"x = {{a = ''''\n''', b{'.a' * 100_000} = 1}}", "key of more than"),
        (f"""x = {{a = "#", "b"{".'a'" * 100_000} = 1}}""", "key of more than"),
    ],
    ids=lambda value: repr(value)[:30],
)
def test_toml_that_is_refused(text, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        parse_toml(text)
    assert len(str(caught.value)) < 200


UNITS = ['"', '"\\', '\\"', '"""', "'", "'''", '"""\\"', "[", "]", "{", "#", "a.", "1", "\\ud800,"]


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("start", ["", '"', 'a = "', 'a = """', "a = '''", "a = [", "a."])
def test_the_time_is_linear(start, unit):
    begin = time.process_time()
    for parse in (parse_json, parse_toml):
        with pytest.raises(ValueError, match="it "):
            parse(start + unit * (250_000 // len(unit)) + "\n?")
    assert time.process_time() - begin < 2
