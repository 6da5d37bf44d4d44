"""Damage to tables of JSON and TOML: other values, other types, other keys, other texts.

Some texts cannot be had by writing a value: numbers of thousands of digits, brackets nested a
hundred thousand times, keys that come twice. `raw` lets them stand in a tree as a text between two
letters of private use, and `with_raws` brings them into the written text.
"""

import copy
import json
import re
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from recipes.robustness.damage import LARGE

Tree = Any
"""Dictionaries, lists and scalars within each other."""

TEXTS = (
    "",
    "a",
    "x" * 300,
    "x" * 10_000,
    "\x1b[2J",
    "\x1b]0;title\x07",
    "a\nb",
    "\r",
    "\0",
    "\x7f",
    "\x9b31m",
    "\u202eabc",
    "\u2028",
    "\ufeff",
    "\ud800",
    "e\u0301",
    "../../x",
    "/etc/passwd",
    "C:\\x",
    "0",
    "1e999",
    "nan",
    "true",
    "ab" * 40,
    "{}",
    "\U0001f600" * 80,
)
NUMBERS = (
    *LARGE,
    -1,
    -2,
    -(2**31),
    -(2**63),
    3,
    5,
    7,
    12,
    33,
    64,
    65,
    100,
    1000,
    12_000,
    100_000,
    10**6,
    10**9,
    10**20,
    10**40,
    10**400,
    0.0,
    -0.0,
    0.5,
    2.0,
    -1.5,
    1e-9,
    5e-324,
    1e30,
    3.5e38,
    1.7e308,
    -1.7e308,
    float("inf"),
    float("-inf"),
    float("nan"),
)
RAWS = (
    "9" * 400,
    "9" * 5000,
    "1e999",
    "-1e999",
    "-",
    "01",
    "1_000",
    "0x10",
    "nul",
    "NaN",
    '"\\ud800"',
    '"\\u0000"',
    '"\\x"',
    '"',
    "1" + "0" * 100_000,
    *("[" * depth + "]" * depth for depth in (60, 300, 1500, 100_000)),
    "[" * 100_000,
    '{"a":' * 20_000 + "1" + "}" * 20_000,
    "{a={a={a=1}}}",
    "1979-05-27",
)


def changed(random: Random, tree: Tree) -> Tree:
    """A tree with one to three of its values changed."""
    tree = copy.deepcopy(tree)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        places = list(_places(tree))
        if places:
            random.choice(WAYS)(random, *random.choice(places))
    return tree


def raw(text: str) -> str:
    """What stands in a tree for a text without quotes."""
    return f"\ue000{text}\ue001"


def with_raws(text: str) -> str:
    """Written JSON or TOML with the texts in which there is to be something without quotes."""
    return re.sub('"\ue000(.*?)\ue001"', lambda match: json.loads(f'"{match[1]}"'), text)


def as_json(random: Random, tree: Tree) -> str:
    """A tree as JSON, with or without escapes."""
    text = json.dumps(tree, ensure_ascii=False)
    if random.random() < 0.5:
        return with_raws(text)
    return with_raws(re.sub("[^\x00-\x7f\ue000\ue001]", _escaped, text))


def _escaped(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


def _places(tree: Tree) -> Iterator[tuple[Any, Any]]:
    """All pairs of (dictionary or list, key) within a tree."""
    stack = [tree]
    while stack:
        inside = stack.pop()
        if isinstance(inside, dict | list):
            rows = inside.items() if isinstance(inside, dict) else enumerate(inside)
            for key, value in rows:
                yield inside, key
                stack.append(value)


def scalar(random: Random) -> Tree:
    """A value that is rarely meant."""
    pick = random.random()
    if pick < 0.5:
        return random.choice(NUMBERS)
    if pick < 0.75:
        return random.choice(TEXTS)
    return raw(random.choice(RAWS)) if pick < 0.9 else random.choice((True, False, None))


def _replace(random: Random, inside: Any, key: Any) -> None:  # noqa: ANN401
    inside[key] = scalar(random)


def _wrap(random: Random, inside: Any, key: Any) -> None:  # noqa: ANN401
    value = inside[key]
    wrapped: tuple[Tree, ...] = ([], {}, [value], {"a": value}, [value, value], [[value]], [None])
    inside[key] = random.choice(wrapped)


def _remove(random: Random, inside: Any, key: Any) -> None:  # noqa: ANN401
    del random, inside[key]


def _repeat(random: Random, inside: Any, key: Any) -> None:  # noqa: ANN401
    """The value again: in a list, or under the same key."""
    value = inside[key]
    if isinstance(inside, list):
        inside[key:key] = [value] * random.choice((1, 1, 2, 70))
    else:
        inside[raw(json.dumps(key))] = random.choice((value, scalar(random)))


def _rename(random: Random, inside: Any, key: Any) -> None:  # noqa: ANN401
    if isinstance(inside, dict):
        inside[random.choice((*TEXTS, key.upper(), f"{key} "))] = inside.pop(key)


def _exchange(random: Random, inside: Any, key: Any) -> None:  # noqa: ANN401
    other = random.choice(list(inside) if isinstance(inside, dict) else range(len(inside)))
    inside[key], inside[other] = inside[other], inside[key]


def _nudge(random: Random, inside: Any, key: Any) -> None:  # noqa: ANN401
    """A number near the one that is there, or a text with something in it."""
    value = inside[key]
    if isinstance(value, str):
        place = random.randint(0, len(value))
        inside[key] = value[:place] + random.choice(TEXTS) + value[place:]
    elif isinstance(value, int | float) and not isinstance(value, bool):
        factor, more = random.choice(((1, 1), (1, -1), (2, 0), (1000, 0), (-1, 0)))
        inside[key] = value * factor + more
    else:
        inside[key] = scalar(random)


WAYS: tuple[Callable[[Random, Any, Any], None], ...] = (
    *(_replace,) * 4,
    *(_nudge,) * 3,
    _wrap,
    _remove,
    _repeat,
    _rename,
    _exchange,
)
