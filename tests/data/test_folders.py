"""Files below a folder: each once, through links, and what is passed over is named."""

import os
from pathlib import Path

import pytest

from speechvq.data.folders import LeftOut, remarks, tree
from speechvq.errors import ManifestError


def below(folder):
    return tree(folder, {".wav"}, ManifestError, "give another")


def touch(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)


def names(paths, folder):
    return [str(path.relative_to(folder)) for path in paths]


def left_out(found, folder):
    return {str(item.path.relative_to(folder)): (item.reason, item.detail) for item in found}


def test_what_is_looked_for_and_what_is_not(tmp_path):
    touch(tmp_path, "b/x.wav", "a/deep/er/Y.WAV", "top.wav", "a/x.txt", "b/LICENSE")
    (tmp_path / "empty").mkdir()
    found = below(tmp_path)
    assert names(found.files, tmp_path) == ["a/deep/er/Y.WAV", "b/x.wav", "top.wav"]
    assert names(found.others, tmp_path) == ["a/x.txt", "b/LICENSE"]
    assert names(found.folders, tmp_path) == [".", "a", "a/deep", "a/deep/er", "b", "empty"]
    assert found.left_out == ()


@pytest.mark.parametrize(
    "hidden",
    [".trash", ".git", ".Trash-1000", "__MACOSX", "$RECYCLE.BIN", "lost+found", "@eaDir"],
)
def test_hidden_folders_hold_no_recordings(tmp_path, hidden):
    touch(tmp_path, f"{hidden}/x.wav", f"a/{hidden}/x.wav", "a/y.wav")
    found = below(tmp_path)
    assert names(found.files, tmp_path) == ["a/y.wav"]
    assert left_out(found.left_out, tmp_path) == {
        hidden: ("hidden", ""),
        f"a/{hidden}": ("hidden", ""),
    }


def test_hidden_files(tmp_path):
    touch(tmp_path, "a/._x.wav", "a/x.wav", "a/.DS_Store")
    found = below(tmp_path)
    assert names(found.files, tmp_path) == ["a/x.wav"]
    assert left_out(found.left_out, tmp_path) == {"a/._x.wav": ("hidden", "")}


def test_links_to_folders_are_followed_once(tmp_path):
    touch(tmp_path, "corpus/z/x.wav", "elsewhere/y.wav")
    corpus = tmp_path / "corpus"
    (corpus / "a").symlink_to(tmp_path / "elsewhere")
    (corpus / "b").symlink_to(tmp_path / "elsewhere")
    (corpus / "again").symlink_to("z")
    (corpus / "z" / "loop").symlink_to(corpus)
    (corpus / "z" / "self").symlink_to("self")
    found = below(corpus)
    assert names(found.files, corpus) == ["a/y.wav", "z/x.wav"]
    assert left_out(found.left_out, corpus) == {
        "again": ("there twice", f"the same folder as {corpus / 'z'}"),
        "b": ("there twice", f"the same folder as {corpus / 'a'}"),
        "z/loop": ("there twice", f"the same folder as {corpus}"),
        "z/self": ("cannot be read", "Too many levels of symbolic links"),
    }


def test_a_file_is_taken_once(tmp_path):
    touch(tmp_path, "b/x.wav", "c/x.wav")
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "soft.wav").symlink_to(tmp_path / "b" / "x.wav")
    (tmp_path / "d.wav").hardlink_to(tmp_path / "c" / "x.wav")
    (tmp_path / "gone.wav").symlink_to("nothing")
    (tmp_path / "notes.txt").symlink_to("nothing")
    found = below(tmp_path)
    assert names(found.files, tmp_path) == ["b/x.wav", "d.wav"]
    assert left_out(found.left_out, tmp_path) == {
        "a/soft.wav": ("there twice", f"the same file as {tmp_path / 'b/x.wav'}"),
        "c/x.wav": ("there twice", f"the same file as {tmp_path / 'd.wav'}"),
        "gone.wav": ("cannot be read", "No such file or directory"),
    }


def test_a_linked_file_is_as_good_as_any(tmp_path):
    touch(tmp_path, "store/1234", "corpus/a/y.wav")
    (tmp_path / "corpus" / "a" / "x.wav").symlink_to(tmp_path / "store" / "1234")
    assert names(below(tmp_path / "corpus").files, tmp_path / "corpus") == ["a/x.wav", "a/y.wav"]


def test_pipes_and_folders_with_the_name_of_audio(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    touch(tmp_path, "folder.wav/x.wav")
    found = below(tmp_path)
    assert names(found.files, tmp_path) == ["folder.wav/x.wav"]
    assert left_out(found.left_out, tmp_path) == {"pipe.wav": ("neither a file nor a folder", "")}


def test_folders_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    touch(tmp_path, "shut/x.wav", "open/x.wav")
    listed = Path.iterdir

    def closed(path):
        if path.name == "shut":
            raise PermissionError(13, "Permission denied")
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", closed)
    found = below(tmp_path)
    assert names(found.files, tmp_path) == ["open/x.wav"]
    assert left_out(found.left_out, tmp_path) == {"shut": ("cannot be read", "Permission denied")}
    with pytest.raises(ManifestError, match=r"cannot read the folder .*Permission denied"):
        below(tmp_path / "shut")


def test_what_is_no_folder(tmp_path):
    touch(tmp_path, "x.wav")
    for path, words in (
        (tmp_path / "none", "there is no folder .*; give another"),
        (tmp_path / "x.wav", "is not a folder; give another"),
        (tmp_path / "a\0b", "cannot read the folder"),
        (tmp_path / ("n" * 300), "cannot read the folder .*File name too long"),
    ):
        with pytest.raises(ManifestError, match=words):
            below(path)


def test_remarks_count_and_name_the_first(tmp_path):
    items = [LeftOut(tmp_path / f"{n}.wav", "silent") for n in range(5)]
    items.append(LeftOut(tmp_path / "x.m4a", "cannot be read", "convert it"))
    assert remarks(items) == [
        f"left out 5, silent: {tmp_path}/0.wav; {tmp_path}/1.wav; {tmp_path}/2.wav; and 2 more",
        f"left out 1, cannot be read: {tmp_path}/x.m4a (convert it)",
    ]
