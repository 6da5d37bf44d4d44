"""The commands as people type them: results in files and on stdout, words on stderr."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

import speechvq
from speechvq.codes import read_codes
from tests.conftest import contents
from tests.test_public_names import modules_after


def record(path, speech, rate=16000, channels=1):
    """The same samples as a recording of another rate, faster or slower, alike in all channels."""
    wave = np.tile(speech, -(-rate // len(speech)))[: int(1.25 * rate) + 7]
    soundfile.write(path, np.repeat(wave[:, None], channels, 1), rate)
    return path


def wave_of(path):
    return soundfile.read(path, dtype="float32")[0]


@pytest.fixture
def encoded(run, clip, model, tmp_path):
    """The clip's code file, all codebooks."""
    path = tmp_path / "clip.codes"
    assert run("encode", clip, path, "-m", model).code == 0
    return path


def test_the_default_model_from_end_to_end(run, clip, tmp_path):
    codes, back, other = tmp_path / "a.codes", tmp_path / "back.wav", tmp_path / "other.flac"
    assert run("encode", clip, codes).code == 0
    assert run("decode", codes, back).code == 0
    assert run("convert", clip, other, "--speaker", "bdl").code == 0
    for path in (back, other):
        assert (soundfile.info(path).samplerate, soundfile.info(path).frames) == (16000, 64800)
    assert np.abs(wave_of(back) - wave_of(other)).max() > 0.01
    assert codes.stat().st_size < 64 + read_codes(codes).bits_per_second * 4.1 / 8


def test_a_remark_on_stderr_and_nothing_on_stdout(run, clip, model, tmp_path):
    path, back = tmp_path / "a.codes", tmp_path / "a.wav"
    result = run("encode", clip, path, "-m", model)
    assert (result.code, result.out) == (0, "")
    size = path.stat().st_size
    assert (
        result.err
        == f"{path}: {size} bytes for 4.05 s, {8 * size / 4050:.2f} kbit/s, 4 of 4 codebooks\n"
    )
    result = run("decode", path, back, "-m", model)
    assert (result.code, result.out) == (0, "")
    assert result.err == f"{back}: 4.05 s at 16000 Hz from 4 codebooks\n"
    result = run("convert", clip, tmp_path / "b.wav", "-s", "slt", "-m", model)
    assert (result.code, result.out) == (0, "")
    assert (
        result.err == f"{tmp_path / 'b.wav'}: 4.05 s in the voice of slt, from 1 of 4 codebooks\n"
    )


def test_quiet_says_nothing(run, speech, model, tmp_path):
    source = record(tmp_path / "a.wav", speech, 44100, 2)
    for words in (
        ["encode", source, tmp_path / "a.codes"],
        ["convert", source, tmp_path / "b.wav", "-s", "slt"],
    ):
        result = run(*words, "--quiet", "-m", model)
        assert (result.code, result.out, result.err) == (0, "", "")
    assert run("decode", tmp_path / "a.codes", tmp_path / "c.wav", "-q", "-m", model).err == ""


def test_names_are_printed_as_they_are(run, clip, model, tmp_path):
    path = tmp_path / "[red]:smile: ÄΩ語.codes"
    assert str(path) in run("encode", clip, path, "-m", model).err


@pytest.mark.parametrize(
    ("rate", "channels"),
    [
        (8000, 1),
        (11025, 1),
        (16000, 1),
        (22050, 2),
        (44100, 2),
        (48000, 6),
        (96000, 1),
        (192000, 8),
    ],
)
def test_rate_and_length_come_back_exactly(run, speech, model, tmp_path, rate, channels):
    source = record(tmp_path / "a.wav", speech, rate, channels)
    said = run("encode", source, tmp_path / "a.codes", "-m", model)
    assert said.code == 0
    assert (f"{source}: {channels} channels are mixed down to one\n" in said.err) == (channels > 1)
    assert (f"{source}: resampled from {rate} to 16000 Hz\n" in said.err) == (rate != 16000)
    assert run("decode", tmp_path / "a.codes", tmp_path / "decoded.wav", "-m", model).code == 0
    assert run("convert", source, tmp_path / "converted.wav", "-s", "bdl", "-m", model).code == 0
    for name in ("decoded.wav", "converted.wav"):
        facts = soundfile.info(tmp_path / name)
        assert (facts.samplerate, facts.frames, facts.channels) == (
            rate,
            soundfile.info(source).frames,
            1,
        )


