"""Praat's TextGrid format, long and short.

Files are read as Praat reads them: only free-standing quoted texts and numbers count, so that the
long form is the short one with words in between. The number of intervals is that of the intervals
in the file, not `intervals: size`, and the times are those of the intervals, not `xmax`: programs
write both incorrectly. But a last tier with fewer intervals than its size, or fewer tiers than
their number, is a file cut off, and refused.

praatio (6.2.2) reads wrong sizes and both encodings, but refuses intervals that overlap by a
rounding error or have no length, tiers that share a name, and times like 5e-1. It misreads labels
that look like keys, silently finds no tiers in `xmin=0`, and raises IndexError for other files. So
it is not used here.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from speechvq.errors import AlignmentError, shown
from speechvq.limits import INTERVALS
from speechvq.units.alignments.alignment import Alignment, Interval, checked
from speechvq.units.alignments.text import text_of

T = TypeVar("T", str, float)

PHONES = "phone"
"""Part of the name of the tier with the phones, in any case."""

TOKEN = re.compile(
    r'"(?P<text>[^"]*+(?:""[^"]*+)*+)(?P<close>"?)'
    r"|(?<![^\s=])(?P<number>[-+]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][-+]?[0-9]++)?+)(?!\S)"
)
"""A text or a number. Without backtracking, so the time is linear in the length of the file."""

BINARY = "ooBinaryFile"
KINDS = ("IntervalTier", "TextTier")


@dataclass(frozen=True)
class Tier:
    """A tier as the file has it: its name, and its intervals, None for a tier of points."""

    name: str
    intervals: list[Interval] | None


def read_textgrid(path: str | Path, tier: str | int | None = None) -> Alignment:
    """Read an interval tier of a TextGrid.

    tier: its name, or a part of the name that occurs in a single tier, in any case; or its number
        in the file, counted from 1 as in Praat. None: the tier with "phone" in its name, or else
        the only tier

    Raises AlignmentError for a file that is not a TextGrid, when no tier or several tiers match,
    and as `checked` does.
    """
    path = Path(path)
    tiers = _Tokens(path).tiers()
    chosen = _chosen(tiers, None if tier is None else str(tier), path)
    if chosen.intervals is None:
        raise AlignmentError(
            f"{path}: the tier {chosen.name!r} has points, not intervals; name one of "
            f"{_listed(tiers)}"
        )
    return checked(chosen.intervals, chosen.name, path)


def _chosen(tiers: list[Tier], name: str | None, path: Path) -> Tier:
    """The tier of that name or number. Raises AlignmentError with the names of all tiers."""
    intervals = [tier for tier in tiers if tier.intervals is not None]
    matching = [tier for tier in intervals if tier.name == name]
    if not matching and name is not None and re.fullmatch("[0-9]{1,6}", name):
        matching = tiers[int(name) - 1 : int(name)] if int(name) else []
    if not matching:
        part = (PHONES if name is None else name).casefold()
        matching = [tier for tier in intervals if part in tier.name.casefold()]
    if not matching and name is None and len(intervals) == 1:
        matching = intervals
    if len(matching) == 1:
        return matching[0]
    which = "more than one tier" if len(matching) > 1 else "no tier"
    raise AlignmentError(
        f"{path} has {which} that could be {shown(name or 'phones')}; give the name or the number "
        f"of one of {_listed(tiers)}"
    )


def _listed(tiers: list[Tier]) -> str:
    """The interval tiers, each with its number."""
    names = [
        f"{number} {shown(tier.name)}"
        for number, tier in enumerate(tiers, 1)
        if tier.intervals is not None
    ]
    return f"its interval tiers: {', '.join(names[:20]) or 'none'}{', ...' if names[20:] else ''}"


@dataclass(frozen=True)
class _Token:
    """A text or a number, and its offset in the file."""

    value: str | float
    offset: int


class _Tokens:
    """The texts and numbers of a TextGrid in order. All methods raise AlignmentError."""

    def __init__(self, path: Path) -> None:
        self.path, self.content, self.count = path, text_of(path), 0
        if self.content.startswith(BINARY):
            raise AlignmentError(f"{path} is a binary TextGrid; in Praat, choose Save as text file")
        self.tokens = self._tokens()
        self.token = next(self.tokens, None)

    def tiers(self) -> list[Tier]:
        """All tiers, unchecked."""
        kind = self._next(str, "the type of the file") if self._more(str) else ""
        if not kind.startswith("ooTextFile") or not self._more(str) or self._skip() != "TextGrid":
            raise AlignmentError(f"{self.path} is not a TextGrid saved as text")
        numbers = []  # xmin, xmax and the number of tiers
        while self._more(float):
            numbers.append(self._skip())
        tiers: list[Tier] = []
        while self.token is not None:
            tiers.append(self._tier())
        if len(tiers) < (numbers[2] if len(numbers) > 2 else 0):
            raise AlignmentError(
                f"{self.path} is truncated: it has {len(tiers)} of {numbers[2]:g} tiers; get a "
                "complete copy, or correct that number"
            )
        return tiers

    def _tier(self) -> Tier:
        """The tier that starts here."""
        token = self.token
        kind = self._next(str, "the class of a tier")
        name = self._next(str, "the name of a tier")
        if token is None or kind not in KINDS:
            raise AlignmentError(
                f"{self._at(token)}: {shown(kind)} is not a class of tiers; fix it there"
            )
        for what in ("xmin of a tier", "xmax of a tier"):
            self._next(float, what)
        size = self._next(float, "the size of a tier")
        if kind == "IntervalTier":
            intervals = self._intervals()
            count = len(intervals)
        else:
            intervals, count = None, self._points()
        if self.token is None and count < size:
            raise AlignmentError(
                f"{self.path} is truncated: its last tier, {shown(name)}, has {count} of {size:g} "
                "intervals or points; get a complete copy, or correct that number"
            )
        return Tier(name, intervals)

    def _intervals(self) -> list[Interval]:
        """The intervals of a tier, up to the next token that begins none."""
        intervals = []
        while self._more(float):
            self._count_interval()
            start = self._next(float, "the start of an interval")
            end = self._next(float, "the end of an interval")
            intervals.append(Interval(start, end, self._next(str, "the text of an interval")))
        return intervals

    def _points(self) -> int:
        """Skip the points of a tier, and count them."""
        count = 0
        while self._more(float):
            self._next(float, "the time of a point")
            self._next(str, "the text of a point")
            count += 1
        return count

    def _count_interval(self) -> None:
        """Count an interval towards the limit of the file."""
        self.count += 1
        if self.count > INTERVALS:
            raise AlignmentError(f"{self.path} has more than {INTERVALS} intervals; split the file")

    def _tokens(self) -> Iterator[_Token]:
        """All texts and numbers."""
        for match in TOKEN.finditer(self.content):
            text = match["text"]
            if text is None:
                yield _Token(float(match["number"]), match.start())
            elif match["close"]:
                yield _Token(text.replace('""', '"'), match.start())
            else:
                raise AlignmentError(
                    f"{self.path} is truncated in the text that starts on line "
                    f"{self._line(match.start())}; get a complete copy"
                )

    def _more(self, kind: type) -> bool:
        """Whether the next token is of a type."""
        return self.token is not None and isinstance(self.token.value, kind)

    def _skip(self) -> str | float:
        """The next token, of any type."""
        if self.token is None:
            raise AlignmentError(f"{self.path} is truncated; get a complete copy")
        token, self.token = self.token, next(self.tokens, None)
        return token.value

    def _next(self, kind: type[T], what: str) -> T:
        """The next token, which must be of a type."""
        if self.token is None:
            raise AlignmentError(
                f"{self.path} is truncated where {what} should be; get a complete copy"
            )
        if not isinstance(self.token.value, kind):
            raise AlignmentError(
                f"{self._at(self.token)}: {shown(self.token.value)} is not {what}; fix it there"
            )
        return self._skip()  # type: ignore[return-value]

    def _at(self, token: _Token | None) -> str:
        """The place of a token, by its line."""
        return f"{self.path}, line {self._line(token.offset if token else len(self.content))}"

    def _line(self, offset: int) -> int:
        """The line number of an offset."""
        return self.content.count("\n", 0, offset) + 1
