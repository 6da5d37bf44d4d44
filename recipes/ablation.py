"""Ablation studies: one TOML file with a base, and variants that change a few of its values.

    [base]
    steps = 2000
    [[base.encoder]]
    width = 96

    [variants.wide]                       # what is special about it
    "encoder[0].width" = 128

    [variants.wide-long]
    extends = "wide"                      # its changes come first
    steps = 4000

Changes are named by paths: `encoder[0].width` is one field, `encoder.width` that of every item of
the list, `encoder[1]`, one past the end, a new item (`speechvq.config.override`).
"""

from pathlib import Path
from typing import Any

from speechvq.config import override, read_toml
from speechvq.errors import ConfigError, shown

EXTENDS = "extends"


def variant_names(path: Path) -> list[str]:
    """The names of the variants of a file, in its order.

    Raises ConfigError when the file cannot be read.
    """
    return list(_tables(path)[1])


def variant_table(path: Path, name: str) -> dict[str, Any]:
    """The base of a file with the changes of a variant.

    Raises ConfigError when the file cannot be read, has no such variant, extends one that does
    not come before it, or changes what is not there.
    """
    values, variants = _tables(path)
    if name not in variants:
        raise ConfigError(f"there is no variant {shown(name)}; variants are {', '.join(variants)}")
    changes = dict(variants[name])
    chain, names = [changes], list(variants)
    while EXTENDS in changes:
        source = changes.pop(EXTENDS)
        if source not in names[: names.index(name)]:
            raise ConfigError(
                f"{path}: variant {shown(name)} extends {shown(source)}, which is not before it"
            )
        name, changes = source, dict(variants[source])
        chain.append(changes)
    try:
        for changes in reversed(chain):
            values = override(values, changes)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error
    return values


def _tables(path: Path) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The base and the variants of a file. Raises ConfigError."""
    tables = read_toml(path)
    base, variants = tables.get("base", {}), tables.get("variants", {})
    named = variants.items() if isinstance(variants, dict) else [("", variants)]
    for place, value in (("base", base), *((f"variants.{name}", table) for name, table in named)):
        if not isinstance(value, dict):
            raise ConfigError(f"{path}: {shown(place)} must be a table, not {shown(value)}")
    return base, variants
