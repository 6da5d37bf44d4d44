"""Weight EMA: an exponential moving average of the weights, which is validated and exported.

The weights themselves go on learning. Averaging the iterates does what a falling learning rate does
(Polyak and Juditsky 1992), and training can continue from the weights at their full learning rate.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class WeightEMA:
    """Exponential moving average of a network's state, over about 1 / (1 - decay) steps.

    In the first steps it is an average over all steps so far.

    values: by the names of the state; integers and the like are those of the last step
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay = decay
        self.values = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Include the weights after `step` steps."""
        decay = min(self.decay, step / (step + 10))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.values[name].lerp_(value, 1 - decay)
            else:
                self.values[name].copy_(value)

    @contextmanager
    def applied(self, network: nn.Module) -> Iterator[None]:
        """Give the network the averaged weights, and its own again afterwards."""
        own = {name: value.detach().clone() for name, value in network.state_dict().items()}
        network.load_state_dict(self.values)
        try:
            yield
        finally:
            network.load_state_dict(own)

    def state_dict(self) -> dict[str, Tensor]:
        """The averaged weights."""
        return self.values

    def load_state_dict(self, values: Mapping[str, Tensor]) -> None:
        """Continue from saved values of the same network."""
        for name, value in self.values.items():
            value.copy_(values[name])
