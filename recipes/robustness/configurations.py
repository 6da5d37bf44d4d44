"""Configurations in TOML: of codecs, priors, quantizer studies and ablations.

Damaged as tables and as text. A network is built from what is accepted: without memory for its
weights (on PyTorch's "meta" device), and again with them if it is small.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import tomli_w
import torch
from torch import nn

from recipes.ablation import variant_names, variant_table
from recipes.robustness import tiny
from recipes.robustness.case import Case, require, use
from recipes.robustness.texts import damaged_text, encoded
from recipes.robustness.trees import Tree, changed, with_raws
from speechvq.codec.network import Network
from speechvq.config import parse, read_toml, to_dict
from speechvq.prior.network import PriorNetwork
from speechvq.train.codec.config import Experiment, read_experiment
from speechvq.train.prior.config import PriorExperiment, read_prior_experiment

MOST_PARAMETERS = 10_000_000
"""Larger networks are not built with their weights."""

CODEC: Tree = {
    "name": "tiny",
    "data": {"manifest": "train.jsonl", "crop": 0.5, "gain_db": [-12.0, 6.0]},
    "codec": tiny.CONFIG,
    "optim": {"steps": 100, "batch": 4, "betas": [0.9, 0.98], "temperature": [1.0, 0.5]},
    "weights": {"distortion": 1.0, "phase": 4.0},
    "run": {"folder": "runs/tiny", "seed": 3},
}
PRIOR: Tree = {
    "name": "tiny",
    "optim": {"steps": 100, "batch": 4, "ema_decay": 0.9},
    "speaker": True,
    "prior": {"width": 4, "skip": 4, "layers": 2, "cycle": 2, "context_layers": 1},
    "data": {"held_out": {"share": 0.1}, "longest": 50},
    "run": {"seed": 3},
}
STUDY: Tree = {
    "base": CODEC,
    "variants": {
        "wide": {"codec.encoder[0].width": 16, "optim.steps": 50},
        "wide-long": {"extends": "wide", "optim": {"steps": 200}},
    },
}


class Configurations:
    """TOML files of training runs."""

    def __init__(self, seed: int) -> None:
        del seed
        self.readers: dict[str, tuple[Tree, Callable[[Path], None]]] = {
            "codec.toml": (CODEC, _read_codec),
            "prior.toml": (PRIOR, _read_prior),
            "study.toml": (STUDY, _read_study),
        }

    def make(self, random: Random) -> Case:
        name = random.choice(("codec.toml", "codec.toml", "prior.toml", "study.toml"))
        tree, pick = self.readers[name][0], random.random()
        if 0.03 <= pick < 0.8:
            tree = changed(random, tree)
        text = with_raws(tomli_w.dumps(_without_none(tree)))
        if pick < 0.03:
            return Case(name, text.encode(), "good")
        if pick >= 0.7:
            text = damaged_text(random, text)
        return Case(name, encoded(random, text), "text")

    def check(self, case: Case, folder: Path) -> None:
        self.readers[case.name][1](case.written(folder))


def _read_codec(path: Path) -> None:
    experiment = read_experiment(path)
    again = parse(Experiment, to_dict(experiment))
    require(repr(again) == repr(experiment), "it is not written alike")
    with use(path.name):
        _build(lambda: Network(experiment.codec))


def _read_prior(path: Path) -> None:
    experiment = read_prior_experiment(path)
    again = parse(PriorExperiment, to_dict(experiment))
    require(repr(again) == repr(experiment), "it is not written alike")
    shapes = [(shape.hop, shape.size) for shape in tiny.shapes()]
    with use(path.name):
        _build(lambda: PriorNetwork(experiment.prior, shapes, 6 if experiment.speaker else 0))


def _read_study(path: Path) -> None:
    read_toml(path)
    for name in variant_names(path):
        table = variant_table(path, name)
        with use(path.name):
            parse(Experiment, table)


def _build(make: Callable[[], nn.Module]) -> None:
    """Build a network, if it is small."""
    with torch.device("meta"):
        network = make()
    if sum(weight.numel() for weight in network.parameters()) <= MOST_PARAMETERS:
        make()


def _without_none(tree: Any) -> Any:  # noqa: ANN401 - a tree
    """A tree without None, which TOML does not have."""
    if isinstance(tree, dict):
        return {key: _without_none(value) for key, value in tree.items() if value is not None}
    if isinstance(tree, list):
        return [_without_none(value) for value in tree if value is not None]
    return tree
