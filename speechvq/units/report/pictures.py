"""Pictures of what codes have to do with phones and with each other. The numbers come from elsewhere; here they are drawn."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from speechvq.units.evaluation.published import ZEROSPEECH_2019
from speechvq.units.phones.manner import MANNERS, manner
from speechvq.units.phones.phone_table import PhoneTable, shares
from speechvq.units.report.drawing import (
    COLOURS,
    DARK,
    GREY,
    MANNER_COLOURS,
    MANNER_SHAPES,
    SHADING,
    SHAPES,
    Picture,
    drawn,
    name_points,
    short,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]

READABLE = 70
"""Codes whose numbers can be read along an axis."""

FAINTEST = 0.005
"""The least share that a transition is drawn for."""


def _groups(manners: Sequence[str]) -> list[tuple[str, int, int]]:
    """Manners that follow each other: which, the first place, and the place behind the last."""
    found = list[tuple[str, int, int]]()
    for kind, own in groupby(manners):
        first = found[-1][2] if found else 0
        found.append((kind, first, first + len(list(own))))
    return found


def heat_map(table: PhoneTable, order: Counts) -> Picture:
    """P(phone | code): a column for each code of `order`, a row for each phone."""
    values = shares(table.counts[order]).T
    groups = _groups(table.manners)
    best = [manner(table.labels[one]) for one in table.counts[order].argmax(1)]

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
            axes.axhline(behind - 0.5, color=GREY, linewidth=0.5)
        for _, _, behind in _groups(best)[:-1]:
            axes.axvline(behind - 0.5, color=GREY, linewidth=0.5)
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
    """Numbers of codes along x where there is room."""
    if len(order) <= READABLE:
        axes.set_xticks(range(len(order)), [str(code) for code in order], rotation=90, fontsize=6.5)
    else:
        axes.set_xticks([])


def usage_curve(counts: Counts) -> Picture:
    """How often each code is used, sorted, on a logarithmic scale."""
    from matplotlib.ticker import LogLocator, NullFormatter

    used = np.sort(counts[counts > 0])[::-1] / counts.sum()

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        axes.plot(
            range(1, len(used) + 1),
            100 * used,
            color=COLOURS[0],
            marker="o" if len(used) < READABLE else "",
            markersize=3,
        )
        axes.axhline(100 / len(counts), color=GREY, linestyle="--", linewidth=1)
        axes.text(
            len(counts),
            104 / len(counts),
            "all equally often",
            ha="right",
            va="bottom",
            fontsize=8,
            color="#555555",
        )
        axes.set(
            yscale="log",
            xlim=(0, len(counts) + 1),
            xlabel="codes, the most frequent first",
            ylabel="% of frames",
        )
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter(NullFormatter())

    alt = (
        f"Curve of how often codes are used: from {100 * used[0]:.2g} % down to "
        f"{100 * used[-1]:.2g} % of frames."
    )
    return drawn(7, 3, alt, draw)


def transition_map(counts: Counts, order: Counts, best: Sequence[str | None] | None) -> Picture:
    """P(next code | code) of runs, counts (n, n) of the codes in `order`; best: the most likely phone of every code."""
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
            axes.axhline(behind - 0.5, color=GREY, linewidth=0.5)
            axes.axvline(behind - 0.5, color=GREY, linewidth=0.5)
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


def length_histogram(lengths: Mapping[str, Floats], frame: float) -> Picture:
    """Shares of lengths, as `transitions.length_shares` gives them, of each kind by its name; of `frame` s a bin."""

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        for (name, values), colour, style in zip(
            lengths.items(), COLOURS, ("-", "--", ":", "-."), strict=False
        ):
            centres = 1000 * frame * np.arange(1, len(values) + 1)
            axes.plot(
                centres,
                100 * values,
                label=name,
                color=colour,
                linestyle=style,
                marker="o",
                markersize=3,
            )
        axes.set(xlabel="ms", ylabel="% of all", xlim=(0, None), ylim=(0, None))
        axes.legend(fontsize=9)

    return drawn(7, 3, f"Histogram of how long {' and '.join(lengths)} last.", draw)


def codebook_plane(
    codebook: NDArray[np.floating], table: PhoneTable | None, counts: Counts
) -> Picture:
    """The vectors of used codes on their two main axes, by the manner of their most likely phone.

    counts: how often each code is used, (k,); the axes are those of used codes, each counting alike
    """
    used = np.flatnonzero(counts)
    places, explained = principal_plane(codebook[used])
    best = [table.best[code] if table else None for code in used]
    kinds = [manner(label) if label is not None else "unknown" for label in best]

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        area = 8 + 70 * counts[used] / counts.max()
        for kind in [one for one in (*MANNERS, "unknown") if one in kinds]:
            own = np.array([one == kind for one in kinds])
            colour = MANNER_COLOURS.get(kind, GREY)
            axes.scatter(
                *places[own].T,
                s=area[own],
                c=colour,
                marker=MANNER_SHAPES.get(kind, "o"),
                alpha=0.7,
                label=kind,
            )
        axes.margins(0.08)
        axes.set(
            xlabel=f"first axis ({explained[0]:.0%} of variance)",
            ylabel=f"second axis ({explained[1]:.0%})",
        )
        axes.set(xticks=[], yticks=[])
        if table:
            axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), labelspacing=0.8)
            chosen = _one_of_each(best, counts[used])
            points = places[[*chosen, *(one for one in range(len(used)) if one not in chosen)]]
            name_points(
                axes,
                points.tolist(),
                [short(str(best[one])) for one in chosen],
                [DARK] * len(chosen),
            )

    alt = f"Scatter plot of {len(used)} code vectors on two axes" + (
        ", by manner of articulation." if table else "."
    )
    return drawn(8, 5.5, alt, draw)


def _one_of_each(best: Sequence[str | None], counts: Counts) -> list[int]:
    """The place of the most frequent code of each phone."""
    found: dict[str, int] = {}
    for place in np.argsort(-counts, kind="stable").tolist():
        label = best[place]
        if label is not None:
            found.setdefault(label, place)
    return list(found.values())


def principal_plane(vectors: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Vectors (n, d) on their two main axes, (n, 2), and the shares of the variance that these explain, (2,).

    The sign of an axis is that which makes its largest component positive; axes that are lacking
    are 0.
    """
    centred = vectors.astype(np.float64) - vectors.mean(0)
    _, lengths, axes = np.linalg.svd(centred, full_matrices=False)
    axes = (
        axes[:2] * np.sign(axes[np.arange(min(2, len(axes))), np.abs(axes[:2]).argmax(1)])[:, None]
    )
    places, variance = centred @ axes.T, lengths**2 / max(float((lengths**2).sum()), 1e-30)
    lacking = 2 - places.shape[1]
    return np.pad(places, ((0, 0), (0, lacking))), np.pad(variance[:2], (0, 2 - len(variance[:2])))


