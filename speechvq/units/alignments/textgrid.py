"""Praat's TextGrid format, long and short.

Files are read as Praat reads them: only free-standing quoted texts and numbers count, so that the
long form is the short one with words in between. The number of intervals is that of the intervals
in the file, not `intervals: size`, and the times are those of the intervals, not `xmax`: programs
write both incorrectly.

praatio (6.2.2) reads wrong sizes and both encodings, but refuses intervals that overlap by a
rounding error or have no length, tiers that share a name, and times like 5e-1. It misreads labels
that look like keys, silently finds no tiers in `xmin=0`, and raises IndexError for other files. So
it is not used here.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from speechvq.errors import AlignmentError
from speechvq.units.alignments.alignment import Alignment, Interval, checked

T = TypeVar("T", str, float)
Tier = tuple[str, list[Interval]]

PHONES = "phones?"
TOKEN = re.compile(
    r'"(?P<text>[^"]*(?:""[^"]*)*)(?P<close>"?)|(?<![^\s=])(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)(?!\S)'
)


def text_of(path: Path) -> str:
    """The text of a file in UTF-8, or in UTF-16 with a byte order mark. Raises AlignmentError."""
    try:
        data = path.read_bytes()
        return data.decode("utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
    except FileNotFoundError as error:
        raise AlignmentError(f"there is no file {path}") from error
    except OSError as error:
        raise AlignmentError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise AlignmentError(
            f"{path} is neither UTF-8 nor marked UTF-16; save it as UTF-8"
        ) from error


def read_textgrid(path: str | Path, tier: str | None = None) -> Alignment:
    """Read an interval tier of a TextGrid.

    tier: its name, or a regular expression that matches the name of one tier only; None: the tier
        with "phone" or "phones" in its name, or else the only tier

    Raises AlignmentError for a file that is not a TextGrid, when no tier or several tiers match,
    and as `checked` does.
    """
    path = Path(path)
    tiers = _Tokens(path).tiers()
    name, intervals = _chosen(tiers, tier, path)
    return checked(intervals, name, path)


def _chosen(tiers: list[Tier], name: str | None, path: Path) -> Tier:
    """The tier of that name. Raises AlignmentError with the names of all tiers."""
    exact = [tier for tier in tiers if tier[0] == name]
    try:
        matching = exact or [
            tier for tier in tiers if re.search(name or PHONES, tier[0], re.IGNORECASE)
        ]
    except re.error as error:
        raise AlignmentError(
            f"{name!r} is not the name of a tier of {path}, nor a regular expression: {error}"
        ) from error
    if not matching and name is None and len(tiers) == 1:
        matching = tiers
    if len(matching) == 1:
        return matching[0]
    names = ", ".join(repr(name) for name, _ in tiers) or "none"
    which = "more than one tier" if len(matching) > 1 else "no tier"
    raise AlignmentError(
        f"{path} has {which} that could be {name or 'phones'!r}; its interval tiers: {names}; "
        "name one"
    )


@dataclass(frozen=True)
class _Token:
    """A text or a number, and its offset in the file."""

    value: str | float
    offset: int


class _Tokens:
    """The texts and numbers of a TextGrid in order. All methods raise AlignmentError."""

    def __init__(self, path: Path) -> None:
        self.path, self.content, self.at = path, text_of(path), 0
        self.tokens: list[_Token] = []
        for match in TOKEN.finditer(self.content):
            if match["text"] is not None and not match["close"]:
                raise AlignmentError(
                    f"{path} is truncated in the text that starts on line "
                    f"{self._line(match.start())}; get a complete copy"
                )
            text = None if match["text"] is None else match["text"].replace('""', '"')
            self.tokens.append(
                _Token(float(match["number"]) if text is None else text, match.start())
            )

    def tiers(self) -> list[Tier]:
        """All interval tiers, unchecked; point tiers are skipped."""
        head = [token.value for token in self.tokens[:2]]
        if len(head) < 2 or not str(head[0]).startswith("ooTextFile") or head[1] != "TextGrid":
            raise AlignmentError(f"{self.path} is not a TextGrid saved as text")
        self.at = 2
        while self._more(float):
            self.at += 1  # xmin, xmax and the number of tiers
        tiers = []
        while self.at < len(self.tokens):
            line = self._line(self.tokens[self.at].offset)
            kind, name = (
                self._next(str, "the class of a tier"),
                self._next(str, "the name of a tier"),
            )
            if kind not in {"IntervalTier", "TextTier"}:
                raise AlignmentError(
                    f"{self.path}, line {line}: {kind!r} is not a class of tiers; fix it there"
                )
            for what in ("xmin of a tier", "xmax of a tier", "the size of a tier"):
                self._next(float, what)
            if kind == "IntervalTier":
                tiers.append((name, self._intervals()))
            else:
                self._points()
        return tiers

    def _intervals(self) -> list[Interval]:
        """The intervals of a tier, until something else follows."""
        intervals = []
        while self._more(float):
            start, end = (
                self._next(float, "the start of an interval"),
                self._next(float, "the end of an interval"),
            )
            intervals.append(Interval(start, end, self._next(str, "the text of an interval")))
        return intervals

    def _points(self) -> None:
        """Skip the points of a tier."""
        while self._more(float):
            self._next(float, "the time of a point")
            self._next(str, "the text of a point")

    def _more(self, kind: type) -> bool:
        """Whether the next token is of a type."""
        return self.at < len(self.tokens) and isinstance(self.tokens[self.at].value, kind)

    def _next(self, kind: type[T], what: str) -> T:
        """The next token, which must be of a type."""
        if self.at == len(self.tokens):
            raise AlignmentError(
                f"{self.path} is truncated where {what} should be; get a complete copy"
            )
        token = self.tokens[self.at]
        if not isinstance(token.value, kind):
            raise AlignmentError(
                f"{self.path}, line {self._line(token.offset)}: {token.value!r} is not {what}; "
                "fix it there"
            )
        self.at += 1
        return token.value

    def _line(self, offset: int) -> int:
        """The line number of an offset."""
        return self.content.count("\n", 0, offset) + 1
