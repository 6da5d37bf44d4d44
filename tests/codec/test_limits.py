"""Model files of any content are loaded or refused in a sentence, in little time and memory."""

import json
import struct

import numpy as np
import pytest
import soundfile
import torch

import speechvq
from speechvq.codec.codec import Codec
from speechvq.codec.file import save_model
from speechvq.codec.header import ENTRY
from speechvq.codec.network import Network
from speechvq.codec.voices import Voice
from speechvq.codes import Codes, ModelId
from speechvq.config import override, parse, read, read_toml, to_dict
from speechvq.errors import CodesError, ConfigError, ModelError, SpeakerError, shown
from speechvq.train.codec.config import Experiment
from tests.helpers.networks import tiny_config, tiny_network
from tests.helpers.paths import ROOT
from tests.helpers.weights import file_of, refused_cheaply

VOICE = {"name": "v", "embedding": "112233", "metadata": {"sex": "f"}}


def header(**changes):
    return {"format": 1, "name": "m", "codec": to_dict(tiny_config()), "voices": [VOICE]} | changes


def refusal(path, says=""):
    """What `load` and the commands that need no torch say of a file; quickly and without memory."""
    message = refused_cheaply(lambda: speechvq.load(path), ModelError)
    assert says in message
    assert str(path) in message
    return message


def small(path, **changes):
    """A small file with this header and a single weight."""
    path.write_bytes(file_of({"w": torch.zeros(1)}, ENTRY, header(**changes)))
    return path


def codec(**changes):
    return to_dict(tiny_config()) | changes


STAGE = to_dict(tiny_config().encoder[0])
LEVEL = to_dict(tiny_config().levels[0])


@pytest.mark.parametrize(
    "changes",
    [
        *({"name": name} for name in ("\x1b[2J", "", "x" * 256, 7, None, ["m"])),
        *({"voices": rows} for rows in (None, 5, {}, "v", [5], [[]], [{}], [VOICE, VOICE])),
        *({"voices": [VOICE | {"name": name}]} for name in ("\x1b[2J", "", 7, None, "\u202e")),
        *({"voices": [VOICE | {"embedding": e}]} for e in ("", "11", "x", 7, None, "00" * 33)),
        *({"voices": [VOICE | {"metadata": facts}]} for facts in (5, "ab", [1, 2], None)),
        *({"codec": codec(sample_rate=r)} for r in (0, -5, 10**9, 16000.5, "16000", None, True)),
        *({"codec": codec(hop=hop)} for hop in (0, -1, 10**12, 1.5, "1", None)),
        *({"codec": codec(window=w)} for w in (0, -2, 10**12, 16_382, 65.0)),
        *({"codec": codec(state=n)} for n in (0, -1, 10**12, 12_000)),
        *({"codec": codec(content_codebooks=n)} for n in (0, 5, 1.0, True, None)),
        *({"codec": codec(speaker={"size": n})} for n in (0, 65, 6.0, None)),
        *({"codec": codec(encoder=rows)} for rows in ([], 5, None, [5], [STAGE] * 10_000)),
        *({"codec": codec(encoder=[STAGE | {"stride": n}] * 3)} for n in (0, 10**9, 2.0, True)),
        {"codec": codec(encoder=[STAGE | {"width": 12_000}, STAGE, STAGE])},
        {"codec": codec(encoder=[STAGE | {"width": 10**18}, STAGE, STAGE])},
        {"codec": codec(encoder=[STAGE | {"kernel": 10**9}, STAGE, STAGE])},
        {"codec": codec(encoder=[STAGE | {"expansion": 10**9}, STAGE, STAGE])},
        {"codec": codec(encoder=[STAGE | {"expansion": -1}, STAGE, STAGE])},
        {"codec": codec(encoder=[STAGE | {"lookahead": [0] * 200_000}, STAGE, STAGE])},
        {"codec": codec(encoder=[STAGE | {"lookahead": [10**15]}, STAGE, STAGE])},
        *({"codec": codec(levels=rows)} for rows in ([], None, [5], [LEVEL | {"codebooks": 65}])),
        *({"codec": codec(levels=[LEVEL | {"stage": n}])} for n in (-1, 3, 10**9, 1.0)),
        {"codec": codec(levels=[LEVEL | {"codebooks": 10**9}])},
        {"codec": codec(levels=[LEVEL | {"quantizer": LEVEL["quantizer"] | {"dim": 10**9}}])},
        {"codec": codec(levels=[LEVEL | {"quantizer": {"kind": "vq", "codebook_size": 1}}])},
        {"codec": None},
        {"codec": codec(surprise=1)},
        {"format": [1]},
        {"format": 2},
    ],
    ids=lambda changes: json.dumps(changes)[:60],
)
def test_headers_that_are_refused(tmp_path, changes):
    refusal(small(tmp_path / "m.safetensors", **changes))


