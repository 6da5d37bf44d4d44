"""A running mean of the weights: what is validated and exported, while the weights themselves go on learning at full rate.

Averaging the iterates does what a falling learning rate does (Polyak and Juditsky 1992), and
training can go on from the weights as if nothing had happened.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Average:
    """Exponential running mean of a network's state, over about 1 / (1 - keep) steps; early on over all steps so far.

    values: by the names of the state; integers and the like are those of the last step
    """

    def __init__(self, network: nn.Module, keep: float) -> None:
        self.keep = keep
        self.values = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Take in the weights after so many steps."""
        keep = min(self.keep, step / (step + 10))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.values[name].lerp_(value, 1 - keep)
            else:
                self.values[name].copy_(value)

    @contextmanager
    def applied(self, network: nn.Module) -> Iterator[None]:
        """The network has the averaged weights inside, and its own again afterwards."""
        own = {name: value.detach().clone() for name, value in network.state_dict().items()}
        network.load_state_dict(self.values)
        try:
            yield
        finally:
            network.load_state_dict(own)

    def load(self, values: dict[str, Tensor]) -> None:
        """Go on from saved values. Raises KeyError when they are another network's."""
        for name, value in self.values.items():
            value.copy_(values[name])