@pytest.mark.parametrize(
    ("name", "kind", "subtype"),
    [
        ("a.wav", "WAV", "PCM_16"),
        ("a.flac", "FLAC", "PCM_16"),
        ("a.ogg", "OGG", "VORBIS"),
        ("a.opus", "OGG", "OPUS"),
        ("a.mp3", "MP3", "MPEG_LAYER_III"),
        ("a.aiff", "AIFF", "PCM_16"),
    ],
)
def test_the_suffix_says_the_format(run, encoded, model, tmp_path, name, kind, subtype):
    assert run("decode", encoded, tmp_path / name, "-m", model).code == 0
    facts = soundfile.info(tmp_path / name)
    assert (facts.format, facts.subtype, facts.samplerate, facts.frames) == (
        kind,
        subtype,
        16000,
        64800,
    )
    assert run("encode", tmp_path / name, tmp_path / "again.codes", "-m", model).code == 0


@pytest.mark.parametrize("codebooks", [1, 2, 3, 4])
def test_fewer_codebooks_are_a_prefix(run, clip, model, encoded, tmp_path, codebooks):
    few, first, second = tmp_path / "few.codes", tmp_path / "first.wav", tmp_path / "second.wav"
    assert run("encode", clip, few, "--codebooks", codebooks, "-m", model).code == 0
    assert read_codes(few) == read_codes(encoded).prefix(codebooks)
    assert run("decode", few, first, "-m", model).code == 0
    assert run("decode", encoded, second, "--codebooks", codebooks, "-m", model).code == 0
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize(
    ("kbps", "codebooks"),
    [(0.1, 1), (0.199, 1), (0.2, 2), (0.349, 2), (0.35, 3), (0.5, 4), (64, 4)],
)
def test_as_many_codebooks_as_fit_into_a_bit_rate(
    run, clip, model, encoded, tmp_path, kbps, codebooks
):
    few = tmp_path / "few.codes"
    assert run("encode", clip, few, "--kbps", kbps, "-m", model).code == 0
    assert len(read_codes(few).shapes) == codebooks
    result = run("decode", encoded, tmp_path / "a.wav", "--kbps", kbps, "-m", model)
    assert f"from {codebooks} codebook" in result.err


def test_decoding_asks_for_no_more_codebooks_than_there_are(run, clip, model, tmp_path):
    assert run("encode", clip, tmp_path / "a.codes", "-n", 1, "-m", model).code == 0
    assert (
        "from 1 codebook\n"
        in run("decode", tmp_path / "a.codes", tmp_path / "a.wav", "-n", 3, "-m", model).err
    )


def test_another_voice_changes_the_wave(run, encoded, model, tmp_path):
    for name, words in {"own": [], "bdl": ["-s", "bdl"], "slt": ["--speaker", "slt"]}.items():
        assert run("decode", encoded, tmp_path / f"{name}.wav", *words, "-m", model).code == 0
    own, bdl, slt = (wave_of(tmp_path / f"{name}.wav") for name in ("own", "bdl", "slt"))
    for first, second in ((own, bdl), (own, slt), (bdl, slt)):
        assert np.abs(first - second).max() > 2**-10


def test_convert_is_the_content_codebook_in_another_voice(run, clip, encoded, model, tmp_path):
    for words, codebooks in (([], 1), (["--codebooks", 3], 3)):
        assert (
            run("convert", clip, tmp_path / "a.wav", "-s", "slt", *words, "-f", "-m", model).code
            == 0
        )
        assert (
            run(
                "decode",
                encoded,
                tmp_path / "b.wav",
                "-s",
                "slt",
                "-n",
                codebooks,
                "-f",
                "-m",
                model,
            ).code
            == 0
        )
        assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_the_same_recording_gives_the_same_file(run, clip, encoded, model, tmp_path):
    assert run("encode", clip, tmp_path / "again.codes", "-m", model).code == 0
    assert (tmp_path / "again.codes").read_bytes() == encoded.read_bytes()


def test_force_overwrites_and_leaves_one_file(run, clip, encoded, model, tmp_path):
    before = encoded.read_bytes()
    assert run("encode", clip, encoded, "--codebooks", 1, "--force", "-m", model).code == 0
    assert encoded.read_bytes() != before
    assert run("encode", clip, encoded, "-f", "-m", model).code == 0
    assert contents(tmp_path) == {encoded: before}


def test_speakers_are_a_table(run, model):
    result = run("speakers", "-m", model)
    assert (result.code, result.err) == (0, "")
    rows = [line.split("\t") for line in result.out.splitlines()]
    assert rows == [
        ["name", "sex", "language", "corpus", "seconds"],
        ["bdl", "m", "en", "arctic", "20"],
        ["slt", "f", "en", "arctic", "10"],
    ]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["--sex", "f"], ["slt"]),
        (["--sex", "m"], ["bdl"]),
        (["--language", "en"], ["bdl", "slt"]),
        (["--sex", "m", "--language", "en"], ["bdl"]),
    ],
)
def test_speakers_can_be_chosen(run, model, words, names):
    rows = run("speakers", *words, "-m", model).out.splitlines()
    assert [row.split("\t")[0] for row in rows] == ["name", *names]