TENSOR = {"dtype": "F16", "shape": [2], "data_offsets": [0, 4]}


@pytest.mark.parametrize(
    ("tensors", "size", "says"),
    [
        ({"a": TENSOR | {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]}}, 8, "of type"),
        ({"a": TENSOR | {"dtype": "I8", "shape": [4]}}, 4, "of type 'I8'"),
        ({"a": TENSOR | {"dtype": ["F16"]}}, 4, "of type ['F16']"),
        ({"a": TENSOR, "b": TENSOR}, 4, "overlap, or leave gaps"),
        ({"a": TENSOR, "b": TENSOR | {"data_offsets": [6, 10]}}, 10, "overlap, or leave gaps"),
        ({"a": TENSOR | {"data_offsets": [2, 6]}}, 6, "overlap, or leave gaps"),
        ({"a": TENSOR | {"data_offsets": [4, 0]}}, 4, "does not fit its bytes"),
        ({"a": TENSOR | {"data_offsets": [-4, 0]}}, 4, "the place of 'a' is"),
        ({"a": TENSOR | {"data_offsets": [0.0, 4.0]}}, 4, "the place of 'a' is"),
        ({"a": TENSOR | {"data_offsets": [0]}}, 4, "the place of 'a' is"),
        ({"a": TENSOR | {"shape": [3]}}, 4, "does not fit its bytes"),
        ({"a": TENSOR | {"shape": [0], "data_offsets": [0, 0]}}, 0, "the shape of 'a' is"),
        ({"a": TENSOR | {"shape": [-1, -2]}}, 4, "the shape of 'a' is"),
        ({"a": TENSOR | {"shape": [True, 2]}}, 4, "the shape of 'a' is"),
        ({"a": TENSOR | {"shape": [1] * 9 + [2]}}, 4, "the shape of 'a' is"),
        ({"a": TENSOR | {"shape": [2**62, 2**62]}}, 4, "the shape of 'a' is"),
        ({"a": TENSOR | {"shape": "2"}}, 4, "the shape of 'a' is"),
        ({"a": TENSOR | {"more": 1}}, 4, "not described as it must be"),
        ({"a": 5}, 0, "not described as it must be"),
        ({"a": TENSOR}, 5, "truncated, or longer"),
        ({"a": TENSOR}, 3, "place of 'a'"),
    ],
)
def test_tensors_that_are_refused(tmp_path, tensors, size, says):
    text = json.dumps({"__metadata__": {ENTRY: json.dumps(header())}} | tensors).encode()
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(size))
    refusal(path, says)


@pytest.mark.parametrize(
    "text",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"__metadata__": {"speechvq": "' + b"[" * 100_000 + b'"}}',
        b'{"__metadata__": {"speechvq": "{}", "speechvq": "{}"}}',
        b'{"__metadata__": {"speechvq": 5}}',
        b'{"__metadata__": 5}',
        b'{"__metadata__": {"speechvq": "{\\"format\\": NaN}"}}',
        b'{"__metadata__": {"speechvq": "\\ud800"}}',
        b'{"__metadata__": {"speechvq": "\xff"}}',
        b'{"__metadata__": {"speechvq": "{\\"format\\": ' + b"1" * 5000 + b'}"}}',
        b'{"__metadata__": {"\\ud800": "1"}}',
        b" " * (5 << 20),
    ],
    ids=lambda text: repr(text[:60]),
)
def test_texts_of_headers_that_are_refused(tmp_path, text):
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    refusal(path, "is not a speechvq model")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), 3e38, -7e4])
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.bfloat16])
def test_weights_that_are_no_usable_numbers(tmp_path, value, dtype):
    path, weights = tmp_path / "m.safetensors", dict(tiny_network().state_dict())
    name = "encoder.stages.1.layers.0.conv.weight"
    weights = {key: tensor.to(dtype, copy=True) for key, tensor in weights.items()}
    weights[name].view(-1)[3] = value
    path.write_bytes(file_of(weights, ENTRY, header()))
    refusal(path, f"weights '{name}' hold numbers that are not finite")


