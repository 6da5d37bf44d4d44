"""Alignments and codes in other programs' formats: TextGrid, CTM, fairseq's .km, Audacity's labels.

Times are written to the microsecond; `readers` reads all of these files.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import AlignmentError
from speechvq.output import check_writable, new_file
from speechvq.units.alignments.alignment import Alignment, Interval, checked


def write_textgrid(
    path: Path, tiers: Sequence[Alignment], *, seconds: float = 0.0, force: bool = False
) -> None:
    """Write a TextGrid in the long form with one interval tier for each alignment.

    seconds: duration of the recording; the file ends with the last interval if that ends later

    Gaps become intervals with an empty label. Raises AlignmentError when there are no tiers or two
    of one name, and as `checked` does; OutputError.
    """
    names = [tier.tier for tier in tiers]
    if not names or len(set(names)) < len(names):
        raise AlignmentError(
            f"{path} cannot have the tiers {names}: give some, each with its own name"
        )
    tiers = [checked(tier.intervals, tier.tier, path) for tier in tiers]
    end = _micro(max(seconds, *(tier.end for tier in tiers)))
    lines = [
        'File type = "ooTextFile"',
        'Object class = "TextGrid"',
        "",
        "xmin = 0 ",
        f"xmax = {_digits(end)} ",
    ]
    lines += ["tiers? <exists> ", f"size = {len(tiers)} ", "item []: "]
    for number, tier in enumerate(tiers, 1):
        rows = _tiled(tier.intervals, end)
        lines += [
            f"    item [{number}]:",
            '        class = "IntervalTier" ',
            f"        name = {_quoted(tier.tier)} ",
        ]
        lines += [
            "        xmin = 0 ",
            f"        xmax = {_digits(end)} ",
            f"        intervals: size = {len(rows)} ",
        ]
        for place, (first, last, label) in enumerate(rows, 1):
            lines += [f"        intervals [{place}]:", f"            xmin = {_digits(first)} "]
            lines += [
                f"            xmax = {_digits(last)} ",
                f"            text = {_quoted(label)} ",
            ]
    _write(path, lines, force=force)


def write_ctm(
    path: Path, alignments: Mapping[str, Alignment], *, channel: str = "1", force: bool = False
) -> None:
    """Write a CTM of many utterances by their names; intervals with an empty label are left out.

    Raises AlignmentError for names and labels with spaces, which CTM cannot hold, and when no
    interval has a label, and as `checked` does; OutputError.
    """
    lines: list[str] = []
    for name, alignment in alignments.items():
        for interval in checked(alignment.intervals, alignment.tier, path).intervals:
            if interval.label:
                first, last = _micro(interval.start), _micro(interval.end)
                words = (
                    _word(name, path),
                    _word(channel, path),
                    _digits(first),
                    _digits(last - first),
                    _word(interval.label, path),
                )
                lines.append(" ".join(words))
    if not lines:
        raise AlignmentError(
            f"{path}: nothing in these alignments has a label, so there is nothing to write"
        )
    _write(path, lines, force=force)


def write_audacity(path: Path, alignment: Alignment, *, force: bool = False) -> None:
    """Write labels for Audacity: start, end and label between tabs.

    Raises AlignmentError for labels with tabs or line breaks, which the format cannot hold, and as
    `checked` does; OutputError.
    """
    lines: list[str] = []
    for interval in checked(alignment.intervals, alignment.tier, path).intervals:
        if set(interval.label) & set("\t\r\n"):
            raise AlignmentError(
                f"{path}: the label {interval.label!r} has a tab or lines, which Audacity's labels "
                "cannot hold"
            )
        lines.append(f"{interval.start:.6f}\t{interval.end:.6f}\t{interval.label}")
    _write(path, lines, force=force)


def write_km(path: Path, utterances: Iterable[NDArray[np.integer]], *, force: bool = False) -> None:
    """Write the codes (n,) of each utterance as a line of numbers, for fairseq.

    Raises OutputError, and ValueError for negative codes.
    """
    lines: list[str] = []
    for codes in utterances:
        if (codes < 0).any():
            raise ValueError(f"the codes of utterance {len(lines) + 1} go below 0")
        lines.append(" ".join(map(str, codes.tolist())))
    _write(path, lines, force=force)


def _tiled(intervals: Sequence[Interval], end: int) -> list[tuple[int, int, str]]:
    """Adjacent intervals in microseconds from 0 to the end; gaps get an empty label."""
    rows: list[tuple[int, int, str]] = []
    reached = 0
    for interval in [*intervals, Interval(end / 1e6, end / 1e6, "")]:
        first, last = _micro(interval.start), _micro(interval.end)
        if first > reached:
            rows.append((reached, first, ""))
        if last > first:
            rows.append((first, last, interval.label))
        reached = last
    return rows


def _micro(seconds: float) -> int:
    """A time in seconds as microseconds."""
    return round(seconds * 1e6)


def _digits(micro: int) -> str:
    """A time in microseconds as seconds, without trailing zeros."""
    return f"{micro / 1e6:.6f}".rstrip("0").rstrip(".")


def _quoted(text: str) -> str:
    """A text as a TextGrid holds it: every quote doubled."""
    return '"' + text.replace('"', '""') + '"'


def _word(text: str, path: Path) -> str:
    """The same text. Raises AlignmentError when it is not one word, or starts a comment."""
    if text.split() != [text] or text.startswith(";;"):
        raise AlignmentError(
            f"{path}: {text!r} is not one word, and CTM can hold nothing else; rename it"
        )
    return text


def _write(path: Path, lines: Sequence[str], *, force: bool) -> None:
    """Write lines. Raises OutputError."""
    check_writable(path, force=force)
    with new_file(path, force=force) as file:
        file.write("".join(f"{line}\n" for line in lines).encode())
