"""The hold-out rule: what is measured on recordings is measured on others than were trained on.

`hold_out` chooses what is held out, speakers wherever they are known: by default those whose names
hash lowest, so that the same names are chosen on any machine, whatever else is in the data. `split`
then says of every utterance on which side it is, so that no held-out speaker and no held-out text
is trained on, and no speaker makes up too much of a measurement.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")
Name = TypeVar("Name", str, bytes)

Choice = Callable[[Sequence[T], int], Sequence[T]]
"""Chooses a number of items."""


@dataclass(frozen=True)
class Split:
    """Which utterances are trained on, and which are held out, (n,) each; some may be neither."""

    training: NDArray[np.bool_]
    held_out: NDArray[np.bool_]


def by_hash(names: Collection[Name], count: int | None = None) -> list[Name]:
    """Names in the order of their SHA-256 hashes; the first `count` of them."""
    return sorted(names, key=_digest)[:count]


def evenly_spaced(items: Sequence[T], count: int) -> list[T]:
    """Items at even distances."""
    return [items[(2 * index + 1) * len(items) // (2 * count)] for index in range(count)]


def drawn(random: np.random.Generator) -> Choice:
    """A choice at random."""

    def choose(items: Sequence[T], count: int) -> list[T]:
        return [items[index] for index in random.permutation(len(items))[:count]]

    return choose


def hold_out(items: Sequence[T], share: float, choose: Choice) -> list[T]:
    """A share of two items or more: rounded, but at least one, and not all."""
    return list(choose(items, min(max(1, round(share * len(items))), len(items) - 1)))


def hold_out_size(sizes: Mapping[Name, float], share: float) -> set[Name]:
    """The names with the lowest hashes that together make up a share of all sizes, or more."""
    missing, held_out = share * sum(sizes.values()), set()
    for name in by_hash(sizes):
        if missing <= 0:
            break
        held_out.add(name)
        missing -= sizes[name]
    return held_out


def split(
    speakers: Sequence[Name | None],
    held_out: Collection[Name],
    *,
    texts: Sequence[str | None] | None = None,
    sizes: Sequence[float] | None = None,
    largest_share: float = 1.0,
) -> Split:
    """Which utterances are held out, given the held-out speakers.

    speakers: who speaks in each utterance; None: nobody knows, and it is trained on
    texts: what is said in each. An utterance of another speaker with a held-out text is on neither
      side
    sizes: of each utterance, in any unit; all alike by default
    largest_share: the largest share of the held-out sizes that a speaker may make up. Further
      utterances of that speaker are on neither side
    Raises ValueError when there are too few held-out speakers for this share.
    """
    held = np.array([speaker in held_out for speaker in speakers], np.bool_)
    training = ~held
    if texts is not None:
        said = {text for text, out in zip(texts, held, strict=True) if out and text is not None}
        training &= np.array([text not in said for text in texts], np.bool_)
    if largest_share < 1:
        weights = np.ones(len(speakers)) if sizes is None else np.asarray(sizes, np.float64)
        held = _limited(speakers, held, weights, largest_share)
    return Split(training, held)


def _limited(
    speakers: Sequence[Name | None],
    held: NDArray[np.bool_],
    sizes: NDArray[np.float64],
    share: float,
) -> NDArray[np.bool_]:
    """Of each speaker the first held-out utterances that stay within the share."""
    indices: dict[Name | None, list[int]] = {}
    for index in np.flatnonzero(held).tolist():
        indices.setdefault(speakers[index], []).append(index)
    largest = _largest([float(sizes[chosen].sum()) for chosen in indices.values()], share)
    limited = np.zeros_like(held)
    for chosen in indices.values():
        within = np.cumsum(sizes[chosen]) <= largest * (1 + 1e-9)
        limited[np.array(chosen)[within]] = True
    return limited


def _largest(totals: Sequence[float], share: float) -> float:
    """The size c with c = share * sum(min(total, c)), or more where all are smaller."""
    if share * len(totals) < 1:
        raise ValueError(
            f"{len(totals)} held-out speakers cannot each make up at most {share:g} of the "
            "held-out speech: hold out more of them, or allow a larger share"
        )
    ordered = sorted(totals, reverse=True)
    for count, total in enumerate(ordered):
        if share * count >= 1:
            break
        limit = share * sum(ordered[count:]) / (1 - share * count)
        if total <= limit:
            return limit
    return min(ordered)


def _digest(name: str | bytes) -> bytes:
    return hashlib.sha256(name.encode() if isinstance(name, str) else name).digest()
