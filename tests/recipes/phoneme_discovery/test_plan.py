"""Plans that are refused."""

import pytest

from recipes.phoneme_discovery.plan import read_plan
from speechvq.errors import ConfigError
from tests.helpers.discovery import PLAN


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("rate = 25", "rate = 30"), "rate must be 25 or 50"),
        (("components = 6", "components = 0"), "components must be positive"),
        (("reach = 5", "reach = 4"), "reach must be odd"),
        (
            ("steps = 3, clusters = [8]", "steps = 3, clusters = []"),
            "clusters must be numbers above 1",
        ),
        (("components = 6", "layer = 2"), "layer must be from 0 to 1"),
        (("components = 6", "component = 6"), "component is not a known key"),
    ],
)
def test_invalid_plans(tmp_path, change, message):
    (tmp_path / "plan.toml").write_text(PLAN.replace(*change))
    with pytest.raises(ConfigError, match=message):
        read_plan(tmp_path / "plan.toml")
