"""The weighted sum of loss terms: the only place where weights are multiplied."""

from collections.abc import Mapping

import torch
from torch import Tensor

from speechvq.errors import ConfigError


def total(terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> Tensor:
    """The weighted sum of named terms.

    Raises ConfigError when a term has no weight or a weight has no term: a misspelt weight must not
    go unnoticed.
    """
    if terms.keys() != weights.keys():
        raise ConfigError(
            f"losses are {sorted(terms)}, but weights are given for {sorted(weights)}"
        )
    return torch.stack([weights[name] * value for name, value in terms.items()]).sum()
