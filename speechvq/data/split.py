"""The hold-out rule: measurements are made on other recordings than training.

`hold_out_speech` holds out complete speakers and their texts: those whose names hash lowest, from
each corpus in proportion to its speech, until there are enough minutes. So the same speakers are
chosen on any machine and in any order. Neither a held-out speaker nor a held-out text is trained
on, and no speaker makes up too much of a measurement. `hold_out` takes a share of a few items.
"""

import hashlib
import math
import unicodedata
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from speechvq.config import require
from speechvq.data.manifest import Utterance

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
    """A random choice."""

    def choose(items: Sequence[T], count: int) -> list[T]:
        return [items[index] for index in random.permutation(len(items))[:count]]

    return choose


def hold_out(items: Sequence[T], share: float, choose: Choice) -> list[T]:
    """A share of at least two items, rounded: at least one, and never all."""
    return list(choose(items, min(max(1, round(share * len(items))), len(items) - 1)))


@dataclass(frozen=True)
class HeldOut:
    """How much speech is held out.

    minutes: of speech, as far as `share` and `speaker_share` allow; 0: none
    share: the largest share of all speech that is held out, and the largest that is left out of
      training because a held-out speaker says the same. One speaker is always held out
    speaker_share: the largest share of the held-out speech that a single speaker makes up, where
      there are enough speakers
    """

    minutes: float = 20.0
    share: float = 0.1
    speaker_share: float = 0.1

    def __post_init__(self) -> None:
        require(
            0 <= self.minutes < math.inf,
            f"minutes must not be negative, but is {self.minutes}",
        )
        for name in ("share", "speaker_share"):
            value = getattr(self, name)
            require(0 < value <= 1, f"{name} must be above 0 and at most 1, not {value}")


@dataclass(frozen=True)
class Spoken:
    """The properties of an utterance that the hold-out rule uses; None: unknown."""

    seconds: float
    speaker: str | None = None
    corpus: str | None = None
    text: str | None = None


def spoken(row: Utterance) -> Spoken:
    """These properties of a row of a manifest."""
    return Spoken(row.seconds, row.speaker, row.metadata.get("corpus"), row.metadata.get("text"))


def amounts(rows: Sequence[Spoken], parts: Split) -> dict[str, float]:
    """Minutes and speakers of the held-out speech, in all and by corpus.

    "left_out/minutes" counts the speech on neither side.
    """
    numbers = _amount([row for row, held in zip(rows, parts.held_out, strict=True) if held])
    corpora = sorted({row.corpus for row in rows if row.corpus})
    for corpus in corpora:
        own = zip(rows, parts.held_out, strict=True)
        amount = _amount([row for row, held in own if held and row.corpus == corpus])
        numbers |= {f"{corpus}/{name}": value for name, value in amount.items()}
    used = zip(rows, parts.training | parts.held_out, strict=True)
    left_out = sum(row.seconds for row, is_used in used if not is_used)
    return numbers | {"left_out/minutes": left_out / 60}


def _amount(rows: Sequence[Spoken]) -> dict[str, float]:
    return {
        "minutes": sum(row.seconds for row in rows) / 60,
        "speakers": float(len({row.speaker for row in rows})),
    }


def hold_out_speech(rows: Sequence[Spoken], plan: HeldOut, *, least: int = 0) -> Split:
    """Which utterances are trained on, and which are held out.

    least: how many speakers are held out where there are more, even if only few are named

    Utterances of unknown speakers are trained on. Texts are compared without case and punctuation:
    of a text on both sides the utterances that would be trained on are left out, so far as this
    leaves out no more than `plan.share`, and those that would be held out beyond. Where nothing
    would be held out then, texts are not compared. A held-out speaker who would make up more of the
    measurement than `plan.speaker_share` is measured on some utterances only.
    """
    chosen = held_out_speakers(rows, plan, least=least)
    held = np.array([row.speaker in chosen for row in rows], np.bool_)
    kept = ~_repeated(rows, held, plan.share)
    if not (held & kept).any():
        kept = np.ones_like(held)
    return Split(kept & ~held, _limited(rows, kept & held, plan))


