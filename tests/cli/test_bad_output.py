"""Outputs and options that cannot be: nothing is overwritten, nothing is left behind."""

import errno
import os
import resource
import stat
from pathlib import Path

import pytest
import soundfile

from tests.conftest import contents


@pytest.fixture
def commands(run, clip, model, tmp_path):
    """Each command that writes, given the name of its output in tmp_path."""
    codes = tmp_path / "clip.codes"
    assert run("encode", clip, codes, "-m", model).code == 0

    def command(verb, source, *options):
        def words(name, *more, model=model):
            return [verb, source, tmp_path / name, *options, "-m", model, "-q", *more]

        return words

    return {
        "encode": command("encode", clip),
        "decode": command("decode", codes),
        "convert": command("convert", clip, "-s", "bdl"),
    }


ALL = pytest.mark.parametrize("command", ["encode", "decode", "convert"])
SUFFIX = {"encode": "codes", "decode": "wav", "convert": "wav"}


@ALL
def test_nothing_is_overwritten_unasked(refused, commands, tmp_path, command):
    (tmp_path / f"a.{SUFFIX[command]}").write_bytes(b"mine")
    refused(
        *commands[command](f"a.{SUFFIX[command]}"),
        says=f"a.{SUFFIX[command]} exists already; use --force to overwrite it",
    )


@ALL
def test_refused_before_any_work(refused, commands, tmp_path, command):
    (tmp_path / f"a.{SUFFIX[command]}").write_bytes(b"mine")
    refused(
        *commands[command](f"a.{SUFFIX[command]}", model=tmp_path / "no model"),
        says=f"a.{SUFFIX[command]} exists already",
    )


@ALL
def test_folders_that_are_missing_or_closed(refused, commands, monkeypatch, tmp_path, command):
    refused(
        *commands[command](f"none/a.{SUFFIX[command]}"), says="none does not exist; make it first"
    )
    refused(
        *commands[command](f"clip.codes/a.{SUFFIX[command]}"),
        says="clip.codes does not exist; make it first",
    )
    monkeypatch.setattr(os, "access", lambda path, _: Path(path) != tmp_path)
    refused(
        *commands[command](f"a.{SUFFIX[command]}"),
        says=f"a.{SUFFIX[command]} cannot be written: permission denied",
    )


@ALL
def test_a_folder_or_pipe_is_no_output(refused, commands, tmp_path, command):
    (tmp_path / f"folder.{SUFFIX[command]}").mkdir()
    refused(
        *commands[command](f"folder.{SUFFIX[command]}", "--force"),
        says=f"folder.{SUFFIX[command]} is a folder; give a file name",
    )
    os.mkfifo(tmp_path / f"pipe.{SUFFIX[command]}")
    refused(
        *commands[command](f"pipe.{SUFFIX[command]}", "--force"),
        says=f"pipe.{SUFFIX[command]} is a device or a pipe",
    )
    assert stat.S_ISFIFO((tmp_path / f"pipe.{SUFFIX[command]}").stat().st_mode)


@pytest.mark.parametrize("command", ["decode", "convert"])
@pytest.mark.parametrize("name", ["a", "a.txt", "a.codes", "a.raw"])
def test_names_that_tell_no_format(refused, commands, command, name):
    refused(
        *commands[command](name),
        says=f"cannot tell an audio format from '{name}'; end the name in .wav, .flac",
    )


@pytest.mark.parametrize("suffix", ["opus", "mp3"])
def test_rates_that_a_format_does_not_have(run, refused, speech, model, tmp_path, suffix):
    soundfile.write(tmp_path / "a.wav", speech, 96000)
    assert run("encode", tmp_path / "a.wav", tmp_path / "a.codes", "-m", model).code == 0
    says = f"a .{suffix} file cannot have 96000 Hz; end the name in .wav"
    refused("decode", tmp_path / "a.codes", tmp_path / f"b.{suffix}", "-m", model, says=says)
    refused(
        "convert", tmp_path / "a.wav", tmp_path / f"b.{suffix}", "-s", "slt", "-m", model, says=says
    )


