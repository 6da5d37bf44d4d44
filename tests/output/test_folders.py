"""Folders that appear whole, and that one run at a time writes into."""

import shutil
import stat
import subprocess
import sys

import pytest

from speechvq.errors import OutputError
from speechvq.output import claimed_folder, make_folder, new_folder
from tests.conftest import contents
from tests.output.helpers import hidden, names


def fill(path, data=b"new", *, force=False):
    with new_folder(path, force=force) as new:
        for name in ("a", "in/b"):
            (new / name).parent.mkdir(exist_ok=True)
            (new / name).write_bytes(data)


def test_a_folder_appears_with_all_its_files(tmp_path):
    out = tmp_path / "out"
    with new_folder(out, force=False) as new:
        (new / "a").write_bytes(b"new")
        assert not out.exists()
    assert contents(tmp_path) == {out: None, out / "a": b"new"}


def test_existing_files_are_replaced_only_with_force(tmp_path):
    out = tmp_path / "out"
    fill(out, b"old")
    (out / "mine").write_bytes(b"mine")
    (out / "a").chmod(0o600)
    with pytest.raises(OutputError, match="exists already; use --force"):
        fill(out)
    assert set(contents(out).values()) == {b"old", b"mine", None}
    fill(out, force=True)
    expected = {"a": b"new", "in": None, "in/b": b"new", "mine": b"mine"}
    assert contents(out) == {out / name: data for name, data in expected.items()}
    assert stat.S_IMODE((out / "a").stat().st_mode) == 0o600
    assert not hidden(tmp_path)


def test_after_an_error_all_is_as_before(tmp_path):
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "out", force=False):
        raise KeyboardInterrupt
    with pytest.raises(OutputError, match="disk is full"), new_folder(tmp_path / "o", force=False):
        raise OSError(28, "No space left on device")
    assert not names(tmp_path)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "out").write_bytes(b"mine")
    with pytest.raises(OutputError, match="is a file; give a folder"):
        fill(tmp_path / "out", force=True)
    with pytest.raises(OutputError, match="is a file; give a folder"):
        make_folder(tmp_path / "out")
    assert contents(tmp_path) == {tmp_path / "out": b"mine"}


def test_one_run_at_a_time(tmp_path):
    folder = tmp_path / "run"
    again = claimed_folder(tmp_path / "run")
    with claimed_folder(folder), pytest.raises(OutputError, match="another run is writing into"):
        again.__enter__()
    with claimed_folder(folder):
        pass


def test_a_run_that_is_killed_lets_go_and_leaves_nothing(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from speechvq.output import *\n"
        "run = Path(sys.argv[1])\n"
        "with claimed_folder(run), new_folder(run / 'a', force=True) as new:\n"
        "    (new / 'file').write_bytes(b'half'); print(flush=True); input(); os.kill(0, 0)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(OutputError, match="another run"), claimed_folder(tmp_path):
            pass
        process.kill()
    assert len(hidden(tmp_path)) == 1
    with claimed_folder(tmp_path):
        assert not hidden(tmp_path)


def test_a_removed_folder_is_said(tmp_path):
    (tmp_path / "in").mkdir()
    with (
        pytest.raises(OutputError, match="cannot write"),
        new_folder(tmp_path / "in" / "out", force=False),
    ):
        shutil.rmtree(tmp_path / "in")
