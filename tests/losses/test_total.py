"""The weighted sum of terms."""

import pytest
import torch

from speechvq.errors import ConfigError
from speechvq.losses.total import total


def test_misspelt_weights_are_refused():
    with pytest.raises(ConfigError, match="distorsion"):
        total({"distortion": torch.ones(())}, {"distorsion": 1.0})
