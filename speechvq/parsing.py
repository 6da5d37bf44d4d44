"""JSON and TOML of any content: to plain values, or to a ValueError with a reason in plain words.

What comes back is nested at most `DEPTH` deep, has whole numbers of 64 bits, finite numbers and
texts that UTF-8 can hold, and named no key of a table twice. The time is linear in the length.
"""

import json
import math
import re
import tomllib
from collections import Counter
from typing import Any

from speechvq.errors import shown

DEPTH = 64
"""Tables and lists within each other, at most, and parts of a key of TOML."""

INTEGERS = range(-(1 << 63), 1 << 63)
"""Whole numbers, which have 64 bits in TOML."""

_DEEP = f"it is nested more than {DEPTH} deep"
_LONG = "it has a whole number of more than 64 bits"

_JSON_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|([\[{])|[\]}]', re.DOTALL)
"""Texts, which are skipped, and brackets. A text without an end goes on to the end."""

_TOML_TEXTS = re.compile(
    r"""
    \#[^\n]*+
    | \"{3} (?: [^"\\]++ | \\. | "(?!"") )*+ (?:"{3,5})?
    | '{3} (?: [^']++ | '(?!'') )*+ (?:'{3,5})?
    | " (?: [^"\\\n]++ | \\. )*+ "?
    | ' [^'\n]*+ '?
    """,
    re.DOTALL | re.VERBOSE,
)
"""Comments and texts, the latter also as parts of keys."""


def parse_json(data: bytes | str) -> Any:  # noqa: ANN401 - any plain value
    """The value of a JSON text. Raises ValueError."""
    text = data if isinstance(data, str) else _decoded(data)
    depth = 0
    for match in _JSON_BRACKETS.finditer(text):
        if match[0][0] != '"':
            depth += 1 if match[1] else -1
            if depth > DEPTH:
                raise ValueError(_DEEP)
    try:
        value = json.loads(text, object_pairs_hook=_table, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from error
    return _checked(value)


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a TOML text. Raises ValueError."""
    bare = _TOML_TEXTS.sub(lambda match: "" if match[0][0] == "#" else "x", text)
    if any(part.count(".") >= DEPTH for part in re.split(r"[\n,=\[\]{}]", bare)):
        raise ValueError(f"it has a key of more than {DEPTH} parts")
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"it is not TOML: {error}") from error
    except ValueError:
        raise ValueError(_LONG) from None
    except RecursionError:
        raise ValueError(_DEEP) from None
    return _checked(tables)


def _decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8: byte {error.start} cannot be read") from None


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        counts = Counter(key for key, _ in pairs)
        twice = next(key for key, count in counts.items() if count > 1)
        raise ValueError(f"it has the key {shown(twice)} twice in a table")
    return table


def _integer(digits: str) -> int:
    if len(digits) > len(str(INTEGERS.start)):
        raise ValueError(_LONG)
    return int(digits)


def _checked(value: Any) -> Any:  # noqa: ANN401 - any plain value
    """The value, if all in it is as the module says."""
    level = [value]
    for _ in range(DEPTH + 1):
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                below += item
                below += item.values()
            elif isinstance(item, list):
                below += item
            else:
                _check_scalar(item)
        if not below:
            return value
        level = below
    raise ValueError(_DEEP)


def _check_scalar(value: object) -> None:
    if isinstance(value, str):
        if not value.isascii() and re.search("[\ud800-\udfff]", value):
            raise ValueError(f"it has a text that UTF-8 cannot hold: {shown(value)}")
    elif isinstance(value, int):
        if value not in INTEGERS:
            raise ValueError(_LONG)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"it has a number that is not finite: {value}")
