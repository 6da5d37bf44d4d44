"""Whatever is wrong with what goes in: one sentence, exit code 1, and nothing new on disk."""

import json
import os
import struct

import numpy as np
import pytest
import soundfile

from speechvq.codec.file import load
from speechvq.codes import read_codes
from tests.audio.test_reading import noise
from tests.helpers.code_files import forged

SECOND = 16000


def sound(wave, subtype="FLOAT"):
    return lambda path: soundfile.write(path, wave, SECOND, subtype)


def spoilt(place, value):
    wave = noise(SECOND)
    wave[place] = value
    return sound(wave)


def flac_cut_short(path):
    soundfile.write(path, noise(SECOND), SECOND, format="FLAC")
    path.write_bytes(path.read_bytes()[:-5000])


RECORDINGS = {
    "missing": (lambda _: None, "there is no audio file"),
    "a folder": (lambda path: path.mkdir(), "is a folder; give an audio file"),
    "a pipe": (os.mkfifo, "is a device or a pipe; give an audio file"),
    "a dangling link": (lambda path: path.symlink_to("nothing"), "there is no audio file"),
    "empty": (lambda path: path.touch(), "is empty"),
    "text": (
        lambda path: path.write_text("Speech is silver.\n" * 99),
        "is not audio that can be read",
    ),
    "a header alone": (
        lambda path: path.write_bytes(b"RIFF\x24\0\0\0WAVEfmt "),
        "is not audio that can be read",
    ),
    "a code file": (lambda path: path.write_bytes(forged()), "is a code file"),
    "a picture": (
        lambda path: path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(500)),
        "is not audio that can be read",
    ),
    "no samples": (sound(noise(0)), "holds 0 samples"),
    "one sample": (sound(noise(1)), "holds 1 samples"),
    "50 ms": (sound(noise(SECOND // 20)), "holds 800 samples (0.050 s); at least 0.1 s are needed"),
    "silence": (sound(np.zeros(SECOND)), "is silent from beginning to end"),
    "silence in 16 bits": (sound(np.zeros(SECOND), "PCM_16"), "is silent from beginning to end"),
    "no number": (spoilt(8000, np.nan), "not a finite number at 0.500 s"),
    "no number at the end": (spoilt(-1, np.nan), "not a finite number at 1.000 s"),
    "an infinite sample": (spoilt(0, np.inf), "not a finite number at 0.000 s"),
    "a sample beyond all bounds": (
        lambda path: soundfile.write(path, [1e300] * SECOND, SECOND, "DOUBLE"),
        "not a finite number",
    ),
    "a file cut short": (flac_cut_short, "is damaged or cut off"),
    "a rate of a gigahertz": (
        lambda path: soundfile.write(path, noise(SECOND), 10**9),
        "must be from 1000 to 384000, not 1000000000",
    ),
    "a rate of two megahertz": (
        lambda path: soundfile.write(path, noise(2 * 10**5), 2 * 10**6),
        "must be from 1000 to 384000, not 2000000",
    ),
}


@pytest.mark.parametrize("what", RECORDINGS)
@pytest.mark.parametrize("command", ["encode", "convert"])
def test_recordings_that_cannot_be_encoded(refused, model, tmp_path, command, what):
    make, says = RECORDINGS[what]
    make(tmp_path / "a.wav")
    words = {"encode": ["out.codes"], "convert": ["out.wav", "--speaker", "bdl"]}[command]
    line = refused(
        command, tmp_path / "a.wav", tmp_path / words[0], *words[1:], "-q", "-m", model, says=says
    )
    assert str(tmp_path / "a.wav") in line or "sample rate" in line


def test_a_name_that_is_too_long(refused, model, tmp_path):
    long = tmp_path / ("x" * 300 + ".wav")
    refused("encode", long, tmp_path / "a.codes", "-m", model, says="too long")
    refused("decode", long, tmp_path / "a.wav", "-m", model, says="too long")
    refused("info", long, says="too long")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("slty", "the model has no voice 'slty'; did you mean slt?"),
        ("BDL", "the model has no voice 'BDL'; did you mean bdl?"),
        ("", "the model has no voice ''; `speechvq speakers` lists them"),
        ("nobody like that", "`speechvq speakers` lists them"),
    ],
)
def test_voices_that_the_model_does_not_have(run, refused, clip, model, tmp_path, name, says):
    refused("convert", clip, tmp_path / "a.wav", "--speaker", name, "-m", model, says=says)
    assert run("encode", clip, tmp_path / "a.codes", "-m", model).code == 0
    refused(
        "decode",
        tmp_path / "a.codes",
        tmp_path / "a.wav",
        "--speaker",
        name,
        "-m",
        model,
        says=says,
    )


