"""Small files are read in one way, and nothing hangs it or fills the memory."""

import os
import subprocess
import sys
import tracemalloc

import pytest

from speechvq.errors import ConfigError
from speechvq.input import read_bytes, read_text

LIMIT = 5 << 20


def read(path, limit=LIMIT, **options):
    return read_bytes(path, ConfigError, limit=limit, what="configuration", **options)


def refusal(path, limit=LIMIT):
    with pytest.raises(ConfigError) as caught:
        read(path, limit)
    return str(caught.value)


@pytest.mark.parametrize("size", [0, 1, 1 << 20, (1 << 20) + 1, LIMIT])
def test_files_are_read_whole(tmp_path, size):
    path, data = tmp_path / "a", os.urandom(size)
    path.write_bytes(data)
    assert read(path) == read(str(path)) == data


def test_only_the_start_of_a_file_of_another_kind_is_read(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"SVQ" + bytes(9))
    assert read(path, magic=b"SVQ") == b"SVQ" + bytes(9)
    assert read(path, magic=b"RIFF") == b"SVQ\0"
    path.write_bytes(b"S")
    assert read(path, magic=b"SVQ") == b"S"


def test_files_that_are_too_large_take_no_memory(tmp_path):
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    tracemalloc.start()
    assert f"at most {LIMIT} bytes" in refusal(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_paths_with_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert refusal("none") == "there is no configuration none; check the path"
    assert "folder" in refusal(tmp_path)
    assert "device" in refusal("/dev/zero")
    assert "Not a directory" in refusal("/dev/null/x")
    assert "File name too long" in refusal("x" * 10**6)
    for path in ("a\0b", "\ud800"):
        assert "no configuration can have the path" in refusal(path)
    for path in (0, None, b"a", 2.5):
        assert "must be a text or a Path" in refusal(path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_permission(tmp_path):
    path = tmp_path / "a"
    path.touch(mode=0)
    assert "Permission denied" in refusal(path)


def test_named_pipes_and_terminals_do_not_hang(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    assert "named pipe" in refusal(tmp_path / "fifo")
    outer, inner = os.openpty()
    assert "terminal" in refusal(os.ttyname(inner))
    assert "terminal" in refusal(f"/dev/fd/{inner}")
    os.close(outer)
    os.close(inner)


@pytest.mark.parametrize(
    "path", ["/dev/stdin", "/dev/fd/0", "/dev/../dev//fd/0", "/proc/self/fd/0"]
)
@pytest.mark.parametrize("size", [0, 3 << 20, LIMIT, LIMIT + 1])
def test_pipes_are_read_to_their_end(path, size):
    code = (
        "from speechvq.input import read_bytes\nfrom speechvq.errors import ConfigError\n"
        f"print(len(read_bytes({path!r}, ConfigError, limit={LIMIT})))"
    )
    process = subprocess.run(
        [sys.executable, "-c", code],
        input=bytes(size),
        capture_output=True,
        timeout=60,
        check=False,
    )
    if size <= LIMIT:
        assert int(process.stdout) == size
    else:
        assert f"at most {LIMIT} bytes".encode() in process.stderr


def test_a_pipe_that_is_not_standard_input():
    reader, writer = os.pipe()
    os.write(writer, b"text")
    os.close(writer)
    assert read(f"/dev/fd/{reader}") == b"text"
    os.close(reader)


def test_texts(tmp_path):
    path = tmp_path / "a"
    path.write_bytes("\ufeffä\r\nb\rc\n".encode())
    assert read_text(path, ConfigError, limit=LIMIT) == "ä\nb\nc\n"
    path.write_bytes(b"good \xff")
    with pytest.raises(ConfigError, match=r"UTF-8 \(byte 5 is not\); save it as one"):
        read_text(path, ConfigError, limit=LIMIT)