def rates_and_abx(points: Sequence[tuple[str, float, float]]) -> Picture:
    """Bits a second against ABX errors: of published systems in grey, and of ours, (name, bits a second, rate of errors)."""
    old = [(one.bitrate, 100 * one.abx) for one in ZEROSPEECH_2019]
    new = [(bits, 100 * error) for _, bits, error in points]

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        axes.scatter(*zip(*old, strict=True), c="#b5b5b5", s=22)
        colours = [COLOURS[place % len(COLOURS)] for place in range(len(new))]
        for place, ((bits, error), colour) in enumerate(zip(new, colours, strict=True)):
            axes.scatter(
                [bits], [error], c=colour, s=48, marker=SHAPES[place % len(SHAPES)], zorder=3
            )
        axes.set(xscale="log", xlabel="bit/s", ylabel="ABX error, %")
        axes.margins(0.12, 0.08)
        ticks = [
            tick
            for tick in (10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
            if axes.get_xlim()[0] <= tick <= axes.get_xlim()[1]
        ]
        axes.set_xticks(ticks, [str(tick) for tick in ticks])
        axes.set_xticks([], minor=True)
        names = [short(name, 40) for name, _, _ in points] + [one.key for one in ZEROSPEECH_2019]
        name_points(axes, new + old, names, colours + ["#777777"] * len(old), 8)

    ours = ", ".join(
        f"{name}: {100 * error:.1f} % at {bits:.0f} bit/s" for name, bits, error in points
    )
    return drawn(8, 5, f"Scatter plot of ABX errors against bit rates. {ours}", draw)