def held_out_speakers(rows: Sequence[Spoken], plan: HeldOut, *, least: int = 0) -> set[str]:
    """The speakers that `hold_out_speech` holds out.

    From each corpus as much is taken as is in proportion to its speech, so far as it can be: at
    most a third of its speakers, so nobody from one with one or two speakers. Where this is so in
    every corpus, all are taken for one. Speakers with more speech than one may make up of the
    measurement come last, as they leave less to train on for the same measurement.
    """
    own, corpora = dict[str, list[Spoken]](), dict[str, str]()
    for row in rows:
        if row.speaker is not None:
            own.setdefault(row.speaker, []).append(row)
            corpus = row.corpus or ""
            corpora[row.speaker] = min(corpora.get(row.speaker, corpus), corpus)
    sizes = {speaker: sum(row.seconds for row in own[speaker]) for speaker in own}
    budget, target = plan.share * sum(row.seconds for row in rows), _target(rows, plan)
    most = plan.speaker_share * target
    queues, places = _queues(sizes, corpora, most, least)
    totals = {corpus: sum(sizes[speaker] for speaker in queues[corpus]) for corpus in queues}
    counted, chosen, taken = dict.fromkeys(queues, 0.0), set[str](), 0.0
    while sum(counted.values()) < target:
        open_corpora = [corpus for corpus in queues if queues[corpus] and places[corpus]]
        if not open_corpora:
            break
        corpus = min(open_corpora, key=lambda name: (counted[name] / totals[name], name))
        speaker = queues[corpus].pop(0)
        if chosen and taken + sizes[speaker] > budget:
            continue
        chosen.add(speaker)
        taken += sizes[speaker]
        counted[corpus] += sum(own[speaker][index].seconds for index in _within(own[speaker], most))
        places[corpus] -= 1
    return chosen


def _queues(
    sizes: Mapping[str, float], corpora: Mapping[str, str], most: float, least: int
) -> tuple[dict[str, list[str]], dict[str, int]]:
    """For each corpus, its speakers in the order of choice, and how many may be chosen.

    most: the size from which on a speaker comes last
    """
    queues = dict[str, list[str]]()
    for speaker in sorted(sizes, key=lambda name: (sizes[name] > most, _digest(name))):
        queues.setdefault(corpora[speaker], []).append(speaker)
    if all(len(queue) < 3 for queue in queues.values()):
        queues = {"": sorted(sizes, key=lambda name: (sizes[name] > most, _digest(name)))}
    places = {corpus: len(queue) // 3 for corpus, queue in queues.items()}
    if not any(places.values()):
        places = {"": min(least, max(0, len(sizes) - 1))}
    return queues, places


def normalized(text: str) -> str:
    """A text as it is compared with others: letters and digits in lower case, single spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    folded = folded.replace("'", "").replace("\u2019", "")
    return " ".join("".join(c if c.isalnum() else " " for c in folded).split())


def _repeated(rows: Sequence[Spoken], held: NDArray[np.bool_], share: float) -> NDArray[np.bool_]:
    """The utterances that are left out because the other side has the same text."""
    texts = dict[str, tuple[list[int], list[int]]]()
    for index, row in enumerate(rows):
        if text := normalized(row.text or ""):
            texts.setdefault(text, ([], []))[int(held[index])].append(index)
    repeated, lost = np.zeros_like(held), 0.0
    budget = share * sum(row.seconds for row in rows)
    for text in by_hash([text for text, sides in texts.items() if all(sides)]):
        training, held_out = texts[text]
        size = sum(rows[index].seconds for index in training)
        fits = lost + size <= budget
        repeated[training if fits else held_out] = True
        lost += size if fits else 0.0
    return repeated


def _target(rows: Sequence[Spoken], plan: HeldOut) -> float:
    """The seconds of speech to hold out."""
    return min(60 * plan.minutes, plan.share * sum(row.seconds for row in rows))


def _limited(rows: Sequence[Spoken], held: NDArray[np.bool_], plan: HeldOut) -> NDArray[np.bool_]:
    """The held-out utterances, of each speaker no more than `plan.speaker_share` allows."""
    indices: dict[str | None, list[int]] = {}
    for index in np.flatnonzero(held).tolist():
        indices.setdefault(rows[index].speaker, []).append(index)
    totals = [sum(rows[index].seconds for index in own) for own in indices.values()]
    if len(totals) < 2:
        return held
    if plan.speaker_share * len(totals) >= 1:
        most = min(_largest(totals, plan.speaker_share), plan.speaker_share * _target(rows, plan))
    else:
        most = _largest(totals, min(1.0, 2 / len(totals)))
    limited = np.zeros_like(held)
    for own in indices.values():
        limited[[own[index] for index in _within([rows[index] for index in own], most)]] = True
    return limited


def _within(rows: Sequence[Spoken], most: float) -> list[int]:
    """The indices of utterances that last at most `most` seconds together, but at least one.

    They are chosen by the hashes of their texts and lengths, so independently of their order.
    """
    order = sorted(range(len(rows)), key=lambda i: _digest(f"{rows[i].text} {rows[i].seconds}"))
    lengths = np.cumsum([rows[index].seconds for index in order])
    return order[: max(1, int((lengths <= most * (1 + 1e-9)).sum()))]


def _largest(totals: Sequence[float], share: float) -> float:
    """The limit c with c = share * sum(min(total, c)), or more where no total exceeds it."""
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