def after_the_first_chunk(error, monkeypatch):
    """Writing sound or bytes goes wrong in the middle."""
    write, calls = soundfile.SoundFile.write, []

    def write_sound(self, data):
        calls.append(len(data))
        if len(calls) > 1:
            raise error
        write(self, data)

    def fsync(_):
        raise error

    monkeypatch.setattr(soundfile.SoundFile, "write", write_sound)
    monkeypatch.setattr(os, "fsync", fsync)


@ALL
@pytest.mark.parametrize("words", [[], ["--force"]])
def test_a_disk_that_fills_up_leaves_what_was(
    refused, commands, monkeypatch, tmp_path, command, words
):
    if words:
        (tmp_path / f"a.{SUFFIX[command]}").write_bytes(b"mine")
    after_the_first_chunk(OSError(errno.ENOSPC, "No space left on device"), monkeypatch)
    refused(
        *commands[command](f"a.{SUFFIX[command]}", *words),
        says=f"a.{SUFFIX[command]}: No space left on device (the disk is full)",
    )


@ALL
def test_a_limit_of_the_system_leaves_nothing(refused, commands, command):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        refused(*commands[command](f"a.{SUFFIX[command]}"), says="cannot write ")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@ALL
def test_an_interrupt_leaves_nothing(run, commands, monkeypatch, tmp_path, command):
    before = contents(tmp_path)
    after_the_first_chunk(KeyboardInterrupt(), monkeypatch)
    result = run(*commands[command](f"a.{SUFFIX[command]}"))
    assert result.code == 130
    assert "Traceback" not in result.err
    assert contents(tmp_path) == before


@ALL
@pytest.mark.parametrize("codebooks", [5, 64])
def test_more_codebooks_than_the_model_has(refused, commands, command, codebooks):
    refused(
        *commands[command](f"a.{SUFFIX[command]}", "--codebooks", codebooks),
        says=f"codebooks must be from 1 to 4, not {codebooks}",
    )


@pytest.mark.parametrize("command", ["encode", "decode"])
@pytest.mark.parametrize("kbps", ["0.099", "0.001"])
def test_bit_rates_too_low_for_one_codebook(refused, commands, command, kbps):
    refused(
        *commands[command](f"a.{SUFFIX[command]}", "--kbps", kbps),
        says="kbit/s; this model has 0.1, 0.2, 0.35, 0.5",
    )


@pytest.mark.parametrize("command", ["encode", "decode"])
def test_codebooks_or_a_bit_rate_but_not_both(refused, commands, command):
    refused(
        *commands[command](f"a.{SUFFIX[command]}", "--codebooks", 1, "--kbps", 1),
        says="give --codebooks or --kbps, not both",
        code=2,
    )


@ALL
@pytest.mark.parametrize("device", ["nonsense", "cuda:99", ""])
def test_devices_that_are_not_there(refused, commands, command, device):
    refused(
        *commands[command](f"a.{SUFFIX[command]}", "--device", device),
        says=f"cannot compute on the device '{device}'",
    )


USAGE = {
    "an unknown command": ["play"],
    "an unknown option": ["info", "a.codes", "--loud"],
    "no input": ["encode"],
    "no output": ["encode", "a.wav"],
    "three files": ["encode", "a.wav", "b.codes", "c.codes"],
    "no voice": ["convert", "a.wav", "b.wav"],
    "no codebooks": ["encode", "a.wav", "b.codes", "--codebooks", "0"],
    "half a codebook": ["encode", "a.wav", "b.codes", "--codebooks", "1.5"],
    "a rate in words": ["encode", "a.wav", "b.codes", "--kbps", "low"],
}


@pytest.mark.parametrize("what", USAGE)
def test_usage_errors_are_exit_code_2(run, what, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    result = run(*USAGE[what])
    assert result.code == 2
    assert result.out == ""
    (line,) = result.err.splitlines()
    assert line.startswith("speechvq: ")
    assert line.endswith(" --help`")
    assert contents(tmp_path) == {}


def test_no_command_shows_the_help(run):
    result = run()
    assert result.code == 2
    assert "encode" in result.out + result.err


def test_a_model_file_ends_like_one(refused, tmp_path):
    refused("export", tmp_path, tmp_path / "mine.bin", says="end it in .safetensors")
