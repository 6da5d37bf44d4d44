"""Codes that do not depend on what a caller has set in torch and NumPy.

    with isolated():
        ...

Each entry point that computes with a network runs in `isolated`, and none relies on the default
type of torch's numbers, on its default device or on its random generator. Afterwards everything is
as the caller had set it, also after an error.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from speechvq.errors import ConfigError, shown
from speechvq.limits import PARAMETERS

N = TypeVar("N", bound=nn.Module)

DEVICES = ("cpu", "cuda", "mps", "xpu", "hpu", "mtia")
"""Kinds of devices that have an autocast of their own."""

PRODUCTS: tuple[Any, ...] = (
    torch.backends.mkldnn.matmul,  # type: ignore[attr-defined]
    torch.backends.mkldnn.conv,  # type: ignore[attr-defined]
    torch.backends.cuda.matmul,
    torch.backends.cudnn.conv,  # type: ignore[attr-defined]
)
"""What may round the factors of float32 products to fewer bits, when `fp32_precision` allows it."""


class _ExactProducts:
    """Products of float32 in float32, as long as any thread computes.

    Torch keeps this for the whole process. The first thread that comes in sets it, and the last one
    that goes out sets it back.
    """

    def __init__(self) -> None:
        self._lock, self._inside = Lock(), 0
        self._previous: list[tuple[Any, str]] = []

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                settings = [(product, product.fp32_precision) for product in PRODUCTS]
                self._previous = [pair for pair in settings if pair[1] not in ("none", "ieee")]
                for product, _ in self._previous:
                    product.fp32_precision = "ieee"

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                for product, precision in self._previous:
                    product.fp32_precision = precision


class _Process:
    """What holds for one process: its products, and whether it must set its number of threads."""

    def __init__(self, *, forked: bool = False) -> None:
        self.products, self.forked = _ExactProducts(), forked

    def set_threads(self) -> None:
        """In a forked process, set torch to one thread, once.

        The threads of OpenMP do not survive a fork: with more than one torch would wait for them
        for ever.
        """
        if self.forked:
            self.forked = False
            torch.set_num_threads(1)


_process = _Process()


def _after_fork() -> None:
    global _process  # noqa: PLW0603 - there is one process
    _process = _Process(forked=True)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def isolated() -> Iterator[None]:
    """Compute in float32, and on the devices of the tensors, whatever the caller has set.

    Off are autocast, function modes and with them default devices, products of fewer bits than
    float32 has, and NumPy's warnings. Also a decorator: `@isolated()`. Gradients are left as they
    are.
    """
    _process.set_threads()
    with ExitStack() as stack:
        stack.enter_context(torch._C.DisableTorchFunction())  # noqa: SLF001 - has no other name
        for kind in DEVICES:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        stack.enter_context(_process.products)
        stack.enter_context(np.errstate(all="ignore"))
        yield


@contextmanager
def standard_defaults() -> Iterator[None]:
    """New tensors are in float32 and on the CPU, whatever the process has set as its defaults.

    For training, which makes tensors everywhere; afterwards the defaults are as they were. They
    hold for all threads. Also a decorator: `@standard_defaults()`.
    """
    with ExitStack() as stack:
        if torch.get_default_device() != torch.device("cpu"):
            stack.enter_context(torch.device("cpu"))
        stack.enter_context(_float32_default())
        yield


@contextmanager
def _float32_default() -> Iterator[None]:
    previous = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(previous)


def checked_device(device: object) -> torch.device:
    """A device that there is, and that has memory. Raises ConfigError."""
    try:
        checked = torch.device(device)  # type: ignore[arg-type] - whatever was given
        torch.zeros(1, device=checked).cpu()
    except (RuntimeError, TypeError, ValueError, AssertionError, ImportError) as error:
        raise ConfigError(
            f"cannot compute on the device {shown(device)}; give one that torch has here, such as "
            "cpu, the default"
        ) from error
    return checked


def with_weights(build: Callable[[], N], weights: dict[str, Tensor]) -> N:
    """The network that `build` makes, with these weights.

    It is built without memory and without drawing a random number; the weights are taken, not
    copied. Raises RuntimeError where their names or shapes are not those of the network.
    """
    network = on_meta(build)
    expected = network.state_dict()
    for name, value in expected.items():
        if name not in weights:
            raise RuntimeError(f"it lacks the weights {name}")
        if weights[name].shape != value.shape:
            have, want = tuple(weights[name].shape), tuple(value.shape)
            raise RuntimeError(f"its weights {name} have the shape {have}, not {want}")
    for name in weights:
        if name not in expected:
            raise RuntimeError(f"it has the unknown weights {shown(name)}")
    network.load_state_dict(weights, assign=True)
    return network


def on_meta(build: Callable[[], N]) -> N:
    """The network that `build` makes, without memory for its weights; also inside `isolated`."""
    with torch._C._EnableTorchFunction(), torch.device("meta"), _Undrawn():  # type: ignore[attr-defined] # noqa: SLF001 - as above
        return build()


class _Undrawn(TorchFunctionMode):
    """No normal numbers are drawn where there is no memory: torch would load its compiler first."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401 - torch's
        if func in (nn.init.normal_, Tensor.normal_):
            return args[0] if args else kwargs["tensor"]
        return (torch.empty if func is torch.randn else func)(*args, **kwargs or {})


def network_init(init: Callable[..., None]) -> Callable[..., None]:
    """For the `__init__` of a network: its weights are in float32, and not too many.

    A network of too many weights raises ConfigError before it takes memory.
    """

    @wraps(init)
    def measured(self: nn.Module, *args: Any, **options: Any) -> None:  # noqa: ANN401
        if torch.empty(0).device.type != "meta":
            on_meta(lambda: type(self)(*args, **options))
            with _float32_default():
                init(self, *args, **options)
        else:  # also while others compute: a model is being loaded, whose weights have their type
            init(self, *args, **options)
        numbers = sum(part.numel() for part in (*self.parameters(), *self.buffers()))
        if numbers > PARAMETERS:
            raise ConfigError(
                f"the network has {numbers} weights, and at most {PARAMETERS} are possible; make "
                "it narrower or shallower"
            )

    return measured
