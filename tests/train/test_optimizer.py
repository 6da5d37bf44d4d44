"""Groups of parameters."""

from speechvq.train.codec.objective import Objective
from speechvq.train.optimizer import parameter_groups
from tests.helpers.training import stochastic, tiny_experiment


def test_every_parameter_learns_once_and_codebooks_at_their_own_rate(manifest, tmp_path):
    objective = Objective(stochastic(tiny_experiment(manifest, tmp_path)))
    groups = parameter_groups(
        objective, weight_decay=0.01, codebook_learning_rate=10.0, variance_learning_rate=5.0
    )
    found = {
        id(one): (group["scale"], group["weight_decay"])
        for group in groups
        for one in group["params"]
    }
    assert (
        sum(len(group["params"]) for group in groups)
        == len(found)
        == len(list(objective.parameters()))
    )
    named = dict(objective.named_parameters())
    for end, expected in (
        ("codewords", (10.0, 0.0)),
        ("log_variance", (5.0, 0.0)),
        ("bias", (1.0, 0.0)),
    ):
        assert {found[id(one)] for name, one in named.items() if name.endswith(end)} == {expected}
    assert (1.0, 0.01) in found.values()
