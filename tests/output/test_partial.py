"""Hidden names: nobody else's, and gone after the run that left them."""

import errno
import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from speechvq.errors import OutputError
from speechvq.output import new_file, new_folder, partial
from tests.conftest import contents
from tests.output.helpers import LONG, hidden, names, write, write_many

MANY = """
import sys
from pathlib import Path
from tests.output.helpers import write_many
write_many(Path(sys.argv[1]), int(sys.argv[2]))
"""

KILLED = """
import os, signal, sys
from pathlib import Path
from speechvq.output import new_file, new_folder
kind, path = sys.argv[1], Path(sys.argv[2])
make = new_file if kind == "file" else new_folder
with make(path, force=True) as new:
    if kind == "file":
        new.write(b"half")
        new.flush()
    else:
        (new / "a").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def killed_while_writing(kind, path):
    done = subprocess.run([sys.executable, "-c", KILLED, kind, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL


def test_ten_threads_and_four_processes_write_each_their_own(tmp_path):
    commands = [[sys.executable, "-c", MANY, str(tmp_path), str(number)] for number in range(3)]
    others = [subprocess.Popen(command) for command in commands]
    write_many(tmp_path, 3)
    assert [other.wait(60) for other in others] == [0, 0, 0]
    found = contents(tmp_path)
    assert len(found) == 4 * 10 * 8
    assert all(data == path.name.encode() * 50 for path, data in found.items())


def test_readers_of_a_name_with_ten_writers_never_see_half_a_file(tmp_path):
    path, over = tmp_path / f"{LONG}.codes", threading.Event()
    write(path, b"0" * 70_000)

    def read():
        seen = set()
        while not over.is_set():
            data = path.read_bytes()
            seen.add((len(data), len(set(data))))
        return seen

    def write_some(thread):
        for _ in range(8):
            write(path, str(thread).encode() * 70_000)

    with ThreadPoolExecutor(12) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        list(pool.map(write_some, range(10)))
        over.set()
        assert set.union(*(reader.result() for reader in readers)) == {(70_000, 1)}
    assert list(contents(tmp_path)) == [path]


def test_of_many_writers_without_force_one_succeeds(tmp_path):
    path, begin = tmp_path / "a.codes", threading.Barrier(10)

    def attempt(thread):
        try:
            with new_file(path, force=False) as file:
                file.write(bytes([thread]) * 1000)
                begin.wait()  # all of them have passed every check
        except OutputError as error:
            return str(error)
        return thread

    with ThreadPoolExecutor(10) as pool:
        outcomes = list(pool.map(attempt, range(10)))
    (winner,) = [outcome for outcome in outcomes if isinstance(outcome, int)]
    assert outcomes.count(f"{path} exists already; use --force to overwrite it") == 9
    assert contents(tmp_path) == {path: bytes([winner]) * 1000}


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP])
def test_without_hard_links_one_succeeds_too(tmp_path, monkeypatch, error):
    def refuse(*_):
        raise OSError(error, os.strerror(error))

    monkeypatch.setattr(os, "link", refuse)
    test_of_many_writers_without_force_one_succeeds(tmp_path)


def test_what_lies_under_a_name_beforehand_is_neither_followed_nor_overwritten(
    tmp_path, monkeypatch
):
    (tmp_path / "out").mkdir()
    precious, target = tmp_path / "precious", tmp_path / "out" / "a.codes"
    precious.write_bytes(b"precious")
    given = [target.with_name(f"{number}.partial") for number in range(4)]
    given[0].symlink_to(precious)
    given[1].hardlink_to(precious)
    os.mkfifo(given[2])
    unused = map(str, given)
    monkeypatch.setattr(partial, "unused_name", lambda _: next(unused))
    write(target)
    assert precious.read_bytes() == b"precious"
    assert names(target.parent) == ["0.partial", "1.partial", "2.partial", "a.codes"]


def test_names_are_not_guessable_and_short(tmp_path):
    given = {partial.unused_name(tmp_path / ("語" * 85)) for _ in range(100)}
    assert len(given) == 100
    assert all(len(os.fsencode(Path(name).name)) < 80 for name in given)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path, kind):
    path, other = tmp_path / "a", tmp_path / "b"
    killed_while_writing(kind, path)
    assert len(hidden(tmp_path)) == 1
    write(other)  # of another target: nothing is removed
    assert len(hidden(tmp_path)) == 1
    if kind == "file":
        write(path)
    else:
        with new_folder(path, force=True) as new:
            (new / "a").write_bytes(b"new")
    assert not hidden(tmp_path)
    assert names(tmp_path) == ["a", "b"]


@pytest.mark.parametrize("kind", [new_file, new_folder])
def test_what_a_living_writer_has_begun_stays(tmp_path, kind):
    with kind(tmp_path / "a", force=True):
        begun = hidden(tmp_path)
        with kind(tmp_path / "a", force=True):
            assert set(begun) < set(hidden(tmp_path))
        assert hidden(tmp_path) == begun
    assert not hidden(tmp_path)


def test_a_living_writer_of_another_process_keeps_its_file(tmp_path):
    code = KILLED.replace("os.kill(os.getpid(), signal.SIGKILL)", "print(flush=True); input()")
    command = [sys.executable, "-c", code, "file", str(tmp_path / "a")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        write(tmp_path / "a", b"mine")
        assert len(hidden(tmp_path)) == 1
        process.communicate(b"\n")
    assert contents(tmp_path) == {tmp_path / "a": b"half"}


def test_without_locks_nothing_is_removed(tmp_path, monkeypatch):
    killed_while_writing("file", tmp_path / "a")

    def refuse(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(partial.fcntl, "flock", refuse)
    write(tmp_path / "a")
    assert len(hidden(tmp_path)) == 1


def test_a_file_that_is_taken_for_a_leftover_is_begun_anew(tmp_path, monkeypatch):
    """Another process comes between the creation of a file and its lock."""
    locked, calls = partial.try_lock, []

    def late(descriptor):
        calls.append(descriptor)
        if len(calls) == 1:
            os.unlink(hidden(tmp_path)[0])  # noqa: PTH108
        return locked(descriptor)

    monkeypatch.setattr(partial, "try_lock", late)
    write(tmp_path / "a")
    assert contents(tmp_path) == {tmp_path / "a": b"new"}
    assert len(calls) == 2


def test_an_exit_in_between_leaves_nothing(tmp_path):
    """Where no `finally` sees it, as when a signal comes while a file is being entered."""
    code = f"""
import sys
from pathlib import Path
from speechvq.output import partial
name = partial.unused_name(Path({str(tmp_path / "a")!r}))
partial.create_locked(lambda name: __import__("os").open(name, 66), name)
sys.exit(3)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 3
    assert not hidden(tmp_path)
