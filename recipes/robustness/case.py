"""What a fuzzing campaign is made of: damaged files, and kinds of files with their readers."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Protocol

from speechvq.errors import SpeechVQError


class WrongResultError(Exception):
    """A reader accepted a file, and what it gave is not what the file says."""


@dataclass(frozen=True)
class Case:
    """A file to be read.

    name: of the file
    data: its bytes
    how: the way in which it was made, in a word
    expected: its content, where that is known
    """

    name: str
    data: bytes
    how: str
    expected: Any = None

    def written(self, folder: Path) -> Path:
        """The file in a folder."""
        path = folder / self.name
        path.write_bytes(self.data)
        return path


class Kind(Protocol):
    """A kind of files."""

    def make(self, random: Random) -> Case:
        """A damaged file. It follows from the state of the generator alone."""
        ...

    def check(self, case: Case, folder: Path) -> None:
        """Read the file with the library and check the result.

        Raises what the library raises; WrongResultError for a result that is not what the file
        says.
        """
        ...


def generator(*names: object) -> Random:
    """A generator seeded by names and numbers, the same on all machines and in all processes."""
    return Random("/".join(map(str, names)))  # noqa: S311 - nothing here is a secret


def require(condition: bool, sentence: str) -> None:  # noqa: FBT001
    """Raise WrongResultError unless the condition holds."""
    if not condition:
        raise WrongResultError(sentence)


@contextmanager
def use(name: str) -> Iterator[None]:
    """Put the name of the file before messages about what was read from it.

    What is done with a result no longer knows from which file it came.
    """
    try:
        yield
    except SpeechVQError as error:
        raise type(error)(f"{name}: {error}") from error
