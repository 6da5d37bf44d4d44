"""Which parameters learn at which rate, and an optimizer's state as plain tensors."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from speechvq.quantize.codebook import Codebook

PARTS = ("encoder", "topdown", "decoder", "reference")
"""What can be frozen."""


def freeze(network: nn.Module, parts: Sequence[str]) -> None:
    """Let these parts of the network keep their weights."""
    for part in parts:
        network.get_submodule(part).requires_grad_(False)  # noqa: FBT003 - torch's name for it


def parameter_groups(
    model: nn.Module,
    *,
    weight_decay: float,
    codebook_learning_rate: float,
    variance_learning_rate: float,
) -> list[dict[str, Any]]:
    """What is not frozen, with weight decay for matrices only: not for biases, norms, codebooks or log variances.

    Decay would pull s^2 to 1. Log variances, one number a codebook, and codebooks that learn by
    gradient have learning rates of their own, because their way is long (s^2 falls a hundredfold, and
    codewords must follow latents that move); each `Codebook` says which parameters those are.
    """
    modules = [module for module in model.modules() if isinstance(module, Codebook)]
    of_codebooks = {id(p) for module in modules for p in module.codebook_parameters}
    of_variances = {id(p) for module in modules for p in module.variance_parameters}
    decayed, free, codebooks, variances = [], [], [], []
    for parameter in model.parameters():
        if not parameter.requires_grad:
            continue
        if id(parameter) in of_codebooks:
            codebooks.append(parameter)
        elif id(parameter) in of_variances:
            variances.append(parameter)
        else:
            (free if parameter.ndim < 2 else decayed).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": weight_decay, "scale": 1.0},
        {"params": free, "weight_decay": 0.0, "scale": 1.0},
        {"params": codebooks, "weight_decay": 0.0, "scale": codebook_learning_rate},
        {"params": variances, "weight_decay": 0.0, "scale": variance_learning_rate},
    ]
    return [group for group in groups if group["params"]]


def flat(optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The state of an optimizer by number and name."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": value.contiguous()
        for index, values in state.items()
        for name, value in values.items()
    }


def restore(optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]) -> None:
    """Give an optimizer what `flat` made of another."""
    state: dict[int, dict[str, Any]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict(
        {"state": state, "param_groups": optimizer.state_dict()["param_groups"]}
    )