def test_every_speaker_listed_can_be_used(run, codec):
    names = [line.split("\t")[0] for line in run("speakers").out.splitlines()[1:]]
    assert names == [voice.name for voice in codec.voices]
    assert len(set(names)) == len(names) > 1


def test_info_says_what_is_in_the_file(run, encoded):
    codes, size = read_codes(encoded), encoded.stat().st_size
    result = run("info", encoded)
    assert (result.code, result.err) == (0, "")
    facts = dict(line.split(": ", 1) for line in result.out.splitlines())
    assert facts["model"] == f"tiny@{codes.model.digest.hex()}"
    assert facts["recording"] == "64800 samples at 16000 Hz, 4.050 s"
    assert facts["size"] == f"{size} bytes, {8 * size / 4050:.3f} kbit/s"
    assert facts["coding"] == "fixed width"
    over = int(facts["overhead"].split()[0])
    assert (
        facts["codes"] == f"{8 * (size - over) / 4050:.3f} kbit/s" == "0.504 kbit/s"
    )  # whole frames
    assert facts["codebook 0"] == "102 codes, 25 per second, 16 codewords, 100 bit/s"
    assert facts["codebook 3"] == "204 codes, 50 per second, 8 codewords, 150 bit/s"
    assert len(facts) == 6 + 4


def test_version_and_help(run):
    assert run("--version").out == f"speechvq {speechvq.__version__}\n"
    for words in (
        ["--help"],
        *([name, "--help"] for name in ("encode", "decode", "convert", "speakers", "info")),
    ):
        result = run(*words)
        assert result.code == 0
        assert result.out.startswith("Usage: ")


def test_a_full_disk_behind_stdout(run, encoded, monkeypatch):
    class Full(io.StringIO):
        def write(self, text):
            del text
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(sys, "stdout", Full())
    result = run("info", encoded)
    assert (result.code, result.err) == (
        1,
        "speechvq: standard output cannot be written: No space left on device\n",
    )


def test_info_describes_the_default_model(run, codec):
    result = run("info")
    assert result.code == 0
    assert f"model: {codec.model}" in result.out
    assert f"latency: {1000 * codec.network.latency / 16000:g} ms" in result.out
    assert len([line for line in result.out.splitlines() if line.startswith("codebook ")]) == len(
        codec.shapes
    )


def test_speakers_nobody_is_like_are_an_error(run):
    result = run("speakers", "--sex", "x")
    assert result.code == 1
    assert "no such voices" in result.err


def test_codes_do_not_go_into_a_file_named_like_audio(run, clip, tmp_path):
    result = run("encode", str(clip), str(tmp_path / "out.wav"))
    assert result.code == 1
    assert "end the name in .codes" in result.err
    assert not list(tmp_path.iterdir())


def test_latency_of_the_default_model_is_within_400_ms(codec):
    assert codec.network.latency <= 0.4 * 16_000


def modules_of(*words):
    """The modules of the package that a command imports."""
    script = (
        f"import sys; sys.argv = ['speechvq', *{[str(word) for word in words]!r}]\n"
        "from speechvq.cli import main\ntry: main()\nexcept SystemExit: pass"
    )
    names = modules_after(script)
    return {name.removeprefix("speechvq.") for name in names if name.startswith("speechvq.")}


def test_plain_commands_import_nothing_of_the_prior(clip, model, tmp_path):
    encoded = modules_of("encode", clip, tmp_path / "a.codes", "-m", model)
    decoded = modules_of("decode", tmp_path / "a.codes", tmp_path / "a.wav", "-m", model)
    converted = modules_of("convert", clip, tmp_path / "b.wav", "-s", "slt", "-m", model)
    for names in (encoded, decoded, converted):
        assert "codec.session" in names
        parts = {name.split(".")[0] for name in names}
        assert not parts & {"prior", "train", "units", "data", "losses"}


def test_a_code_file_is_read_once_to_decode_it(run, monkeypatch, encoded, model, tmp_path):
    opened, opens = [], Path.open

    def counted(self, *words, **options):
        opened.append(self.name)
        return opens(self, *words, **options)

    monkeypatch.setattr(Path, "open", counted)
    assert run("decode", encoded, tmp_path / "a.wav", "-m", model).code == 0
    assert opened.count(encoded.name) == 1


def test_the_strength_of_a_conversion_is_an_option(run, clip, tiny, model, tmp_path, speech):
    path = tmp_path / "a.wav"
    for words, strength in (([], 0.5), (["--strength", 0], 0.0)):
        assert run("convert", clip, path, "-s", "slt", *words, "-f", "-m", model).code == 0
        expected = tiny.convert(speech, "slt", strength=strength)
        assert np.abs(wave_of(path) - expected.clip(-1, 1)).max() < 2e-4
