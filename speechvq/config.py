"""Configurations: frozen dataclasses from and to plain tables (TOML, JSON), strictly checked.

    parse(CodecConfig, to_dict(config)) == config

A field may be a scalar, a `Literal`, a tuple, a dictionary, another dataclass, one of these or
None, or a *tagged union*: one of several dataclasses, told apart by their field `kind`, a `Literal`
of one text.

Every message begins with the full path of the field, as in `codec.levels[0].codebooks must be at
least 1, not 0`. For the values that a dataclass itself refuses, `__post_init__` calls `require`
with a message that begins with the name of its own field; `parse` puts the path before it.
"""

import dataclasses
import re
import types
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from speechvq.errors import ConfigError, shown
from speechvq.input import read_text
from speechvq.limits import CONFIGURATION_BYTES, STAGES
from speechvq.parsing import parse_toml

C = TypeVar("C")

STEPS = 32
"""Names and indices in a path, at most."""

PATH = re.compile(r"(?:(?:^|\.)[^.\[\]]+|(?<!^)\[\d{1,9}\])+")
"""The form of a path."""

TAG = "kind"
"""The field that tells the members of a tagged union apart."""


def parse(cls: type[C], values: Any, path: str = "") -> C:  # noqa: ANN401 - whatever TOML gave
    """Build the dataclass `cls` from a table.

    path: where in a larger configuration the table stands

    Raises ConfigError naming the full path of a field whose key is unknown or missing, whose value
    has the wrong type, or whose value the dataclass refuses.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{path or 'the configuration'} must be a table, not {shown(values)}")
    hints = get_type_hints(cls)
    fields = {field.name: field for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    prefix = f"{path}." if path else ""
    for key in values:
        if key not in fields:
            name = _key_name(key)
            raise ConfigError(_unknown_key(f"{prefix}{name}", cls, list(fields)))
    for name, field in fields.items():
        required = (
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        )
        if required and name not in values:
            raise ConfigError(f"{prefix}{name} is missing")
    arguments = {key: _value(hints[key], value, prefix + key) for key, value in values.items()}
    try:
        return cls(**arguments)
    except ConfigError as error:
        raise ConfigError(f"{prefix}{error}") from error


def read(cls: type[C], path: str | Path) -> C:
    """Build the dataclass `cls` from a TOML file.

    Raises ConfigError naming the file and the full path of the field.
    """
    values = read_toml(path)
    try:
        return parse(cls, values)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def read_toml(path: str | Path) -> dict[str, Any]:
    """The tables of a TOML file. Raises ConfigError when it cannot be read."""
    limit, advice = CONFIGURATION_BYTES, "give a TOML file"
    text = read_text(path, ConfigError, limit=limit, what="configuration", advice=advice)
    try:
        return parse_toml(text)
    except ValueError as error:
        raise ConfigError(f"cannot read the configuration {path}: {error}") from error


def to_dict(config: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """The dataclass as a plain table, without the fields that are None (TOML has no null)."""

    def plain(value: Any) -> Any:  # noqa: ANN401
        if dataclasses.is_dataclass(value):
            return to_dict(value)
        return [plain(item) for item in value] if isinstance(value, tuple) else value

    values = ((field.name, getattr(config, field.name)) for field in dataclasses.fields(config))
    return {name: plain(value) for name, value in values if value is not None}


def override(values: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of a table with some of its values changed, each named by its path.

    `codec.encoder[0].width` is one field, `codec.encoder.width` that of every item of the list, and
    `codec.encoder[3]`, one past the end, a new item. Tables on the way are made where there are
    none. Raises ConfigError for a path that leads nowhere.
    """
    changed = deepcopy(dict(values))
    for path, value in changes.items():
        parts = re.findall(r"([^.\[\]]+)|\[(\d{1,9})\]", path)
        steps = [int(index) if index else name for name, index in parts]
        fits = PATH.fullmatch(path) is not None and len(steps) <= STEPS
        require(fits, f"{shown(path)} names nothing that can be changed")
        _set(changed, steps, value, path)
    return changed


def require(condition: bool, message: str) -> None:  # noqa: FBT001
    """Raise ConfigError(message) unless the condition holds.

    The message begins with the name of the field.
    """
    if not condition:
        raise ConfigError(message)


def within(config: object, numbers: range, *names: str) -> None:
    """Raise ConfigError unless these fields are within a range; of a tuple, each of a few items."""
    for name in names:
        value = getattr(config, name)
        items = value if isinstance(value, tuple) else (value,)
        fits = len(items) <= STAGES and all(item in numbers for item in items)
        quoted = shown(list(items) if items is value else value)
        require(fits, f"{name} must be {numbers.start} to {numbers.stop - 1}, not {quoted}")


