"""Networks that go to other processes."""

from copy import deepcopy
from typing import Any, Self

import torch
from safetensors.torch import load, save
from torch import nn

from speechvq.nn.isolation import isolated, with_weights


class PortableModule(nn.Module):
    """A network that is pickled with its weights in one block of bytes.

    Torch shares each tensor that goes to another process through an open file of its own, and a
    network of hundreds of tensors needs more of them than a process may have.
    """

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What it is made with, apart from its weights."""
        raise NotImplementedError

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return next(self.parameters()).device

    def __reduce__(self) -> tuple[Any, ...]:
        weights = {
            name: value.detach().cpu().contiguous() for name, value in self.state_dict().items()
        }
        learning = {name for name, value in self.named_parameters() if value.requires_grad}
        facts = (save(weights), learning, self.training, str(self.device))
        return unpacked_network, (type(self), self.arguments, *facts)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A copy in this process also keeps what is no weight, such as hooks and adapters."""
        copy = type(self).__new__(type(self))
        memo[id(self)] = copy
        copy.__dict__.update(deepcopy(self.__dict__, memo))
        return copy


@isolated()
@torch.inference_mode(mode=False)
def unpacked_network(
    cls: type[PortableModule],
    arguments: tuple[Any, ...],
    weights: bytes,
    learning: set[str],
    training: bool,  # noqa: FBT001 - as `__reduce__` gives it
    device: str,
) -> PortableModule:
    """The network that `PortableModule.__reduce__` has packed."""
    network = with_weights(lambda: cls(*arguments), load(weights))
    for name, value in network.named_parameters():
        value.requires_grad_(name in learning)
    return network.train(training).to(device)
