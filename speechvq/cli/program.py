"""From a command to the end of its process: what goes wrong is one sentence and an exit code."""

import errno
import signal
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import typer
from typer.main import get_command

from speechvq.cli import signals
from speechvq.cli.audio_warnings import audio_warnings
from speechvq.cli.command import Misuse, accept_unreadable
from speechvq.cli.streams import StandardOutputError, give_up_output, say, standard_streams
from speechvq.errors import SpeechVQError
from speechvq.extras import missing

REFUSED = 1
"""The exit code of what cannot be done, for a reason that one sentence gives."""

MISUSED = 2
"""The exit code of a command line that cannot be understood."""

BROKEN_PIPE = 128 + signal.SIGPIPE
"""The exit code where nobody reads the output: what a shell says of programs that SIGPIPE ends."""

INTERRUPTED = 128 + signal.SIGINT

ClickError = typer.BadParameter.__mro__[2]
"""What typer raises for a wrong command line; older releases take it from another package."""

NO_MEMORY = ("not enough memory", "can't allocate memory", "out of memory")
"""What torch says."""


def run(app: typer.Typer, name: str, typed: str | None = None) -> None:
    """Run a command line, and end the process.

    name: of the program, in front of its errors
    typed: how people start it, where that is not the name
    """
    words = sys.argv[1:]
    with standard_streams(), audio_warnings(), signals.handlers() as received:
        try:
            code = _code(app, name, words)
        except SystemExit as end:
            code = end.code
        except Exception as error:  # noqa: BLE001 - the last resort
            code = received.code or _print_error(
                error, name, _command_path(app, typed or name, words)
            )
    sys.exit(code if received.code is None else received.code)


def _code(app: typer.Typer, name: str, words: Sequence[str]) -> int:
    """The exit code of a command line whose results are all written. Raises what is wrong."""
    accept_unreadable(app)
    command = get_command(app)
    try:
        with command.make_context(name, list(words)) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as end:
        return end.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except StandardOutputError as error:
        give_up_output()
        if error.errno == errno.EPIPE:
            return BROKEN_PIPE
        say(f"{name}: {error}")
    except SystemExit as end:
        if not isinstance(end.code, str):
            raise
        say(f"{name}: {end.code}")
    else:
        return 0
    return REFUSED


def _print_error(error: Exception, name: str, path: str) -> int:
    """Print an error, in one sentence if it is no fault of this program. Its exit code."""
    if isinstance(error, Misuse | ClickError):
        text = getattr(error, "format_message", error.__str__)().replace("Value error, ", "")
        say(f"{name}: {' '.join(text.split()).rstrip('.')}; see `{path} --help`")
        return MISUSED
    _print_failure(error, name)
    return REFUSED


def report_import(kind: type[BaseException], error: BaseException, trace: object) -> None:
    """A `sys.excepthook` for what goes wrong before `run`, while a program is imported."""
    del kind, trace
    with standard_streams():
        _print_failure(error, Path(sys.argv[0]).stem)


def _print_failure(error: BaseException, name: str) -> None:
    sentence = _sentence(error)
    if sentence is None:
        traceback.print_exception(error)
        sentence = "this is a fault of the program; please report it with the lines above"
    say(f"{name}: {sentence}")


def _sentence(error: BaseException) -> str | None:
    """What is said of an error, or None for one that nobody has thought of."""
    if isinstance(error, SpeechVQError):
        return str(error)
    if isinstance(error, ImportError):
        return str(missing(error, "this"))
    if isinstance(error, MemoryError) or any(text in str(error).lower() for text in NO_MEMORY):
        return "there is not enough memory for this; close other programs, or give less at once"
    if isinstance(error, RecursionError):
        return "the input is nested too deeply; give a simpler one"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}"
    return None


def _command_path(app: typer.Typer, typed: str, words: Sequence[str]) -> str:
    """The program and the command that words begin with."""
    command, path = get_command(app), [typed]
    for word in words:
        command = getattr(command, "commands", {}).get(word)
        if command is None:
            break
        path.append(word)
    return " ".join(path)
