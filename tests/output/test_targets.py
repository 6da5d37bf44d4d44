"""Where a result goes: permissions, links, sources, and what the system refuses."""

import errno
import os
import shutil
import stat
import struct
from functools import partial
from pathlib import Path

import pytest

from speechvq.errors import OutputError
from speechvq.output import check_writable, new_file
from speechvq.output.files import ACL
from speechvq.output.targets import REASONS
from tests.conftest import contents
from tests.output.helpers import hidden, names, write


def mode(path):
    return stat.S_IMODE(Path(path).stat().st_mode)


@pytest.mark.parametrize("given", [0o600, 0o640, 0o644, 0o664, 0o755, 0o400])
def test_a_replaced_file_keeps_its_permissions(tmp_path, given):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(given)
    with new_file(path, force=True) as file:
        (unfinished,) = hidden(tmp_path)
        assert mode(unfinished) == 0o600  # from the first byte on
        file.write(b"new")
    assert (mode(path), path.read_bytes()) == (given, b"new")


@pytest.mark.parametrize("mask", [0o022, 0o027, 0o077, 0o002])
def test_a_new_file_obeys_the_umask(tmp_path, mask):
    before = os.umask(mask)
    try:
        write(tmp_path / "a", force=False)
        write(tmp_path / "b", force=True)
    finally:
        os.umask(before)
    assert mode(tmp_path / "a") == mode(tmp_path / "b") == 0o666 & ~mask


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_replaced_file_keeps_its_owner_where_that_is_allowed(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(0o660)
    os.chown(path, 1234, 2345)
    write(path)
    assert (path.stat().st_uid, path.stat().st_gid, mode(path)) == (1234, 2345, 0o660)

    def refuse(*_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "fchown", refuse)
    write(path)
    assert (path.stat().st_gid, mode(path)) == (os.getegid(), 0o600)  # not for another group


def test_a_replaced_file_keeps_its_access_list(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"old")
    nobody = 0xFFFFFFFF  # user 1234 may read, as the owner, the group and the mask
    entries = [(1, 6, nobody), (2, 4, 1234), (4, 4, nobody), (16, 4, nobody), (32, 0, nobody)]
    rights = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    try:
        os.setxattr(path, ACL, rights)
    except (AttributeError, OSError):
        pytest.skip("there are no access lists here")
    write(path)
    assert os.getxattr(path, ACL) == rights


def test_a_hard_link_keeps_the_old_content(tmp_path):
    (tmp_path / "a").write_bytes(b"old")
    os.link(tmp_path / "a", tmp_path / "b")
    write(tmp_path / "a")
    assert contents(tmp_path) == {tmp_path / "a": b"new", tmp_path / "b": b"old"}


def test_a_link_that_dangles_gets_its_file(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder/a")
    check_writable(tmp_path / "link", force=False)
    write(tmp_path / "link", force=False)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "folder" / "a").read_bytes() == b"new"
    with pytest.raises(OutputError, match="exists already"):
        write(tmp_path / "link", force=False)


def test_links_that_lead_nowhere(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    (tmp_path / "c").symlink_to("none/c")
    for name, says in (("a", "symbolic links"), ("c", "does not exist; make it first")):
        for act in (lambda path: check_writable(path, force=True), write):
            with pytest.raises(OutputError, match=says):
                act(tmp_path / name)
    assert names(tmp_path) == ["a", "b", "c"]


@pytest.mark.parametrize("name", ["a\0b", "x" * 256, "語" * 86])
def test_names_that_cannot_be(tmp_path, name):
    for act in (lambda path: check_writable(path, force=True), write):
        with pytest.raises(OutputError, match=r"cannot be"):
            act(tmp_path / name)


@pytest.mark.parametrize("force", [True, False])
def test_a_folder_or_pipe_that_appears_meanwhile(tmp_path, force):
    for make, says in ((os.mkdir, "is a folder"), (os.mkfifo, "is a device or a pipe")):
        path = tmp_path / make.__name__
        with pytest.raises(OutputError, match=says):
            write(path, force=force, meanwhile=partial(make, path))
        assert not path.is_file()
    assert not hidden(tmp_path)


@pytest.mark.parametrize("force", [True, False])
def test_a_folder_that_is_removed_meanwhile(tmp_path, force):
    path = tmp_path / "folder" / "a"
    path.parent.mkdir()
    with pytest.raises(OutputError, match="folder does not exist; make it first"):
        write(path, force=force, meanwhile=lambda: shutil.rmtree(path.parent))
    assert not names(tmp_path)


def test_a_file_that_appears_meanwhile_stays(tmp_path):
    path = tmp_path / "a"
    with pytest.raises(OutputError, match="exists already"):
        write(path, force=False, meanwhile=lambda: path.write_bytes(b"mine"))
    assert contents(tmp_path) == {path: b"mine"}


@pytest.mark.parametrize("code", sorted(REASONS))
@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_every_refusal_is_one_sentence_and_the_old_file_stays(tmp_path, monkeypatch, code, call):
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def refuse(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, call, refuse)
    with pytest.raises(OutputError) as raised:
        write(path)
    assert str(raised.value) == f"cannot write {path}: {os.strerror(code)} ({REASONS[code]})"
    assert contents(tmp_path) == {path: b"old"}


def spellings(path):
    """Other names of a file: links of both kinds, detours, descriptors."""
    folder = path.parent
    (folder / "detour").mkdir()
    (folder / "soft").symlink_to(path)
    os.link(path, folder / "hard")
    (folder / "way").symlink_to(folder, target_is_directory=True)
    return [
        path,
        folder / "detour" / ".." / path.name,
        folder / "way" / path.name,
        folder / "soft",
        folder / "hard",
    ]


def test_a_file_never_takes_the_place_of_its_source(tmp_path, monkeypatch):
    source = tmp_path / "a.flac"
    source.write_bytes(b"precious")
    monkeypatch.chdir(tmp_path)
    given = spellings(source)
    with source.open("rb") as file:
        given += [f"/dev/fd/{file.fileno()}", f"/proc/self/fd/{file.fileno()}", "./a.flac"]
        for name in given:
            for force in (True, False):
                with pytest.raises(OutputError, match=r"the same file as .*; give another name"):
                    check_writable(source, force=force, sources=[tmp_path / "none", name])
                with pytest.raises(OutputError, match=r"the same file as .*; give another name"):
                    check_writable(tmp_path / name, force=force, sources=[source])
    check_writable(tmp_path / "b.flac", force=False, sources=given)
