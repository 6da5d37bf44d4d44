"""How the process ends: exit codes, signals, and standard streams that are closed, full or gone."""

import os
import pty
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest

from tests.conftest import contents
from tests.helpers.paths import ROOT

pytestmark = pytest.mark.slow

PROGRAM = [sys.executable, "-m", "speechvq"]

HOLD = """
import sys, time, signal
from pathlib import Path
from speechvq.cli import main
from speechvq.cli.commands import app
from speechvq.output import new_file

class Slow:
    def __del__(self):
        print("ready", flush=True)
        time.sleep(0.5)

@app.command()
def hold(path: Path, lost: bool = False):
    with new_file(path, force=False) as file:
        file.write(b"half")
        try:
            if lost:
                Slow()  # exceptions in a destructor are lost
            else:
                print("ready", flush=True)
            time.sleep(60)
        finally:
            for _ in range(50):  # a second signal would interrupt this
                time.sleep(0.01)
            print("cleaned", flush=True)

main()
"""

HEEDED = """
import signal
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_DFL)  # whoever runs the tests may ignore some
"""


def shell(line, *words, **options):
    """The exit code and standard error of a command line; the program is "$@"."""
    done = subprocess.run(
        ["bash", "-c", line, "bash", *PROGRAM, *map(str, words)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        cwd=ROOT,
        timeout=60,
        **options,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ('"$@" >&-', 1, "standard output cannot be written: it is closed"),
        ('"$@" > /dev/full', 1, "standard output cannot be written: No space left on device"),
        ('"$@" <&- 2>&-', 0, ""),
        ('"$@" 2> /dev/full', 0, ""),
    ],
)
@pytest.mark.parametrize("words", [["speakers"], ["--help"]])
def test_results_that_cannot_be_written(line, code, says, words):
    assert shell(line, *words) == (code, f"speechvq: {says}\n" if says else "")


def test_a_broken_pipe_is_quiet():
    line = 'speech() { "$@"; echo $? >&2; }; speech "$@" | (exec <&-; sleep 5)'
    assert shell(line, "speakers") == (0, "141\n")


@pytest.mark.parametrize("line", ['"$@" >&- 2>&- <&-', '"$@" 2> /dev/full'])
def test_remarks_that_cannot_be_written_change_nothing(run, clip, model, tmp_path, line):
    path = tmp_path / "a.codes"
    assert shell(line, "encode", clip, path, "-m", model) == (0, "")
    whole = path.read_bytes()
    assert run("encode", clip, path, "-m", model, "-f").code == 0
    assert path.read_bytes() == whole
    assert shell(line, "info", tmp_path / "nothing") == (1, "")
    assert shell(line, "encode", clip) == (2, "")


@pytest.mark.parametrize(
    "settings", [{"LC_ALL": "C", "PYTHONIOENCODING": "ascii"}, {"PYTHONUNBUFFERED": "1"}]
)
def test_names_in_any_encoding(settings, tmp_path):
    env = {**os.environ, **settings, "COLUMNS": "1", "TERM": "dumb", "NO_COLOR": "1"}
    code, said = shell('"$@"', "info", tmp_path / "n\u00e4m\u00e9", env=env)
    assert code == 1
    assert "there is no" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_cleans_up_and_says_nothing(tmp_path, name):
    held(tmp_path, getattr(signal, name))


def test_a_signal_in_a_destructor_is_not_lost(tmp_path):
    held(tmp_path, signal.SIGTERM, "--lost")


def held(folder, number, *words):
    process = subprocess.Popen(
        [sys.executable, "-c", HEEDED + HOLD, "hold", str(folder / "out.wav"), *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    with process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        time.sleep(0.1)
        process.send_signal(number)
        process.send_signal(signal.SIGINT)
        said, wrong = process.communicate(timeout=30)
    assert (process.returncode, said, wrong) == (128 + number, b"cleaned\n", b"")
    assert contents(folder) == {}


@pytest.mark.parametrize("imports", [1, 50, 150])
def test_signals_while_it_starts_say_nothing(imports):
    command = [sys.executable, "-X", "importtime", "-m", "speechvq", "units"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        lines = iter(
            process.stderr.readline, ""
        )  # Python's own start ends before the first of ours
        assert any("speechvq.cli.signals" in line for line in lines)
        assert len([next(lines) for _ in range(imports)]) == imports
        process.send_signal(signal.SIGINT)
        rest = [line for line in lines if not line.startswith("import time:")]
    if process.returncode != 2:  # it was faster
        assert (process.returncode, rest) == (130, [])


def test_what_is_ignored_at_the_start_stays_so(tmp_path):
    line = 'trap "" HUP; exec "$@"'
    process = subprocess.Popen(
        ["bash", "-c", line, "bash", sys.executable, "-c", HOLD, "hold", str(tmp_path / "a")],
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    with process:
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGHUP)
        time.sleep(0.3)
        assert process.poll() is None
        process.terminate()
        assert process.wait(30) == 143


def test_what_libraries_print_reaches_no_terminal_raw():
    script = """
import sys, warnings
import speechvq.cli.voices
from speechvq.cli import main
def header(_):
    print("\\x1b[31mout")
    warnings.warn("\\x1b[31mwarned")
    raise ZeroDivisionError("\\x1b[31mfault")
import speechvq.codec.header
speechvq.codec.header.read_model = header
sys.argv = ["speechvq", "speakers"]
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, cwd=ROOT, check=False, text=True
    )
    assert done.returncode == 1
    assert "\x1b" not in done.stdout + done.stderr
    assert "fault of the program" in done.stderr


def test_bars_are_drawn_on_a_terminal(manifest, tmp_path):
    ours, theirs = pty.openpty()
    words = [*PROGRAM, "prepare", manifest.parent, tmp_path / "a.jsonl"]
    with subprocess.Popen(words, stderr=theirs, cwd=ROOT) as process:
        os.close(theirs)
        drawn = b""
        with suppress(OSError):  # which says that nobody has the terminal open any more
            while part := os.read(ours, 10_000):
                drawn += part
    os.close(ours)
    assert process.returncode == 0
    assert b"\x1b[" in drawn
