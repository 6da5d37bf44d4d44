"""Pipes and open files in place of inputs and outputs: read to the end, or refused at once."""

import os
from pathlib import Path

import pytest

from speechvq.errors import OutputError
from speechvq.output import check_writable
from tests.helpers.paths import CLIPS

GOLDEN = CLIPS / "golden-tables.codes"


def test_info_takes_its_sizes_from_what_it_reads(run):
    ours, theirs = os.pipe()
    os.write(theirs, GOLDEN.read_bytes())
    os.close(theirs)
    try:
        piped = run("info", f"/dev/fd/{ours}")
    finally:
        os.close(ours)
    assert piped == run("info", GOLDEN)
    assert piped.code == 0


def test_open_files_are_no_outputs(tmp_path):
    (tmp_path / "log").write_text("kept")
    with (tmp_path / "log").open("a") as file:
        (tmp_path / "link").symlink_to(f"/dev/fd/{file.fileno()}")
        for path in (tmp_path / "link", Path(f"/dev/fd/{file.fileno()}")):
            with pytest.raises(OutputError, match="is an open file, such as standard output"):
                check_writable(path, force=True)
    assert (tmp_path / "log").read_text() == "kept"


def test_score_checks_all_inputs_before_it_prints(run, clip, tmp_path):
    (tmp_path / "bad.codes").write_text("no codes")
    result = run("score", clip, tmp_path / "bad.codes")
    assert (result.code, result.out) == (1, "")
    assert "is not a speechvq code file" in result.err


@pytest.mark.parametrize("option", ["--accelerator", "--precision"])
def test_choices_of_training_are_ours(run, manifest, tmp_path, option):
    config = CLIPS.parents[1] / "recipes" / "default" / "base1.toml"
    words = ("--manifest", manifest, "--folder", tmp_path / "run")
    result = run("train", config, *words, option, "foo")
    assert result.code == 1
    assert f"{option} 'foo' is unknown; give " in result.err
    assert len(result.err.splitlines()) == 1
