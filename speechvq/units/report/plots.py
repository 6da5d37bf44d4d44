"""Plots of a report: code usage, lengths, the codebook in the plane, bit rate against ABX error."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from speechvq.units.evaluation.published import ZEROSPEECH_2019
from speechvq.units.phones.manner import MANNERS, manner
from speechvq.units.phones.phone_table import PhoneTable
from speechvq.units.report.drawing import (
    COLORS,
    DARK,
    GRAY,
    MANNER_COLORS,
    MANNER_SHAPES,
    READABLE,
    SHAPES,
    Picture,
    drawn,
    name_points,
    short,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


def usage_curve(counts: Counts) -> Picture:
    """The frequency of each code, sorted, on a logarithmic scale."""
    from matplotlib.ticker import LogLocator, NullFormatter

    used = np.sort(counts[counts > 0])[::-1] / counts.sum()

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        axes.plot(
            range(1, len(used) + 1),
            100 * used,
            color=COLORS[0],
            marker="o" if len(used) < READABLE else "",
            markersize=3,
        )
        axes.axhline(100 / len(counts), color=GRAY, linestyle="--", linewidth=1)
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


def length_histogram(lengths: Mapping[str, Floats], frame: float) -> Picture:
    """Shares of lengths of each kind, see `transitions.length_shares`, in bins of `frame` s."""

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        for (name, values), color, style in zip(
            lengths.items(), COLORS, ("-", "--", ":", "-."), strict=False
        ):
            centers = 1000 * frame * np.arange(1, len(values) + 1)
            axes.plot(
                centers,
                100 * values,
                label=name,
                color=color,
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
    """The vectors of used codes on their first two principal axes, by manner of their phone.

    counts: how often each code is used, (k,); the axes are those of used codes, equally weighted
    """
    used = np.flatnonzero(counts)
    places, explained = principal_plane(codebook[used])
    best = [table.best[code] if table else None for code in used]
    kinds = [manner(label) if label is not None else "unknown" for label in best]

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        area = 8 + 70 * counts[used] / counts.max()
        for kind in [kind for kind in (*MANNERS, "unknown") if kind in kinds]:
            own = np.array([other == kind for other in kinds])
            color = MANNER_COLORS.get(kind, GRAY)
            axes.scatter(
                *places[own].T,
                s=area[own],
                c=color,
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
            points = places[
                [*chosen, *(place for place in range(len(used)) if place not in chosen)]
            ]
            name_points(
                axes,
                points.tolist(),
                [short(str(best[place])) for place in chosen],
                [DARK] * len(chosen),
            )

    alt = f"Scatter plot of {len(used)} code vectors on two axes" + (
        ", by manner of articulation." if table else "."
    )
    return drawn(8, 5.5, alt, draw)


def _one_of_each(best: Sequence[str | None], counts: Counts) -> list[int]:
    """The place of the most frequent code of each phone."""
    firsts: dict[str, int] = {}
    for place in np.argsort(-counts, kind="stable").tolist():
        label = best[place]
        if label is not None:
            firsts.setdefault(label, place)
    return list(firsts.values())


def principal_plane(vectors: NDArray[np.floating]) -> tuple[Floats, Floats]:
    """Vectors (n, d) on their first two principal axes, (n, 2), and the shares of variance, (2,).

    The sign of an axis makes its largest component positive; missing axes are 0.
    """
    centerd = vectors.astype(np.float64) - vectors.mean(0)
    _, lengths, axes = np.linalg.svd(centerd, full_matrices=False)
    axes = (
        axes[:2] * np.sign(axes[np.arange(min(2, len(axes))), np.abs(axes[:2]).argmax(1)])[:, None]
    )
    places, variance = centerd @ axes.T, lengths**2 / max(float((lengths**2).sum()), 1e-30)
    lacking = 2 - places.shape[1]
    return np.pad(places, ((0, 0), (0, lacking))), np.pad(variance[:2], (0, 2 - len(variance[:2])))


def rates_and_abx(points: Sequence[tuple[str, float, float]]) -> Picture:
    """Bit rate against ABX error: published systems in gray, and `points`.

    points: name, bits per second, and ABX error rate of systems to compare
    """
    old = [(system.bitrate, 100 * system.abx) for system in ZEROSPEECH_2019]
    new = [(bits, 100 * error) for _, bits, error in points]

    def draw(figure: "Figure") -> None:
        axes = figure.add_subplot()
        axes.scatter(*zip(*old, strict=True), c="#b5b5b5", s=22)
        colors = [COLORS[place % len(COLORS)] for place in range(len(new))]
        for place, ((bits, error), color) in enumerate(zip(new, colors, strict=True)):
            axes.scatter(
                [bits], [error], c=color, s=48, marker=SHAPES[place % len(SHAPES)], zorder=3
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
        names = [short(name, 40) for name, _, _ in points] + [
            system.key for system in ZEROSPEECH_2019
        ]
        name_points(axes, new + old, names, colors + ["#777777"] * len(old), 8)

    ours = ", ".join(
        f"{name}: {100 * error:.1f} % at {bits:.0f} bit/s" for name, bits, error in points
    )
    return drawn(8, 5, f"Scatter plot of ABX errors against bit rates. {ours}", draw)