def _value(hint: Any, value: Any, path: str) -> Any:  # noqa: ANN401, PLR0911 - a case a type
    origin, arguments = get_origin(hint), get_args(hint)
    if dataclasses.is_dataclass(hint):
        return parse(hint, value, path)  # type: ignore[arg-type]
    if origin in (Union, types.UnionType):
        members = [member for member in arguments if member is not type(None)]
        if value is None and len(members) < len(arguments):
            return None
        return _value(members[0], value, path) if len(members) == 1 else _tagged(hint, value, path)
    if origin is Literal:
        if value not in arguments:
            raise ConfigError(f"{path} must be one of {_quoted(arguments)}, not {_shown(value)}")
        return value
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_value(arguments[0], item, f"{path}[{i}]") for i, item in enumerate(value))
    if origin is dict and isinstance(value, dict):
        return {_key(key, path): _value(arguments[1], value[key], f"{path}.{key}") for key in value}
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if (
        isinstance(hint, type)
        and isinstance(value, hint)
        and isinstance(value, bool) == (hint is bool)
    ):
        return value
    raise ConfigError(f"{path} must be {_describe(hint)}, not {_shown(value)}")


def kinds(union: Any) -> dict[str, type[Any]]:  # noqa: ANN401 - a union of dataclasses
    """The members of a tagged union by the text in their field `kind`."""
    members = (member for member in get_args(union) if member is not type(None))
    return {get_args(get_type_hints(member)[TAG])[0]: member for member in members}


def _tagged(union: Any, value: Any, path: str) -> Any:  # noqa: ANN401
    members, name = kinds(union), path.rpartition(".")[2].partition("[")[0]
    if isinstance(value, str):
        raise ConfigError(
            f"{path} must be a table; write it as {name} = {{ {TAG} = {_shown(value)}, ... }}"
        )
    if not isinstance(value, dict):
        raise ConfigError(f"{path} must be a table, not {_shown(value)}")
    if TAG not in value:
        raise ConfigError(f"{path}.{TAG} is missing; it must be one of {_quoted(members)}")
    kind = value[TAG]
    if not isinstance(kind, str) or kind not in members:
        raise ConfigError(f"{path}.{TAG} must be one of {_quoted(members)}, not {_shown(kind)}")
    return parse(members[kind], value, path)


def _key(key: str, path: str) -> str:
    """A key of a dictionary. Raises ConfigError for one that no message could name."""
    require(
        _key_name(key) == key, f"{path} has the key {shown(key)}; keys are short, printable words"
    )
    return key


def _key_name(key: object) -> str:
    """A key as a message names it: quoted where it is long or not printable."""
    text = str(key)
    return text if text.isprintable() and len(text) < 60 else shown(key)


def _unknown_key(path: str, cls: type[Any], names: list[str]) -> str:
    if TAG in names:
        options = ", ".join(name for name in names if name != TAG)
        kind = get_args(get_type_hints(cls)[TAG])[0]
        return f"{path} is no option of kind {_shown(kind)}; its options are {options}"
    return f"{path} is not a known key; the keys here are {', '.join(names)}"


def _set(values: Any, steps: list[str | int], value: Any, path: str) -> None:  # noqa: ANN401
    step, rest = steps[0], steps[1:]
    if isinstance(values, list) and isinstance(step, str):
        for item in values:
            _set(item, steps, value, path)
        return
    if isinstance(values, list) and isinstance(step, int) and step <= len(values):
        if step == len(values):
            values.append({})
    elif isinstance(values, dict) and isinstance(step, str):
        values.setdefault(step, {})
    else:
        raise ConfigError(f"{shown(path)} names nothing that can be changed")
    if rest:
        _set(values[step], rest, value, path)  # type: ignore[index]
    else:
        values[step] = deepcopy(value)  # type: ignore[index]


def _describe(hint: Any) -> str:  # noqa: ANN401
    if get_origin(hint) is tuple:
        return f"a list, each item {_describe(get_args(hint)[0])}"
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    return names.get(hint, "a table")


def _quoted(names: Any) -> str:  # noqa: ANN401 - any texts
    return ", ".join(_shown(name) for name in names)


def _shown(value: Any) -> str:  # noqa: ANN401
    """A value as TOML would write it, where it is a short text."""
    plain = isinstance(value, str) and value.isprintable() and len(value) < 60
    return f'"{value}"' if plain else shown(value)
