"""Priors of any content are loaded or refused in a sentence, in little time and memory."""

import json

import numpy as np
import pytest
import torch

from speechvq.codes import CodebookShape, Codes, ModelId, dump
from speechvq.config import to_dict
from speechvq.errors import ConfigError, ModelError, SpeechVQError
from speechvq.prior.file import ENTRY, Prior, load_prior, save_prior
from speechvq.prior.generate import generate
from speechvq.prior.integer.coder import PriorCoder
from speechvq.prior.network import PriorConfig, PriorNetwork
from speechvq.prior.score import score
from tests.helpers.weights import file_of, refused_cheaply

CONFIG = PriorConfig(width=8, skip=8, layers=2, cycle=2)
SHAPES = [(640, 16), (320, 8)]


def network():
    torch.manual_seed(0)
    return PriorNetwork(CONFIG, SHAPES, 4).eval().requires_grad_(requires_grad=False)


def header(**changes):
    facts = {"format": 1, "name": "p", "model": "m", "digest": "00" * 8, "shapes": SHAPES}
    facts |= {"speaker_dim": 4, "prior": to_dict(CONFIG), "anomaly_thresholds": [1.0, 2]}
    return facts | changes


def refusal(path):
    message = refused_cheaply(lambda: load_prior(path), ModelError)
    assert str(path) in message
    return message


def prior(**changes):
    return {"prior": to_dict(CONFIG) | changes}


@pytest.mark.parametrize(
    "changes",
    [
        *({"name": name} for name in ("\x1b[2J", "", 7, None)),
        *({"model": name} for name in ("\x1b[2J", "", "x" * 256, 7, None)),
        *({"digest": digest} for digest in ("", "00" * 7, "00" * 9, "xy" * 8, 7, None)),
        *({"shapes": s} for s in ([], None, 5, [5], [[640]], [[640, 1]], [[0, 16]], [[640.0, 16]])),
        *({"shapes": s} for s in ([[640, 16]] * 65, [[320, 8], [640, 16]], [[640, 10**9]])),
        *({"shapes": s} for s in ([[2**20, 65_536]] * 64, [[2**20, 16], [1, 8]], "ab", {"a": 1})),
        *({"speaker_dim": n} for n in (-1, 65, 4.0, True, None, "4", 10**9)),
        *({"anomaly_thresholds": t} for t in (None, 5, ["1", 2], [1], [True, 1], {})),
        *(prior(width=n) for n in (0, -1, 10**9, 8.0, 16_384)),
        *(prior(skip=n) for n in (0, 10**9)),
        *(prior(layers=n) for n in (0, 200, 10**9, 2.0)),
        *(prior(cycle=n) for n in (0, 17, 60, 10**9)),
        *(prior(context_layers=n) for n in (-1, 17, 10**9)),
        *(prior(dropout=n) for n in (-0.1, 1.0, "0")),
        prior(surprise=1),
        {"prior": None},
        {"prior": 5},
    ],
    ids=lambda changes: json.dumps(changes)[:60],
)
def test_headers_that_are_refused(tmp_path, changes):
    path = tmp_path / "p.safetensors"
    for weights in ({"w": torch.zeros(1)}, network().state_dict()):
        path.write_bytes(file_of(weights, ENTRY, header(**changes)))
        refusal(path)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 3e38])
def test_weights_that_are_no_usable_numbers(tmp_path, value):
    path, weights = tmp_path / "p.safetensors", network().state_dict()
    weights["streams.1.wavenet.head.1.bias"][0] = value
    path.write_bytes(file_of(weights, ENTRY, header()))
    assert "'streams.1.wavenet.head.1.bias' hold numbers that are not finite" in refusal(path)


def test_the_unchanged_file_is_good(tmp_path):
    path = tmp_path / "p.safetensors"
    path.write_bytes(file_of(network().state_dict(), ENTRY, header()))
    assert load_prior(path).anomaly_thresholds == (1.0, 2.0)


def test_a_prior_that_could_not_be_read_is_not_written(tmp_path):
    model, weights = ModelId("m", bytes(8)), network()
    for name, thresholds in (("\x1b", ()), ("", ()), ("p", (1.0,)), ("p", (float("nan"),) * 2)):
        with pytest.raises(ModelError):
            save_prior(tmp_path / "p", Prior(weights, name, model, thresholds))
    weights.streams[0].wavenet.head[1].bias[0] = 1e6
    with pytest.raises(ModelError, match="not finite"):
        save_prior(tmp_path / "p", Prior(weights, "p", model))
    assert list(tmp_path.iterdir()) == []


def test_networks_that_are_too_large_are_not_built():
    for config, shapes in (
        (PriorConfig(width=16_384), SHAPES),
        (PriorConfig(layers=256), [(640, 16)] * 64),
        (PriorConfig(), [(640, 65_536)] * 16),
    ):
        refused_cheaply(lambda c=config, s=shapes: PriorNetwork(c, s, 4), ConfigError)


def test_finite_weights_whose_sums_are_not_are_noticed(tiny):
    shapes = [(shape.hop, shape.size) for shape in tiny.shapes]
    large = PriorNetwork(CONFIG, shapes, tiny.network.config.speaker.size).eval()
    with torch.no_grad():
        for value in large.parameters():
            value.fill_(1e38)
    wrong = Prior(large, "p", tiny.model)
    codes = tiny.encode(np.ones(8000, np.float32) / 9)
    for action in (lambda: score(tiny, wrong, codes), lambda: generate(tiny, wrong, seconds=0.5)):
        with pytest.raises(ModelError, match="not finite"):
            action()


@pytest.mark.parametrize("size", [1e-8, 1.0, 60_000.0])
def test_a_prior_of_any_weights_codes_what_it_can_decode(tmp_path, size):
    weights = network()
    for value in weights.parameters():
        value.uniform_(-size, size)
    save_prior(tmp_path / "p", Prior(weights, "p", ModelId("m", bytes(8))))
    loaded = load_prior(tmp_path / "p")
    coder = PriorCoder(loaded)
    table = tuple(CodebookShape(*pair) for pair in SHAPES)
    rows = (np.arange(5) % 16, np.arange(10) % 8)
    codes = Codes(loaded.model, 16_000, 16_000, 640 * 5, table, rows, bytes(2))
    try:
        data = coder.encode(codes.codebooks, codes.speaker_embedding)
    except SpeechVQError:
        return
    back = coder.decode(codes.frames, data + bytes(-len(data) % 4), codes.speaker_embedding)
    assert [row.tolist() for row in back] == [row.tolist() for row in codes.codebooks]
    assert dump(codes, [coder])
