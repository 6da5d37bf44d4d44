"""What a model file says without its weights being unpacked is what the network says."""

import json
import struct

import pytest
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import speechvq
from speechvq import weights
from speechvq.codec.file import save_model
from speechvq.codec.header import read_model
from speechvq.errors import ModelError
from speechvq.input import read_bytes
from speechvq.nn.encoder import StageConfig
from tests.helpers.networks import tiny_network
from tests.helpers.paths import ROOT
from tests.test_public_names import modules_after


def stages(*rows):
    """Stages of (stride, look-ahead of each block)."""
    return tuple(
        StageConfig(width=8, kernel=5, stride=stride, lookahead=lookahead)
        for stride, lookahead in rows
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"window": 96, "hop": 16},
        {"window": 62, "hop": 20},
        {
            "encoder": stages((1, (2, 1)), (4, (0, 3)), (2, (4,))),
            "decoder": stages((2, (3, 0, 1)), (2, (2,))),
        },
        {
            "encoder": stages((2, ()), (2, (1,)), (3, (1, 1))),
            "decoder": stages((1, (0,)), (4, (4, 4))),
        },
    ],
)
def test_latency_and_shapes_are_those_of_the_network(tmp_path, changes):
    network = tiny_network(**changes)
    save_model(tmp_path / "m.safetensors", network, "m", [])
    header, file = read_model(tmp_path / "m.safetensors")
    codec = speechvq.load(tmp_path / "m.safetensors")
    assert header.latency == network.latency
    assert (header.shapes, header.bitrates) == (codec.shapes, codec.bitrates)
    assert header.content_codebooks == codec.content_codebooks
    assert header.sample_rate == codec.sample_rate
    assert header.model == codec.model
    assert header.parameters == sum(value.numel() for value in network.state_dict().values())
    assert set(file.shapes) == set(network.state_dict())


def test_the_default_model(codec):
    header, _ = read_model()
    assert header.latency == codec.network.latency
    assert (header.model, header.shapes, header.voices) == (
        codec.model,
        codec.shapes,
        codec.voices,
    )
    parameters = sum(parameter.numel() for parameter in codec.network.parameters())
    assert header.parameters >= parameters
    assert codec.voice("slt").metadata["sex"] == "f"


@pytest.mark.parametrize("words", [["speakers"], ["info"], ["--help"], ["info", "MODEL"]])
def test_describing_a_model_needs_no_torch(words):
    words = [word.replace("MODEL", "speechvq/models/base5.safetensors") for word in words]
    script = (
        f"import sys; sys.argv = ['speechvq', *{words!r}]\n"
        "from speechvq.cli import main\ntry: main()\nexcept SystemExit: pass"
    )
    assert not modules_after(script) & {"torch", "soundfile", "rich.console"}


def changed(path, **changes):
    """A model file with other values in its header."""
    with safe_open(path, "pt") as file:
        header = json.loads(file.metadata()["speechvq"])
    for key, value in changes.items():
        if value is None:
            del header[key]
        else:
            header[key] = value
    save_file(load_file(path), path, {"speechvq": json.dumps(header)})


@pytest.mark.parametrize(
    "changes",
    [
        {"codec": {}},
        {"codec": {"levels": []}},
        {"codec": 3},
        {"voices": [{"name": "a"}]},
        {"voices": [{"name": "a", "embedding": "00", "metadata": {}}]},
        {"voices": [{"name": "a", "embedding": "no hex", "metadata": {}}]},
        {"name": None},
    ],
)
def test_headers_that_say_too_little_are_refused(tmp_path, changes):
    path = tmp_path / "m.safetensors"
    save_model(path, tiny_network(), "m", [])
    changed(path, **changes)
    with pytest.raises(ModelError, match="is damaged or made by another speechvq"):
        read_model(path)


def test_no_levels_are_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, tiny_network(), "m", [])
    config = dict(read_model(path)[0].config)
    for levels in ([], [config["levels"][0] | {"codebooks": 0}]):
        changed(path, codec=config | {"levels": levels})
        with pytest.raises(ModelError, match="is damaged or made by another speechvq"):
            read_model(path)


def test_weights_that_do_not_fit_the_configuration_are_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    save_model(path, tiny_network(), "m", [])
    config = dict(read_model(path)[0].config)
    for change in ({"state": 9}, {"nonsense": 1}):
        changed(path, codec=config | change)
        with pytest.raises(ModelError, match="is damaged or made by another speechvq"):
            speechvq.load(path)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"12345",
        struct.pack("<Q", 2**60) + b"{}",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 2) + b"no",
        struct.pack("<Q", 2) + b"{}more",
        struct.pack("<Q", 9) + b'{"a": {}}',
    ],
)
def test_files_that_are_no_safetensors_are_refused(tmp_path, data):
    path = tmp_path / "m.safetensors"
    path.write_bytes(data)
    with pytest.raises(ModelError, match="is not a speechvq model"):
        read_model(path)


def test_a_file_is_read_once_to_load_it(monkeypatch, model):
    reads = []
    monkeypatch.setattr(
        weights, "read_bytes", lambda path, *a, **b: reads.append(path) or read_bytes(path, *a, **b)
    )
    speechvq.load(model)
    assert reads == [model]


def test_the_repository_has_the_bundled_files():
    from speechvq import shipped

    assert shipped.MODEL == ROOT / "speechvq" / "models" / "base5.safetensors"
    assert shipped.PRIOR.is_file()
    assert [path.name for path in shipped.TABLES] == ["base5.tables"]
