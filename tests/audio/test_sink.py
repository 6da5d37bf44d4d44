"""Sound files on disks that are full: the reason is told, and nothing stays."""

import resource
import subprocess
from contextlib import contextmanager

import numpy as np
import pytest

from speechvq.audio.writing import FORMATS, write_mono
from speechvq.errors import OutputError
from tests.conftest import contents

NOISE = np.random.default_rng(0).uniform(-0.5, 0.5, 48_000).astype(np.float32)


def write(path, *, force=False):
    pieces = np.split(NOISE, 6)
    write_mono(path, pieces, 16_000, rate=16_000, samples=NOISE.size, force=force)


@contextmanager
def limited(size):
    """Files may have at most this many bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_file_that_becomes_too_large_says_so_wherever_it_ends(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    write(path)
    size = path.stat().st_size
    path.write_bytes(b"earlier")
    for limit in (0, 10, 1000, size // 2, size - 4096, size - 512, size - 1):
        with pytest.raises(OutputError, match="File too large") as raised, limited(limit):
            write(path, force=True)
        assert str(raised.value).startswith(f"cannot write {path}: ")
        assert contents(tmp_path) == {path: b"earlier"}


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 32 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=32k", "none", disk]
    try:
        subprocess.run(options, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff"])
def test_a_full_disk_is_called_full(small_disk, suffix):
    path = small_disk / f"a.{suffix}"
    path.write_bytes(b"earlier")
    with pytest.raises(OutputError, match=r"No space left on device \(the disk is full\)"):
        write(path, force=True)
    assert contents(small_disk) == {path: b"earlier"}