@pytest.mark.parametrize("change", ["missing", "unknown", "of another shape"])
def test_other_weights_are_named(tmp_path, change):
    path, weights = tmp_path / "m.safetensors", dict(tiny_network().state_dict())
    if change == "missing":
        del weights["reference.out.bias"]
    elif change == "unknown":
        weights["reference.out.colour"] = torch.zeros(1)
    else:
        weights["reference.out.bias"] = torch.zeros(7)
    path.write_bytes(file_of(weights, ENTRY, header()))
    assert "reference.out" in refusal(path)


@pytest.mark.parametrize("kind", ["x" * 10_000, "\x1b[31m\n" * 50])
def test_keys_that_are_missing_are_named_in_short(tmp_path, kind):
    level = {"stage": 1, "layers": 1, "quantizer": kind}  # as former files have it
    config = header()["codec"] | {"levels": [level]}
    small(tmp_path / "m.safetensors", codec=config)
    assert len(refusal(tmp_path / "m.safetensors", "it lacks '")) < 600


def test_the_unchanged_file_is_good(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(file_of(tiny_network().state_dict(), ENTRY, header()))
    assert speechvq.load(path).voice("v").metadata == {"sex": "f"}


@pytest.mark.parametrize("value", [float("nan"), 7e4])
def test_a_model_that_could_not_be_read_is_not_written(tmp_path, value):
    network = tiny_network()
    network.reference.out.bias[0] = value
    with pytest.raises(ModelError, match=r"reference\.out\.bias"):
        save_model(tmp_path / "m.safetensors", network, "m", [])
    voice = Voice("v", bytes(3))
    short = Voice("v", b"1")
    for name, voices in (("\x1b", []), ("x" * 256, []), ("m", [voice, voice]), ("m", [short])):
        with pytest.raises(ModelError):
            save_model(tmp_path / "m.safetensors", tiny_network(), name, voices)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "facts",
    [
        *(("\x1b[2J", b"1", {}), ("", b"1", {}), (5, b"1", {}), ("v" * 256, b"1", {})),
        *(("v", b"", {}), ("v", bytes(33), {}), ("v", "ab", {}), ("v", None, {})),
        *(("v", b"1", None), ("v", b"1", 5), ("v", b"1", {"a": float("nan")})),
        *(("v", b"1", {"a": b"1"}), ("v", b"1", {"a": "\ud800"}), ("v", b"1", {"a": 10**400})),
    ],
    ids=ascii,
)
def test_voices_that_no_model_can_hold(facts):
    with pytest.raises(SpeakerError):
        Voice(*facts)


