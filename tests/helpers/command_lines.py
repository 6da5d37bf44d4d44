"""Does the command line understand these words? For commands that are shown and cannot be run.

Run as a program, with a JSON list of command lines on standard input: prints a JSON list of what is
wrong with each, or null. This happens in a process of its own, because libraries that a recipe
needs and that are not installed are replaced by empty ones.
"""

import importlib
import json
import shlex
import sys
from contextlib import redirect_stdout
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from unittest.mock import MagicMock

import typer

from speechvq.cli.commands import app

OPTIONAL = {
    "ai_edge_litert",
    "jiwer",
    "music21",
    "pesq",
    "pocketsphinx",
    "pystoi",
    "resemblyzer",
    "snac",
    "transformers",
}
"""Libraries of the extras `eval` and `bench`, and those that a recipe's README asks for."""


class Empty(MetaPathFinder, Loader):
    """Finds optional libraries that are not installed, and loads empty modules for them."""

    def find_spec(self, fullname, path=None, target=None):
        del path, target
        if fullname.split(".")[0] in OPTIONAL:
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec):
        module = MagicMock(name=spec.name)
        module.__spec__ = spec
        module.__path__ = []
        return module

    def exec_module(self, module):
        del module


def command_of(words):
    """The command, its name and the words after it."""
    if words[:2] == ["python", "-m"] and words[2].startswith("recipes."):
        recipe = typer.Typer(add_completion=False)
        recipe.command()(importlib.import_module(words[2]).main)
        return typer.main.get_command(recipe), words[2], words[3:]
    command, name, rest = typer.main.get_command(app), words[0], words[1:]
    while hasattr(command, "commands"):
        if not rest or rest[0] not in command.commands:
            message = f"{name} has no command {rest[:1]}"
            raise ValueError(message)
        command, name, rest = command.commands[rest[0]], f"{name} {rest[0]}", rest[1:]
    return command, name, rest


def wrong_with(line):
    """What parsing says of a line; None if it says nothing. The command itself does not run."""
    try:
        command, name, words = command_of(shlex.split(line))
        command.callback = lambda **_: None
        command.main(list(words), prog_name=name, standalone_mode=False)
    except Exception as error:  # noqa: BLE001 - whatever it is, the page is wrong
        return f"{type(error).__name__}: {error}"
    return None


if __name__ == "__main__":
    sys.meta_path.append(Empty())
    with redirect_stdout(sys.stderr):  # `--help` prints
        answers = [wrong_with(line) for line in json.load(sys.stdin)]
    json.dump(answers, sys.stdout)
