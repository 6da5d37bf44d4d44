"""What holds for every command, whichever it is: no command is listed here by hand."""

import shutil
from pathlib import Path

import pytest

from speechvq.cli.command import Command, FileOrDefault
from tests.helpers.all_commands import COMMANDS, line, parameters

EVERY = pytest.mark.parametrize("name", COMMANDS)

HOSTILE = "\x1b[31m\x9b1mred\r\n\u202espeechvq: done\u2028\x7f\x85"


def of_kind(name, *kinds):
    return [each for each in parameters(COMMANDS[name].callback) if set(each.kinds) & set(kinds)]


def valued(name):
    return [each for each in of_kind(name, int, float, str, Path) if each.option]


def one_line(result):
    (said,) = result.err.splitlines()
    assert said.startswith("speechvq: ")
    assert result.out == ""
    return said


def test_there_are_commands_and_all_are_of_one_class():
    assert len(COMMANDS) >= 13
    assert all(each.cls is Command for each in COMMANDS.values())


@EVERY
def test_a_dash_is_no_file(run, monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    files = [each for each in of_kind(name, str) if each.info.parser is FileOrDefault]
    for each in (*of_kind(name, Path), *files):
        result = run(*line(name, "nothing", {each.name: "-"}))
        assert result.code == 2, each
        assert "'-'" in one_line(result)
    assert list(tmp_path.iterdir()) == []


def test_a_file_may_be_called_like_a_dash(run, monkeypatch, clip, model, tmp_path):
    monkeypatch.chdir(tmp_path)
    shutil.copy(clip, tmp_path / "-")
    assert run("encode", "./-", "a.codes", "-m", model).code == 0
    (tmp_path / "-").unlink()
    assert run("encode", clip, "./-", "-m", model).code == 0
    assert (tmp_path / "-").read_bytes() == (tmp_path / "a.codes").read_bytes()
    assert run("info", "./-").code == 0


@EVERY
def test_numbers_are_finite_and_within_bounds(run, name):
    for each in of_kind(name, int, float):
        low, high = each.info.min, each.info.max
        assert low is not None, each
        assert high is not None, each
        for value in ("nan", "inf", "-inf", "1e999", "9" * 5000, low - 1, high + 1, "many"):
            result = run(*line(name, "nothing", {each.name: value}))
            assert result.code == 2, (each, value)
            one_line(result)


@EVERY
def test_no_option_is_given_twice(run, name):
    for each in valued(name):
        value = each.info.min if each.info.min is not None else "x"
        words = line(name, "nothing", {each.name: value})
        result = run(*words, each.option, value)
        if each.several:
            assert "is given" not in result.err
            continue
        assert result.code == 2, each
        assert f"{each.option} is given 2 times" in one_line(result)


@EVERY
def test_files_that_are_not_there_are_refused(run, monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    model = {each.name: "nothing" for each in of_kind(name, Path) if each.name == "model"}
    given = line(name, "nothing", model)
    result = run(*given)
    assert result.code == (1 if "nothing" in given else 0), result
    if result.code:
        one_line(result)
    assert list(tmp_path.iterdir()) == []


@EVERY
def test_nothing_that_a_terminal_obeys_is_printed(run, monkeypatch, tmp_path, name):
    monkeypatch.chdir(tmp_path)
    model = {each.name: "nothing" for each in of_kind(name, Path) if each.name == "model"}
    for each in of_kind(name, Path, str):
        result = run(*line(name, "nothing", {**model, each.name: HOSTILE}))
        assert result.code in (1, 2)
        assert not set(one_line(result)) & set(HOSTILE) - set("[31mredspeechvq: done")


@EVERY
def test_a_file_without_permission_is_no_wrong_command_line(run, monkeypatch, tmp_path, name):
    locked = tmp_path / "locked"
    locked.touch()
    monkeypatch.setattr("os.access", lambda *_, **__: False)
    for each in of_kind(name, Path):
        result = run(*line(name, "nothing", {each.name: locked}))
        assert "readable" not in result.err, each
