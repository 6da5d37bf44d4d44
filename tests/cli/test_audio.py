"""What the commands say of recordings that are not whole, and which channel they take."""

import numpy as np
import pytest
import soundfile

from speechvq.codec import codec
from speechvq.codes import read_codes
from tests.audio.test_reading import noise

RATE = 16000


def test_what_is_missing_is_said_once_and_even_quietly(run, model, tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(RATE), RATE)
    data = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "a.wav").write_bytes(data[:20000])
    said = run("encode", tmp_path / "a.wav", tmp_path / "a.codes", "-m", model, "--quiet")
    assert said.code == 0
    assert said.err.count("\n") == 1
    assert "a.wav is cut off: its header declares 1.00 s, and it holds 0.62 s" in said.err
    assert read_codes(tmp_path / "a.codes").samples == (20000 - 44) // 2


def test_channels_that_cancel_are_said_and_not_called_mixed(run, model, tmp_path):
    wave = noise(RATE)
    soundfile.write(tmp_path / "a.wav", np.stack([wave, -wave], 1), RATE)
    soundfile.write(tmp_path / "b.wav", wave, RATE)
    for name in "ab":
        said = run("encode", tmp_path / f"{name}.wav", tmp_path / f"{name}.codes", "-m", model)
        assert said.code == 0
        assert ("only the loudest, channel 1, is used" in said.err) == (name == "a")
        assert "mixed down" not in said.err
    assert read_codes(tmp_path / "a.codes") == read_codes(tmp_path / "b.codes")


@pytest.mark.parametrize("command", ["encode", "convert", "score"])
def test_a_channel_can_be_chosen(run, model, prior_file, tmp_path, command):
    sides = np.stack([noise(RATE), 0 * noise(RATE), noise(RATE + 1)[:-1]], 1)
    soundfile.write(tmp_path / "a.wav", sides, RATE)
    soundfile.write(tmp_path / "b.wav", sides[:, 2], RATE)
    results = []
    for name, more in (("a", ("--channel", 3)), ("b", ())):
        source, target = tmp_path / f"{name}.wav", tmp_path / f"{name}.out.wav"
        words = {
            "encode": (source, target.with_suffix(".codes"), "-m", model),
            "convert": (source, target, "-s", "bdl", "-m", model),
            "score": (source, "-m", model, "--prior", prior_file),
        }[command]
        said = run(command, *words, *more)
        assert (said.code, "warning" in said.err) == (0, False), said.err
        results.append(
            said.out.replace(str(source), "") if command == "score" else (words[1].read_bytes())
        )
    assert results[0] == results[1]
    said = run(
        command,
        *(tmp_path / "a.wav" if w == tmp_path / "b.wav" else w for w in words),
        "--channel",
        4,
        *(() if command == "score" else ("-f",)),
    )
    assert said.code == 1
    assert "has 3 channels, so that there is no channel 4" in said.err


def test_decoding_that_clips_says_so(run, model, clip, tmp_path, monkeypatch):
    encoded = tmp_path / "a.codes"
    assert run("encode", clip, encoded, "-m", model).code == 0
    real = codec.decoded
    monkeypatch.setattr(codec, "decoded", lambda *a: (1e3 * part for part in real(*a)))
    said = run("decode", encoded, tmp_path / "a.wav", "-m", model, "-q")
    assert said.code == 0
    assert "samples are beyond full scale and were clipped" in said.err
