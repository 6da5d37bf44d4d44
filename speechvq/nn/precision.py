"""Where half precision is not enough."""

import torch
from torch import Tensor, nn

from speechvq.errors import ModelError


def precise(x: Tensor) -> Tensor:
    """X in float32, or float64 as it is."""
    return x if x.dtype == torch.float64 else x.float()


def check_weights(network: nn.Module) -> None:
    """Raise ModelError for a network in another precision than float32, or without memory.

    Its codes would be other codes than those that the model's name stands for.
    """
    kinds = {(weight.dtype, weight.device) for weight in network.parameters()}
    for dtype, device in kinds:
        if dtype != torch.float32:
            raise ModelError(
                f"the network's weights are {dtype}, but codes are computed in float32: load the "
                "model again and leave its weights as they are"
            )
        if device.type == "meta":
            raise ModelError("the network's weights are on the device meta: load the model again")
    if len(kinds) > 1:
        devices = ", ".join(sorted(str(device) for _, device in kinds))
        raise ModelError(f"the network's weights are on several devices, {devices}: move it to one")