CODE_FILES = {
    "missing": (None, "there is no code file"),
    "empty": (lambda _: b"", "is not a speechvq code file"),
    "text": (lambda _: b"Speech is silver.\n", "is not a speechvq code file"),
    "audio": (
        lambda _: b"RIFF" + bytes(99),
        "is not a speechvq code file; such files are made by `speechvq encode`",
    ),
    "truncated": (lambda data: data[:-1], "is truncated or damaged"),
    "half": (lambda data: data[: len(data) // 2], "is truncated or damaged"),
    "the magic alone": (lambda _: b"SVQ", "is truncated or damaged"),
    "appended to": (lambda data: data + b"\n", "is truncated or damaged"),
    "twice": (lambda data: data + data, "is truncated or damaged"),
    "a flipped bit in the header": (
        lambda data: data[:6] + bytes([data[6] ^ 1]) + data[7:],
        "is truncated or damaged",
    ),
    "a flipped bit in the codes": (
        lambda data: data[:-9] + bytes([data[-9] ^ 128]) + data[-8:],
        "is truncated or damaged",
    ),
    "newer": (
        lambda _: forged(version=2),
        "has format version 2, this speechvq reads up to 1: update speechvq",
    ),
    "endless": (lambda _: forged(samples=2**35 - 1), "is damaged"),
    "of endless codebooks": (lambda _: forged(runs=((2**35 - 1, 8, 4),)), "is damaged"),
    "of one codeword": (lambda _: forged(runs=((1, 8, 1),), payload=b""), "is damaged"),
    "of hop 0": (lambda _: forged(runs=((1, 0, 4),)), "is damaged"),
    "of a gigahertz": (lambda _: forged(source=10**9, samples=1), "is damaged"),
    "that talks to the terminal": (lambda _: forged(name=b"\x1b]0;gotcha\x07"), "is damaged"),
}


@pytest.mark.parametrize("what", CODE_FILES)
def test_code_files_that_cannot_be_read(run, refused, clip, model, tmp_path, what):
    make, says = CODE_FILES[what]
    assert run("encode", clip, tmp_path / "good.codes", "-m", model).code == 0
    path = tmp_path / "bad.codes"
    if make is not None:
        path.write_bytes(make((tmp_path / "good.codes").read_bytes()))
    for words in (["decode", path, tmp_path / "a.wav", "-m", model], ["info", path]):
        assert str(path) in refused(*words, says=says)


def test_a_folder_in_place_of_a_code_file(refused, tmp_path):
    refused("info", tmp_path, says="is a folder, not a code file")


def test_codes_of_another_model(run, refused, clip, model, other_model, tmp_path):
    assert run("encode", clip, tmp_path / "a.codes", "-m", other_model).code == 0
    made, have = load(other_model).model, load(model).model
    line = refused(
        "decode",
        tmp_path / "a.codes",
        tmp_path / "a.wav",
        "-m",
        model,
        says="give the right one with --model",
    )
    assert f"made by model {made}, this is {have}" in line
    assert run("decode", tmp_path / "a.codes", tmp_path / "a.wav", "-m", other_model).code == 0


@pytest.mark.parametrize(
    "changes",
    [
        {
            "rate": 1000,
            "source": 384_000,
            "samples": 2**35 - 1,
            "payload": bytes(69_906),
        },  # a slow model would need 137 GB of samples
        {"rate": 8000, "samples": 640},
        {"runs": ((1, 320, 16),), "samples": 320},
        {"runs": ((1, 640, 8),)},
        {"runs": ((5, 640, 16),), "payload": bytes(3)},
        {"speaker": bytes(15)},
        {"speaker": b""},
    ],
)
def test_forged_codes_that_name_the_right_model(refused, tiny, model, tmp_path, changes):
    good = {
        "name": b"tiny",
        "digest": tiny.model.digest,
        "rate": 16000,
        "samples": 640,
        "runs": ((1, 640, 16),),
    }
    path = tmp_path / "a.codes"
    path.write_bytes(forged(**(good | {"speaker": bytes(16)} | changes)))
    assert read_codes(path).model == tiny.model
    refused(
        "decode", path, tmp_path / "a.wav", "-m", model, says="do not fit the model that they name"
    )


def header(text):
    data = json.dumps({"__metadata__": {"speechvq": text}}).encode()
    return struct.pack("<Q", len(data)) + data


MODELS = {
    "missing": (None, "there is no model file"),
    "empty": (lambda _: b"", "is not a speechvq model"),
    "text": (lambda _: b"Speech is silver.\n" * 9, "is not a speechvq model"),
    "truncated": (lambda data: data[:-1], "is not a speechvq model"),
    "half": (lambda data: data[: len(data) // 2], "is not a speechvq model"),
    "of another program": (lambda _: struct.pack("<Q", 2) + b"{}", "is not a speechvq model"),
    "newer": (lambda _: header('{"format": 2}'), "has model format 2, this speechvq reads 1"),
    "without a network": (
        lambda _: header('{"format": 1}'),
        "is damaged or made by another speechvq",
    ),
    "with a header that is no JSON": (lambda _: header("{"), "is not a speechvq model"),
}


@pytest.mark.parametrize("what", MODELS)
def test_models_that_cannot_be_loaded(refused, clip, model, tmp_path, what):
    make, says = MODELS[what]
    path = tmp_path / "bad.safetensors"
    if make is not None:
        path.write_bytes(make(model.read_bytes()))
    for words in (["encode", clip, tmp_path / "a.codes"], ["speakers"]):
        assert str(path) in refused(*words, "-m", path, says=says)


def test_a_model_that_is_a_folder(refused, tmp_path):
    refused("speakers", "-m", tmp_path, says="is a folder, not a model file")