def test_voices_that_do_not_fit_the_model():
    for voices in ([Voice("v", b"1")], [Voice("v", bytes(3))] * 2, ["v"]):
        with pytest.raises(SpeakerError):
            Codec(tiny_network(), ModelId("m", bytes(8)), voices)


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "name = " + "[" * 100_000,
        "name" + ".a" * 100_000 + " = 1",
        "name = " + "1" * 5000,
        "name = nan",
        'name = "\\ud800"',
        '"\\u001b[2J" = 1',
        f'"{"x" * 10_000}" = 1',
    ],
    ids=lambda text: text[:20],
)
def test_configurations_that_are_refused(tmp_path, text):
    path = tmp_path / "a.toml"
    path.write_text(text)
    message = refused_cheaply(lambda: read(Experiment, path), ConfigError)
    assert message.isprintable()
    assert len(message) < 500


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *(("name", name) for name in ("", "\x1b[2J", "x" * 17, 5)),
        *(("optim.batch", n) for n in (0, 10**9, 2.0)),
        *(("optim.betas", b) for b in ([2.0, 3.0], [0.9], [])),
        *(("data.crop", x) for x in (0.0, 1e300, "1")),
        *(("data.references", n) for n in (0, 10**9)),
        *(("data.validation_seconds", x) for x in (-1.0, 0, 1e9)),
        *(("data.validation_files", n) for n in (-1, 0)),
        *(("mel.windows", w) for w in ([10**9] * 5, [0] * 5)),
        *(("mel.bands", w) for w in ([10**9] * 5, [0] * 5)),
        *(("discriminators.channels", n) for n in (0, 10**6)),
        *(("discriminators.windows", w) for w in ([10**9], [64] * 100)),
        *(("discriminators.periods", p) for p in ([1], [10**9])),
        *(("phase.window", n) for n in (0, 10**9)),
    ],
    ids=shown,
)
def test_experiments_that_are_refused(path, value):
    table = read_toml(ROOT / "recipes" / "default" / "base5.toml")
    changed = override(table, {path: value})
    message = refused_cheaply(lambda: parse(Experiment, changed), ConfigError)
    assert path.rpartition(".")[2] in message
    assert message.isprintable()


@pytest.mark.parametrize(
    "changes",
    [
        {"encoder": [STAGE | {"width": 12_000}, *codec()["encoder"][1:]]},
        {"encoder": [STAGE | {"lookahead": [0] * 300, "kernel": 3}, *codec()["encoder"][1:]]},
        {"encoder": [STAGE | {"kernel": 10**6}, *codec()["encoder"][1:]]},
        {"state": 16_384, "decoder": [STAGE | {"width": 16_384}] * 2},
        {"window": 16_384, "hop": 11},
        {"levels": [LEVEL | {"quantizer": {"kind": "vq", "codebook_size": 65_536, "dim": 8192}}]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_networks_that_are_too_large_are_not_built(changes):
    refused_cheaply(lambda: Network(parse(type(tiny_config()), codec(**changes))), ConfigError)


def sealed(tiny, rate, seconds):
    """Codes of a long recording, all of them code 0, of one codebook."""
    shape = tiny.shapes[0]
    samples = int(rate * seconds)
    at_rate = -(-samples * tiny.sample_rate // rate)
    frames = -(-at_rate // shape.hop)
    codes = (np.zeros(frames, np.uint16),)
    embedding = bytes(-(-tiny.network.config.speaker.size // 2))
    return Codes(tiny.model, tiny.sample_rate, rate, samples, (shape,), codes, embedding)


def test_sound_out_of_proportion_is_refused_before_any_work(tiny, tmp_path, monkeypatch):
    codes = sealed(tiny, 384_000, 300)
    assert "decode_file" in refused_cheaply(lambda: tiny.decode(codes), CodesError)
    monkeypatch.setattr("speechvq.codec.decoding.MEMORY_SAMPLES", 96_000)
    assert len(tiny.decode(sealed(tiny, 96_000, 1))) == 96_000
    assert len(tiny.decode(sealed(tiny, 48_000, 3))) == 144_000
    for seconds in (1.01, 3):
        codes = sealed(tiny, 96_000, seconds)
        with pytest.raises(CodesError, match="too many to decode in memory"):
            tiny.decode(codes)
        tiny.decode_file(codes, tmp_path / f"{seconds}.wav")
        assert soundfile.info(tmp_path / f"{seconds}.wav").frames == codes.samples


@pytest.mark.parametrize("part", ["encoder", "reference", "decoder"])
def test_finite_weights_whose_sums_are_not_are_noticed(part):
    network = tiny_network()
    for value in network.get_submodule(part).parameters():
        value.fill_(1e38)
    codec = Codec(network, ModelId("m", bytes(8)))
    good = Codec(tiny_network(), codec.model).encode(np.ones(4000, np.float32) / 9)
    with pytest.raises(ModelError, match="not finite"):
        codec.decode(good) if part == "decoder" else codec.encode(np.ones(4000, np.float32) / 9)
