"""Names of the first model files, which the bundled model still has, as today's."""

import pytest

from speechvq.codec.former import current_config, current_name
from speechvq.config import parse, to_dict
from speechvq.quantize.config import LevelConfig
from speechvq.quantize.cosine import CosineConfig
from speechvq.quantize.gumbel import GumbelConfig
from speechvq.quantize.stochastic import StochasticConfig
from speechvq.quantize.vector import VectorConfig

FORMER = {
    "stage": 2,
    "layers": 1,
    "size": 64,
    "width": 12,
    "quantizer": "vq",
    "learned": "means",
    "shared": True,
    "candidates": 4,
    "variance": 2.5,
    "lookup": 3,
    "continuous": 4,
}
"""A level, with the options of all kinds side by side."""


@pytest.mark.parametrize(
    ("changes", "quantizer"),
    [
        ({}, VectorConfig(codebook_size=64, dim=12, update="ema", shared=True, beam=4)),
        (
            {"learned": "loss"},
            VectorConfig(codebook_size=64, dim=12, update="gradient", shared=True, beam=4),
        ),
        (
            {"quantizer": "cosine"},
            CosineConfig(codebook_size=64, dim=12, lookup_dim=3, shared=True),
        ),
        (
            {"quantizer": "sq"},
            StochasticConfig(codebook_size=64, dim=12, variance=2.5, shared=True, beam=4),
        ),
        ({"quantizer": "gumbel"}, GumbelConfig(codebook_size=64, dim=12)),
    ],
)
def test_a_former_level_has_the_options_of_its_kind_alone(changes, quantizer):
    (level,) = current_config({"levels": [FORMER | changes]})["levels"]
    assert parse(LevelConfig, level) == LevelConfig(2, 1, quantizer)


def test_a_present_level_stays_as_it_is():
    level = to_dict(LevelConfig(1, 3, StochasticConfig(beam=2)))
    assert current_config({"levels": [level]})["levels"] == [level]


def test_former_weights_have_present_names():
    names = {
        "topdown.levels.0.quantizers.3.codebook": "topdown.levels.0.quantizer.3.codewords",
        "topdown.levels.1.quantizer.0.codewords": "topdown.levels.1.quantizer.0.codewords",
        "encoder.stages.0.layers.1.norm.weight": "encoder.stages.0.layers.1.norm.weight",
    }
    assert {name: current_name(name) for name in names} == names
