"""Runs that are initialized from the weights of a model, which may be smaller."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from speechvq.codec.file import load
from speechvq.codec.network import Network
from speechvq.errors import ConfigError, ModelError
from speechvq.nn.blocks import Block
from speechvq.nn.speaker import rounded
from speechvq.train.codec.export import export_run
from speechvq.train.codec.init_from import init_from
from speechvq.train.codec.loop import train
from tests.helpers.training import fabric, tiny_experiment, weights


def test_a_run_can_begin_with_a_models_weights(manifest, tmp_path):
    """Its first loss is that of the model; another network is refused; going on does not begin
    again."""
    first = tiny_experiment(manifest, tmp_path / "a", steps=40, learning_rate=3e-3)
    train(first, fabric())
    model = tmp_path / "first.safetensors"
    export_run(Path(first.run.folder), model, 1.0)
    second = tiny_experiment(manifest, tmp_path / "b", learning_rate=1e-9, bypass=0.0)
    second = replace(second, run=replace(second.run, init_from=str(model)))
    last = train(second, fabric(), stop_at=2)
    begun, found = load(model).network.state_dict(), weights(last)
    moved = {name for name in found if not torch.allclose(begun[name], found[name], atol=1e-6)}
    assert all(name.endswith("codewords") for name in moved)  # running means learn at any rate
    model.unlink()
    assert train(second, fabric(), stop_at=3).name == "step-00000003"
    with pytest.raises(ModelError, match="there is no model file"):
        train(replace(second, run=replace(second.run, folder=str(tmp_path / "c"))), fabric())
    with pytest.raises(
        ConfigError, match=r"run\.init_from: default has another network than \[codec\]"
    ):
        train(
            replace(
                second, run=replace(second.run, init_from="default", folder=str(tmp_path / "c"))
            ),
            fabric(),
        )


def test_a_run_can_begin_with_a_model_of_fewer_layers(manifest, tmp_path):
    """What is there is taken over; the new codebooks' codewords are centres of what is left to
    quantize, not random."""
    first = tiny_experiment(manifest, tmp_path / "a", steps=40, learning_rate=3e-3)
    train(first, fabric())
    model = tmp_path / "first.safetensors"
    export_run(Path(first.run.folder), model, 1.0)
    levels = (
        *first.codec.levels[:-1],
        replace(first.codec.levels[-1], codebooks=first.codec.levels[-1].codebooks + 2),
    )
    second = tiny_experiment(manifest, tmp_path / "b", learning_rate=1e-9, bypass=0.0)
    second = replace(
        second,
        codec=replace(first.codec, levels=levels),
        run=replace(second.run, init_from=str(model)),
    )
    found, begun = weights(train(second, fabric(), stop_at=1)), load(model).network.state_dict()
    new = sorted(found.keys() - begun.keys())
    assert len(new) == 2
    same = {name for name in begun if torch.allclose(begun[name], found[name], atol=1e-4)}
    assert all(
        name.endswith("codewords") for name in begun.keys() - same
    )  # running means learn at any rate
    assert all(found[name].std() < 0.8 * torch.randn_like(found[name]).std() for name in new)
    fewer = (
        *first.codec.levels[:-1],
        replace(first.codec.levels[-1], codebooks=first.codec.levels[-1].codebooks - 1),
    )
    third = replace(
        second,
        codec=replace(first.codec, levels=fewer),
        run=replace(second.run, folder=str(tmp_path / "c")),
    )
    with pytest.raises(ConfigError, match="has another network than"):
        train(third, fabric())


def test_a_run_can_begin_with_a_model_of_fewer_blocks(manifest, tmp_path):
    """Further blocks at the ends of stages change nothing at first, then learn; blocks in between
    are another network."""
    first = tiny_experiment(manifest, tmp_path / "a", steps=40, learning_rate=3e-3)
    train(first, fabric())
    model = tmp_path / "first.safetensors"
    export_run(Path(first.run.folder), model, 1.0)
    small = load(model).network
    deeper = {
        "encoder": tuple(
            replace(one, lookahead=(*one.lookahead, 0)) for one in first.codec.encoder
        ),
        "decoder": tuple(
            replace(one, lookahead=(*one.lookahead, 0, 0)) for one in first.codec.decoder
        ),
    }
    network = Network(replace(first.codec, **deeper))
    assert init_from(network, str(model)) == []
    wave = torch.randn(1, 1, 4000, generator=torch.Generator().manual_seed(0)) / 10
    vector = rounded(small.reference(wave))
    decoded = network.eval().decode(small.encode(wave), vector)
    assert torch.equal(decoded, small.decode(small.encode(wave), vector))
    assert all(
        torch.equal(a, b) for a, b in zip(network.encode(wave), small.encode(wave), strict=True)
    )
    decoded.square().sum().backward()
    last = [one for one in network.decoder.layers if isinstance(one, Block)][-1]
    assert not last.contract.weight.any()
    assert last.contract.weight.grad is not None
    assert last.contract.weight.grad.any()
    before = tuple(replace(one, lookahead=(0, 1, *one.lookahead)) for one in first.codec.decoder)
    with pytest.raises(ConfigError, match="has another network than"):
        init_from(Network(replace(first.codec, decoder=before)), str(model))
