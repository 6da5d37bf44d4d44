"""The study of the default model: its variants, its results and its table."""

import json

import pytest

from recipes.ablation import variant_names
from speechvq.codec.network import Network
from speechvq.errors import ConfigError, TrainingError
from speechvq.train.codec.config import read_experiment
from tests.helpers.paths import ROOT

RECIPE = ROOT / "recipes" / "default"


@pytest.fixture(scope="module")
def study():
    from recipes.default import study

    return study


def test_variants_are_the_base_with_a_few_changes(study, tmp_path):
    def make(name, **more):
        return study.variant(name, tmp_path / "m.jsonl", tmp_path, **more)

    every = {name: make(name) for name in variant_names(study.STUDY)}
    assert every["baseline"].weights["pesq_like"] == 0
    assert every["perceptual"].weights == every["baseline"].weights | {
        "pesq_like": 8.0,
        "stoi_like": 16.0,
    }
    assert all(
        one.weights["pesq_like"] == 8
        for name, one in every.items()
        if name.startswith("p-") and name != "p-strong"
    )
    going_on = [one for name, one in every.items() if name.startswith("d-")]
    shipped = read_experiment(RECIPE / "base5.toml").codec
    assert len(going_on) == 3
    assert all(one.codec == shipped and one.run.init_from == "default" for one in going_on)
    assert (
        every["d-plain"].optim.frozen
        == every["d-adversary"].optim.frozen
        == ("encoder", "topdown", "reference")
    )
    assert make("baseline", seed=3, steps=7).run.folder == str(tmp_path / "baseline-3-7")
    latency = {
        name: Network(every[name].codec).latency / 16
        for name in ("baseline", "p-latency-200", "p-latency-80")
    }
    assert latency == {"baseline": 380, "p-latency-200": 190, "p-latency-80": 70}
    assert len(
        {
            json.dumps(study._made_with(one), sort_keys=True)
            for one in map(readable(tmp_path), every.values())
        }
    ) == len(every)


def readable(folder):
    """Experiments whose manifest is there."""
    (folder / "m.jsonl").write_text("")
    return lambda experiment: experiment


def test_a_variant_that_cannot_be_is_named(study, tmp_path, monkeypatch):
    text = study.STUDY.read_text() + '\n[variants.odd]\n"optim.learning_rate" = -1.0\n'
    (tmp_path / "study.toml").write_text(text)
    monkeypatch.setattr(study, "STUDY", tmp_path / "study.toml")
    with pytest.raises(ConfigError, match=r"variant odd: optim\.learning_rate must be positive"):
        study.variant("odd", tmp_path / "m.jsonl", tmp_path)
    with pytest.raises(ConfigError, match="there is no variant 'muon'; variants are baseline, "):
        study.variant("muon", tmp_path / "m.jsonl", tmp_path)


def test_results_of_another_configuration_are_refused(study, tmp_path):
    readable(tmp_path)
    one = study.variant("baseline", tmp_path / "m.jsonl", tmp_path)
    path = tmp_path / "baseline-0-1000.json"
    assert study._read(one) is None
    path.write_text(json.dumps({"made_with": study._made_with(one), "seconds": 1.0}))
    assert study._read(one)["seconds"] == 1.0
    changed = study._made_with(one)
    changed["optim"]["learning_rate"] = 1e-5
    path.write_text(json.dumps({"made_with": changed}))
    with pytest.raises(TrainingError, match="another configuration"):
        study._read(one)
    path.write_text(json.dumps({"made_with": {"optim": {"rate": 1e-5}}}))  # former names
    with pytest.raises(TrainingError, match="another configuration"):
        study._read(one)


def test_the_table_has_means_over_seeds(study, tmp_path):
    readable(tmp_path)
    made = study._made_with(study.variant("baseline", tmp_path / "m.jsonl", tmp_path))

    def result(pesq):
        prefixes = [
            {"PESQ-WB": pesq + depth, "STOI": 0.5, "ESTOI": float("nan"), "mel": 0.25}
            for depth in range(4)
        ]
        rates = [225.0, 450.0, 675.0, 900.0]
        return {
            "made_with": made,
            "seconds": 500.0,
            "prefixes": prefixes,
            "parameters": 5_480_000,
            "latency": 0.38,
            "rates": rates,
        }

    head, _, line = study.table({"baseline": [result(1.0), result(2.0)]}).splitlines()
    cells = dict(zip(head.split(" | "), line.split(" | "), strict=True))
    assert cells["seeds"] == "2"
    assert cells["ms a step"] == "500"
    assert (cells["PESQ-WB"], cells["STOI"], cells["ESTOI"]) == ("4.500", "0.500", "nan")
    assert line.endswith("0.675 kbit/s: 3.500 / 0.500 / nan |")
