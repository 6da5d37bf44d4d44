"""Configurations: frozen dataclasses from and to plain tables, strict about names and types.

CodecConfig(...) == parse(CodecConfig, table(CodecConfig(...)))
"""

import dataclasses
import tomllib
import types
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from speechvq.errors import ConfigError

C = TypeVar("C")


def parse(kind: type[C], values: Any, where: str = "") -> C:  # noqa: ANN401 - whatever TOML or JSON gave
    """Build the dataclass `kind` from a table.

    Raises ConfigError naming the field for an unknown or missing key, a wrong type, or a value that
    the class refuses.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{where or 'the configuration'} must be a table, not {values!r}")
    hints = get_type_hints(kind)
    known = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    prefix = f"{where}." if where else ""
    for key in values:
        if key not in known:
            raise ConfigError(f"unknown key {prefix}{key}; known here: {', '.join(known)}")
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]
        needed = (
            field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        )
        if needed and field.name not in values:
            raise ConfigError(f"missing key {prefix}{field.name}")
    fields = {key: _value(hints[key], value, prefix + key) for key, value in values.items()}
    try:
        return kind(**fields)
    except ConfigError as error:
        raise ConfigError(
            f"{where}: {error}" if where.endswith("]") else str(error)
        ) from error  # which one of a list


def read(kind: type[C], path: str | Path) -> C:
    """Build the dataclass `kind` from a TOML file. Raises ConfigError naming the file and the field."""
    try:
        return parse(kind, tomllib.loads(Path(path).read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"cannot read the configuration {path}: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _value(hint: Any, value: Any, where: str) -> Any:  # noqa: ANN401
    origin = get_origin(hint)
    if dataclasses.is_dataclass(hint):
        return parse(hint, value, where)  # type: ignore[arg-type]
    if origin in (Union, types.UnionType):
        return (
            None
            if value is None
            else _value(next(a for a in get_args(hint) if a is not type(None)), value, where)
        )
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(
            _value(get_args(hint)[0], item, f"{where}[{i}]") for i, item in enumerate(value)
        )
    if origin is dict and isinstance(value, dict):
        return {
            key: _value(get_args(hint)[1], item, f"{where}.{key}") for key, item in value.items()
        }
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if (
        isinstance(hint, type)
        and isinstance(value, hint)
        and isinstance(value, bool) == (hint is bool)
    ):
        return value
    raise ConfigError(f"{where} must be {_describe(hint)}, not {value!r}")


def _describe(hint: Any) -> str:  # noqa: ANN401
    if get_origin(hint) is tuple:
        return f"a list, each codeword {_describe(get_args(hint)[0])}"
    names = {int: "a whole number", float: "a number", str: "a text", bool: "true or false"}
    return names.get(hint, "a table")


def table(config: Any) -> dict[str, Any]:  # noqa: ANN401 - any dataclass
    """The dataclass as a plain table, without the fields that are None (TOML has no null)."""

    def plain(value: Any) -> Any:  # noqa: ANN401
        if dataclasses.is_dataclass(value):
            return table(value)
        return [plain(item) for item in value] if isinstance(value, tuple) else value

    values = ((field.name, getattr(config, field.name)) for field in dataclasses.fields(config))
    return {name: plain(value) for name, value in values if value is not None}


def require(condition: bool, message: str) -> None:  # noqa: FBT001
    """Refuse a configuration value. Raises ConfigError(message)."""
    if not condition:
        raise ConfigError(message)
