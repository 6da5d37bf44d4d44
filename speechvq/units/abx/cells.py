"""Cells of an ABX task: sets of items A, B and X that differ only in what is tested.

A and X have one phone, B has another; A and B have one speaker; all three have one context. Within
speakers X has that speaker, too; then A and X are the same items, and no triple uses an item twice.
Across speakers X has another speaker. (Schatz et al. 2013; as in ZeroSpeech 2021 and fastabx.)
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

from speechvq.units.abx.dtw import Indices
from speechvq.units.abx.items import Item

T = TypeVar("T")

Speaker = Literal["within", "across"]
Context = Literal["triphone", "any"]
Around = tuple[str, str] | None
Groups = dict[Around, dict[str, dict[str, Indices]]]
"""The indices of items by context, speaker and phone, in this order."""


@dataclass(frozen=True)
class Subsample:
    """The part of a task that is evaluated; None: all of it.

    max_size_group: items of one phone, context and speaker that are drawn, at least 2 (ZeroSpeech
        2021: 10)
    max_x_across: speakers of X that are drawn for each set A (ZeroSpeech 2021: 5)
    seed: of the draw; each group is drawn from once, and the draw is used in all its cells
    """

    max_size_group: int | None = None
    max_x_across: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.max_size_group is not None and self.max_size_group < 2:
            raise ValueError(
                f"max_size_group is {self.max_size_group}: at least 2, as A and X are taken from "
                "one group"
            )
        if self.max_x_across is not None and self.max_x_across < 1:
            raise ValueError(
                f"max_x_across is {self.max_x_across}: at least 1 speaker must be left"
            )


@dataclass(frozen=True)
class Cell:
    """All triples of one phone, other phone, context, and pair of speakers.

    phone, other: of A and X, and of B
    speaker, x_speaker: of A and B, and of X
    a, b, x: indices of their items, each increasing
    """

    phone: str
    other: str
    context: Around
    speaker: str
    x_speaker: str
    a: Indices
    b: Indices
    x: Indices

    @property
    def symmetric(self) -> bool:
        """Whether A and X are the same items."""
        return self.speaker == self.x_speaker

    @property
    def triples(self) -> int:
        """The number of triples."""
        return len(self.a) * len(self.b) * (len(self.x) - self.symmetric)


def cells(
    items: Sequence[Item], speaker: Speaker, context: Context, subsample: Subsample
) -> Iterator[Cell]:
    """All cells of a task; those that differ only in B are consecutive."""
    random = np.random.default_rng(subsample.seed)
    for around, speakers in _groups(items, context, subsample.max_size_group, random).items():
        for name, phones in speakers.items():
            for phone, a in phones.items():
                others = [other for other in speakers if other != name and phone in speakers[other]]
                for x_name in (
                    _drawn(others, subsample.max_x_across, random)
                    if speaker == "across"
                    else [name]
                ):
                    if x_name == name and len(a) < 2:
                        continue
                    for other, b in phones.items():
                        if other != phone:
                            yield Cell(
                                phone, other, around, name, x_name, a, b, speakers[x_name][phone]
                            )


def _groups(
    items: Sequence[Item], context: Context, most: int | None, random: np.random.Generator
) -> Groups:
    """Items that can replace each other, at most `most` of each group."""
    groups: dict[Around, dict[str, dict[str, list[int]]]] = {}
    for place, item in enumerate(items):
        around = (item.previous, item.next) if context == "triphone" else None
        groups.setdefault(around, {}).setdefault(item.speaker, {}).setdefault(
            item.phone, []
        ).append(place)
    return {
        around: {
            name: {
                phone: np.array(_drawn(places, most, random), np.intp)
                for phone, places in phones.items()
            }
            for name, phones in speakers.items()
        }
        for around, speakers in groups.items()
    }


def _drawn(values: list[T], most: int | None, random: np.random.Generator) -> list[T]:
    """At most `most` of the values, in the same order."""
    if most is None or len(values) <= most:
        return values
    return [
        values[place] for place in sorted(random.choice(len(values), most, replace=False).tolist())
    ]
