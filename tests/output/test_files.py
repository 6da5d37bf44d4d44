"""Files appear whole or not at all, and only where one was asked for."""

import errno
import os
import signal
import stat
import subprocess
import sys

import pytest

from speechvq.errors import OutputError
from speechvq.output import check_writable, new_file
from tests.conftest import contents


def write(path, data=b"new"):
    with new_file(path, force=True) as file:
        file.write(data)


def write_half(path, error):
    with new_file(path, force=True) as file:
        file.write(b"half")
        raise error


def test_a_new_file_appears_at_the_end(tmp_path):
    path = tmp_path / "a.codes"
    with new_file(path, force=False) as file:
        file.write(b"new")
        assert not path.exists()
        assert len(list(tmp_path.iterdir())) == 1
    assert contents(tmp_path) == {path: b"new"}


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt(), ValueError()]
)
@pytest.mark.parametrize("before", [{}, {"a.codes": b"old"}])
def test_after_an_error_all_is_as_before(tmp_path, error, before):
    for name, data in before.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)):
        write_half(tmp_path / "a.codes", error)
    assert contents(tmp_path) == {tmp_path / name: data for name, data in before.items()}


def test_an_error_of_the_system_is_told(tmp_path):
    with pytest.raises(
        OutputError, match=r"a\.codes: No space left on device \(the disk is full\)"
    ):
        write_half(tmp_path / "a.codes", OSError(errno.ENOSPC, "No space left on device"))


@pytest.mark.parametrize(
    "name", ["a", "x" * 255, "語" * 85, "🦜" * 63, "a." + "x" * 250, ".hidden", "a b.codes", "-"]
)
def test_any_name_that_the_file_system_takes(tmp_path, name):
    check_writable(tmp_path / name, force=False)
    write(tmp_path / name)
    assert contents(tmp_path) == {tmp_path / name: b"new"}


def test_a_name_that_is_too_long(tmp_path):
    with pytest.raises(OutputError, match="too long"):
        check_writable(tmp_path / ("x" * 300), force=False)


def test_a_link_stays_and_its_file_is_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    target, link = tmp_path / "folder" / "target", tmp_path / "link"
    link.symlink_to(target)
    for data in (b"first", b"second"):
        write(link, data)
        assert link.is_symlink()
        assert target.read_bytes() == data


def test_a_pipe_or_device_is_never_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match="is a device or a pipe"):
        check_writable(pipe, force=True)
    with pytest.raises(OutputError, match="is a device or a pipe"):
        write(pipe)
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_refusals_before_any_work(tmp_path, monkeypatch):
    old = tmp_path / "old"
    old.write_bytes(b"old")
    with pytest.raises(OutputError, match="exists already; use --force"):
        check_writable(old, force=False)
    with pytest.raises(OutputError, match="is a folder"):
        check_writable(tmp_path, force=True)
    with pytest.raises(OutputError, match="does not exist; make it first"):
        check_writable(tmp_path / "none" / "a", force=False)
    with pytest.raises(OutputError, match="does not exist; make it first"):
        check_writable(old / "a", force=False)
    check_writable(old, force=True)
    check_writable(tmp_path / "new", force=False)
    monkeypatch.setattr(os, "access", lambda _, mode: mode != os.W_OK)
    with pytest.raises(OutputError, match="permission denied"):
        check_writable(tmp_path / "new", force=False)


def test_a_file_that_is_write_protected_stays(tmp_path, monkeypatch):
    old = tmp_path / "old"
    old.write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda path, _: path != old)
    with pytest.raises(OutputError, match="permission denied"):
        check_writable(old, force=True)


HOLD = """
import time
from pathlib import Path
from speechvq.cli import main
from speechvq.cli.commands import app
from speechvq.output import new_file

@app.command()
def hold(path: Path):
    with new_file(path, force=False) as file:
        file.write(b"half")
        print("ready", flush=True)
        time.sleep(60)

main()
"""


def test_a_terminated_command_leaves_nothing(tmp_path):
    command = [sys.executable, "-c", HOLD, "hold", str(tmp_path / "out.wav")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        assert len(list(tmp_path.iterdir())) == 1
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
