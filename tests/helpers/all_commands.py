"""Every command of `speechvq`, with its parameters: a new command is in it by itself."""

from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from typer.models import OptionInfo

from speechvq.cli.commands import app


@dataclass(frozen=True)
class Parameter:
    """kinds: the types of its value; info: what typer is told; several: it collects values."""

    name: str
    kinds: tuple[type, ...]
    info: Any
    required: bool
    several: bool

    @property
    def option(self) -> str | None:
        if not isinstance(self.info, OptionInfo):
            return None
        declared = [each for each in self.info.param_decls or () if each.startswith("--")]
        return (declared or [f"--{self.name.replace('_', '-')}"])[0]


def kinds_of(hint):
    if get_origin(hint) in (Union, UnionType, list):
        return tuple(kind for part in get_args(hint) for kind in kinds_of(part))
    return (hint,) if isinstance(hint, type) and hint is not type(None) else ()


def parameters(function):
    """The parameters of a command's function."""
    found = []
    count = function.__code__.co_argcount
    names = function.__code__.co_varnames[:count]
    defaults = dict(zip(reversed(names), reversed(function.__defaults__ or ()), strict=False))
    for name, hint in get_type_hints(function, include_extras=True).items():
        if get_origin(hint) is Annotated:
            kind, info = get_args(hint)[:2]
            several = any(get_origin(part) is list for part in (kind, *get_args(kind)))
            found.append(Parameter(name, kinds_of(kind), info, name not in defaults, several))
    return found


def registered(typer_app, path=()):
    for each in typer_app.registered_commands:
        yield (*path, each.name or each.callback.__name__), each
    for group in typer_app.registered_groups:
        yield from registered(group.typer_instance, (*path, group.name))


COMMANDS = {" ".join(path): each for path, each in registered(app)}


def line(name, filler, values=()):
    """A line with `filler` for what must be given, and values for some parameters."""
    values, words = dict(values), []
    for each in parameters(COMMANDS[name].callback):
        if each.required or each.name in values:
            value = values.get(each.name, filler)
            words += [value] if each.option is None else [each.option, value]
    return [*name.split(), *words]
