"""What holds for the words of every command line, whichever the command."""

import inspect
import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.models import ParameterInfo

from speechvq.errors import SpeechVQError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Misuse(SpeechVQError):
    """A command line that says something impossible."""


class FileOrDefault(str):
    """The name of a file, or 'default': a `parser` of typer."""

    __slots__ = ()


class Command(TyperCommand):
    """A command that refuses what none of its values may be. Raises Misuse."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's
        typed, _, order = self.make_parser(ctx).parse_args(args=list(args))
        _check_repetition(order)
        rest = super().parse_args(ctx, args)
        for parameter in self.get_params(ctx):
            words, values = _as_list(typed.get(parameter.name)), ctx.params.get(parameter.name)
            _check_values(_typed_name(parameter), words, _as_list(values))
        return rest


class Group(TyperGroup):
    """Commands under one name, which alone shows the help."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's
        if not args:
            typer.echo(ctx.get_help(), err=True)
            raise typer.Exit(2)
        return super().parse_args(ctx, args)


def accept_unreadable(app: typer.Typer) -> None:
    """Leave files without permission to what reads them: they are no wrong command line."""
    for group in app.registered_groups:
        if group.typer_instance is not None:
            accept_unreadable(group.typer_instance)
    for command in app.registered_commands:
        for parameter in inspect.signature(command.callback or print).parameters.values():
            for info in getattr(parameter.annotation, "__metadata__", ()):
                if isinstance(info, ParameterInfo):
                    info.readable = False


def _check_repetition(order: "Iterable[Any]") -> None:
    for parameter, count in Counter(order).items():
        if count > 1 and parameter.param_type_name == "option" and not _repeatable(parameter):
            raise Misuse(f"{_typed_name(parameter)} is given {count} times; give it once")


def _repeatable(parameter: Any) -> bool:  # noqa: ANN401 - typer's
    """Whether an option collects values, or says the same again."""
    return parameter.multiple or (parameter.is_flag and not parameter.secondary_opts)


def _typed_name(parameter: Any) -> str:  # noqa: ANN401 - typer's
    """How people type a parameter."""
    if parameter.param_type_name == "option":
        return max(parameter.opts, key=len)
    return parameter.metavar or parameter.name.upper()


def _as_list(value: object) -> "Sequence[object]":
    return value if isinstance(value, list | tuple) else [value]


def _check_values(name: str, words: "Sequence[object]", values: "Sequence[object]") -> None:
    """words: as they were typed, where the parameter was; values: what was made of them."""
    for value in values:
        if isinstance(value, float) and not math.isfinite(value):
            raise Misuse(f"{name} is {value}; give a finite number")
    if "-" in words and any(isinstance(value, Path | FileOrDefault) for value in values):
        raise Misuse(
            f"{name} is '-', but standard input and output are no files here; give the name of a "
            "file, and ./- for one of this name"
        )
