"""A list of modules that remembers, for the type checker, of which kind they are."""

from collections.abc import Iterator
from typing import Generic, TypeVar, cast

from torch import nn

M = TypeVar("M", bound=nn.Module)


class Modules(nn.ModuleList, Generic[M]):
    """`nn.ModuleList` with a type: `Modules[Block](...)` gives back blocks."""

    def __iter__(self) -> Iterator[M]:
        return cast("Iterator[M]", super().__iter__())

    def __getitem__(self, index: int) -> M:  # type: ignore[override] - no slices
        return cast("M", super().__getitem__(index))
