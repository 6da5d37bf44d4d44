"""Training gives the same network, whatever a process has set as torch's defaults."""

import numpy as np
import pytest
import torch

from speechvq.codec.network import Network
from speechvq.prior.network import PriorConfig, PriorNetwork
from speechvq.train.codec import loop
from speechvq.train.codec.export import export_run
from speechvq.train.prior import loop as prior_loop
from speechvq.train.prior.run import export_prior
from tests.codec.test_isolation import default_device, default_type
from tests.helpers.training import adversarial, fabric, tiny_experiment
from tests.helpers.training import weights as weights_of
from tests.train.prior.test_loop import experiment as prior_experiment
from tests.train.prior.test_loop import source

DEFAULTS = {
    "float64": lambda: default_type(torch.float64),
    "bfloat16": lambda: default_type(torch.bfloat16),
    "float16": lambda: default_type(torch.float16),
    "device": lambda: default_device("meta"),
}
TYPES = ["float64", "bfloat16", "float16"]


def codec_weights(manifest, folder):
    experiment = adversarial(tiny_experiment(manifest, folder))
    last = loop.train(experiment, fabric(), stop_at=1)
    codec = export_run(last.parent, folder / "model.safetensors", seconds=0)
    return weights_of(last), codec.network.state_dict()


def prior_weights(folder):
    plan, tokens = prior_experiment(folder / "run", steps=2), source(voices=6, each=2)
    last = prior_loop.train(plan, tokens, fabric(), sample_rate=16_000)
    result = export_prior(folder / "run", tokens, folder / "prior.safetensors", 16_000)
    return weights_of(last), {
        cost.name: torch.from_numpy(np.array(cost.bits_per_code)) for cost in result.costs
    }


@pytest.fixture(scope="module")
def expected(manifest, tmp_path_factory):
    folder = tmp_path_factory.mktemp("expected")
    return *codec_weights(manifest, folder / "codec"), *prior_weights(folder / "prior")


@pytest.mark.parametrize("name", DEFAULTS)
def test_training_and_export(name, manifest, tmp_path, expected):
    before = torch.get_default_dtype()
    with DEFAULTS[name]():
        inside = torch.get_default_dtype(), torch.get_default_device()
        made = *codec_weights(manifest, tmp_path / "codec"), *prior_weights(tmp_path / "prior")
        assert (torch.get_default_dtype(), torch.get_default_device()) == inside
    assert torch.get_default_dtype() == before
    for own, others in zip(made, expected, strict=True):
        assert own.keys() == others.keys()
        for key, value in own.items():
            assert value.dtype == others[key].dtype
            assert torch.equal(value, others[key]), key


def networks(tiny):
    torch.manual_seed(0)
    prior = PriorNetwork(PriorConfig(width=8, skip=8, layers=2, cycle=2), ((640, 9), (320, 9)))
    return Network(tiny.network.config).state_dict() | prior.state_dict()


@pytest.mark.parametrize("name", TYPES)
def test_a_new_network(name, tiny):
    expected = networks(tiny)
    with DEFAULTS[name]():
        made = networks(tiny)
    assert all(torch.equal(value, made[key]) for key, value in expected.items())
    assert {value.dtype for value in made.values()} == {v.dtype for v in expected.values()}
