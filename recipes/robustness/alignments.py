"""Alignments: TextGrids, TIMIT's and Buckeye's labels, CTM, HTK, Audacity, and fairseq's codes.

What is accepted is written in the formats that the library writes, and read as the same.
"""

from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy as np

from recipes.robustness.case import Case, require, use
from recipes.robustness.texts import damaged_text, encoded
from speechvq.errors import AlignmentError
from speechvq.units.alignments.alignment import Alignment, labeled
from speechvq.units.alignments.readers import read_alignment, read_km
from speechvq.units.alignments.writers import write_audacity, write_ctm, write_km, write_textgrid

ROUNDING = 2e-6
"""Seconds; times are written to the microsecond."""

LONG = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 0.9
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "words"
        xmin = 0
        xmax = 0.9
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 0.9
            text = "a ""quoted"" word"
    item [2]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 0.9
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.25
            text = ""
        intervals [2]:
            xmin = 0.25
            xmax = 0.5
            text = "AH0"
        intervals [3]:
            xmin = 0.5
            xmax = 0.9
            text = "ʃ"
    item [3]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 0.9
        points: size = 1
        points [1]:
            number = 0.3
            mark = "x"
"""
SHORT = """File type = "ooTextFile"
"TextGrid"

0
0.9
<exists>
1
"IntervalTier"
"phone"
0
0.9
2
0
0.4
"sil"
0.4
0.9
"AH"
"""
FILES = {
    "long.TextGrid": LONG,
    "short.TextGrid": SHORT,
    "grid.txt": LONG,
    "a.phn": "0 3050 h#\n3050 4559 sh\n4559 5723 ix\n",
    "a.wrd": "3050 5723 she\n5723 10337 had\n",
    "a.ctm": ";; made\nutt1 1 0.00 0.25 SIL 0.9\nutt1 1 0.25 0.31 AH\nutt1 1 0.56 0.1 T 1.0\n",
    "a.phones": "signal x\ntype 0\n#\n 0.25 121 SIL\n 0.5 121 ah; x\n 0.75 121\n",
    "a.words": "header\n#\n0.3 122 the; dh ah; dh iy; DT\n0.6 122 cat\n",
    "a.lab": "0 2500000 sil\n2500000 5000000 ah -12.5\n",
    "b.lab": "0.0 0.25 sil\n0.25 0.5 ah\n",
    "a.txt": "0.000000\t0.250000\tone two\n\\\t100.0\t200.0\n0.250000\t0.500000\t\n",
    "a.tsv": "0.0\t0.25\tsil\n0.25\t0.5\tah\n",
    "a.km": "1 2 3 3 3\n17\n\n0 0 5\n",
}


class Alignments:
    """Alignments of a few intervals."""

    def __init__(self, seed: int) -> None:
        del seed

    def make(self, random: Random) -> Case:
        name = random.choice(list(FILES))
        text = FILES[name]
        if random.random() < 0.03:
            return Case(name, text.encode(), "good")
        text = damaged_text(random, text)
        others = [FILES[random.choice(list(FILES))].encode()]
        return Case(name, encoded(random, text, others), "text")

    def check(self, case: Case, folder: Path) -> None:
        path = case.written(folder)
        if path.suffix == ".km":
            _check_codes(path, case)
            return
        alignment = read_alignment(path)
        with use(case.name):
            self._check_written(alignment, folder)
            labeled(alignment, stress=False)

    def _check_written(self, alignment: Alignment, folder: Path) -> None:
        """Write it in every format that can hold it."""
        grid, ctm, text = folder / "again.TextGrid", folder / "again.ctm", folder / "again.txt"
        _require_alike(
            alignment, grid, lambda: write_textgrid(grid, [alignment], force=True), gaps=True
        )
        for path, write in (
            (ctm, lambda: write_ctm(ctm, {"again": alignment}, force=True)),
            (text, lambda: write_audacity(text, alignment, force=True)),
        ):
            _require_alike(alignment, path, write, gaps=False)


def _require_alike(
    alignment: Alignment, path: Path, write: Callable[[], None], *, gaps: bool
) -> None:
    """Write a file and read it; a format may refuse labels that it cannot hold.

    gaps: whether intervals without a label stand for gaps
    """
    try:
        write()
    except AlignmentError:
        return
    again = read_alignment(path)
    rows, others = _rows(alignment, all_rows=not gaps), _rows(again, all_rows=not gaps)
    if path.suffix == ".ctm":
        rows = [row for row in rows if row[2]]
    require([row[2] for row in rows] == [row[2] for row in others], f"other labels in {path.name}")
    times = [row[:2] for row in rows], [row[:2] for row in others]
    require(bool(np.allclose(*times, rtol=1e-9, atol=ROUNDING)), f"other times in {path.name}")


def _rows(alignment: Alignment, *, all_rows: bool) -> list[tuple[float, float, str]]:
    """The intervals that a file can hold: of a microsecond or more."""
    return [
        (row.start, row.end, row.label)
        for row in alignment.intervals
        if (all_rows or row.label) and round(row.end * 1e6) > round(row.start * 1e6)
    ]


def _check_codes(path: Path, case: Case) -> None:
    """Write codes and read them."""
    utterances, again = read_km(path), path.with_name("again.km")
    with use(case.name):
        write_km(again, utterances, force=True)
        others = read_km(again)
    require(len(utterances) == len(others), "another number of utterances")
    require(all(map(np.array_equal, utterances, others)), "other codes")
