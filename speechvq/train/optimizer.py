"""Which parameters learn at which rate, and the state of an optimizer as plain tensors."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from speechvq.errors import shown
from speechvq.quantize.codebook import Codebook

MOMENTS = 3
"""How many times as large as its parameters the state of an optimizer is, at most."""

PARTS = ("encoder", "topdown", "decoder", "reference")
"""The parts of a codec's network that can be frozen."""


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
    """The parameters that are not frozen, in groups with a weight decay and a learning rate each.

    codebook_learning_rate, variance_learning_rate: as multiples of the network's; the "scale" of a
      group

    Only matrices decay: not biases, norms, codebooks or log variances, for decay would pull s^2 to
    1. Log variances, one number a codebook, and codebooks that learn by gradient have learning
    rates of their own, as they have a long way to go: s^2 falls a hundredfold, and codewords must
    follow latents that move; each `Codebook` says which parameters those are.
    """
    matrices, vectors, codebooks, variances = [], [], [], []
    modules = [module for module in model.modules() if isinstance(module, Codebook)]
    of_codebooks = {id(p) for module in modules for p in module.codebook_parameters}
    of_variances = {id(p) for module in modules for p in module.variance_parameters}
    for parameter in model.parameters():
        if not parameter.requires_grad:
            continue
        if id(parameter) in of_codebooks:
            codebooks.append(parameter)
        elif id(parameter) in of_variances:
            variances.append(parameter)
        else:
            (vectors if parameter.ndim < 2 else matrices).append(parameter)
    groups = [
        {"params": matrices, "weight_decay": weight_decay, "scale": 1.0},
        {"params": vectors, "weight_decay": 0.0, "scale": 1.0},
        {"params": codebooks, "weight_decay": 0.0, "scale": codebook_learning_rate},
        {"params": variances, "weight_decay": 0.0, "scale": variance_learning_rate},
    ]
    return [group for group in groups if group["params"]]


def flat(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """The state of an optimizer by the number of the parameter and the name of the value."""
    state = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": value.contiguous()
        for index, values in state.items()
        for name, value in values.items()
    }


def restore(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Give an optimizer the state that `flat` made of another.

    Raises ValueError when that is the state of other parameters.
    """
    groups = optimizer.state_dict()["param_groups"]
    numbers = [number for group in groups for number in group["params"]]
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    expected = {
        f"{number}.{name}": torch.zeros(()) if name == "step" else parameter
        for number, parameter in zip(numbers, parameters, strict=True)
        if f"{number}.step" in tensors  # what has had no gradient has no state
        for name in ("step", "exp_avg", "exp_avg_sq")
    }
    state: dict[int, dict[str, Any]] = {}
    for key, value in fitting(tensors, expected).items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def fitting(tensors: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, if they have the names, shapes and types of the expected, and finite numbers.

    Raises ValueError otherwise.
    """
    if differing := sorted(tensors.keys() ^ expected.keys()):
        has = "has" if differing[0] in tensors else "lacks"
        raise ValueError(f"it {has} {shown(differing[0])}")
    for name, want in expected.items():
        value = tensors[name]
        if (value.shape, value.dtype) != (want.shape, want.dtype):
            raise ValueError(
                f"{name} has the shape {tuple(value.shape)} of {value.dtype}, not "
                f"{tuple(want.shape)} of {want.dtype}"
            )
        if not torch.isfinite(value).all():
            raise ValueError(f"{name} has numbers that are not finite")
    return dict(tensors)
