"""Matrix pictures of a report: the phones of each code, and transitions between codes."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from speechvq.units.phones.manner import manner
from speechvq.units.phones.phone_table import PhoneTable, shares
from speechvq.units.report.drawing import GRAY, READABLE, SHADING, Picture, drawn, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Counts = NDArray[np.int64]

FAINTEST = 0.005
"""The smallest transition probability that is drawn."""


def _groups(manners: Sequence[str]) -> list[tuple[str, int, int]]:
    """Groups of equal successive manners: the manner, its first place, and the next place."""
    groups = list[tuple[str, int, int]]()
    for kind, own in groupby(manners):
        first = groups[-1][2] if groups else 0
        groups.append((kind, first, first + len(list(own))))
    return groups


def heat_map(table: PhoneTable, order: Counts) -> Picture:
    """P(phone | code): a column for each code of `order`, a row for each phone."""
    values = shares(table.counts[order]).T
    groups = _groups(table.manners)
    best = [manner(table.labels[number]) for number in table.counts[order].argmax(1)]

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        image = axes.imshow(values, cmap=SHADING, vmin=0, vmax=1, aspect="auto")
        axes.set_yticks(
            range(len(table.labels)), [short(label) for label in table.labels], fontsize=8
        )
        axes.tick_params(length=0)
        _name_codes(axes, order)
        for kind, first, behind in groups:
            axes.text(
                1.01,
                (first + behind - 1) / 2,
                kind,
                transform=axes.get_yaxis_transform(),
                va="center",
                fontsize=8,
            )
            axes.axhline(behind - 0.5, color=GRAY, linewidth=0.5)
        for _, _, behind in _groups(best)[:-1]:
            axes.axvline(behind - 0.5, color=GRAY, linewidth=0.5)
        axes.set(
            ylabel="phone",
            xlabel=f"{len(order)} codes, by their most likely phone, then by entropy",
        )
        bar = figure.colorbar(
            image,
            ax=axes,
            location="top",
            shrink=0.3,
            aspect=40,
            pad=0.01,
            anchor=(1.0, 0.0),
            label="P(phone | code)",
        )
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue] - it is a spine

    alt = (
        f"Heat map of {len(table.labels)} phones by {len(order)} codes; the darker, the larger "
        "a phone's share of a code."
    )
    return drawn(10, 1.3 + 0.17 * len(table.labels), alt, draw, wide=True)


def _name_codes(axes: "Axes", order: Counts) -> None:
    """Label the x axis with the numbers of codes where there is room."""
    if len(order) <= READABLE:
        axes.set_xticks(range(len(order)), [str(code) for code in order], rotation=90, fontsize=6.5)
    else:
        axes.set_xticks([])


def transition_map(counts: Counts, order: Counts, best: Sequence[str | None] | None) -> Picture:
    """P(next code | code) of runs, from counts (n, n) of the codes in `order`.

    best: the most frequent phone of every code
    """
    from matplotlib.colors import LogNorm

    values = np.ma.masked_less(shares(counts), FAINTEST)
    groups = _groups([manner(best[code] or "") for code in order]) if best else []

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        image = axes.imshow(
            values, cmap=SHADING, norm=LogNorm(FAINTEST, 1), interpolation="nearest", aspect="auto"
        )
        _name_codes(axes, order)
        axes.set_yticks([])
        if len(order) <= READABLE:
            axes.set_yticks(range(len(order)), [str(code) for code in order], fontsize=6.5)
        for kind, first, behind in groups:
            axes.axhline(behind - 0.5, color=GRAY, linewidth=0.5)
            axes.axvline(behind - 0.5, color=GRAY, linewidth=0.5)
            if behind - first >= 0.02 * len(order):
                middle = (first + behind - 1) / 2
                axes.text(
                    1.01,
                    middle,
                    kind,
                    transform=axes.get_yaxis_transform(),
                    va="center",
                    fontsize=8,
                )
        axes.set(xlabel="next code", ylabel="code")
        bar = figure.colorbar(
            image,
            ax=axes,
            location="top",
            shrink=0.4,
            aspect=30,
            pad=0.01,
            anchor=(1.0, 0.0),
            label="P(next | code)",
        )
        bar.set_ticks([0.01, 0.1, 1], labels=["0.01", "0.1", "1"])
        bar.outline.set_visible(False)  # pyright: ignore[reportCallIssue] - it is a spine

    alt = (
        f"Matrix of {len(order)} codes by {len(order)} codes; the darker, the more often one "
        "follows the other."
    )
    return drawn(8, 7, alt, draw)
