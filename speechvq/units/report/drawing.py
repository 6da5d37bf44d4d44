"""How pictures are drawn: one style, colors for color-blind readers, PNG in memory.

matplotlib is used through its objects only, and settings apply within `drawn` only: neither does
the calling program change, nor do the user's settings change a picture. Labels come from users'
files, so none is read as a formula.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from speechvq.extras import needed
from speechvq.units.phones.manner import MANNERS, OTHER, SILENCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Point = tuple[float, float]

DOTS = 130
"""Pixels per inch: sharp on paper, and on screens with two pixels per point."""

SHADES = 255
"""Colors in a PNG: more are not visible, and the file would be three times as large."""

READABLE = 70
"""Codes whose numbers can be read along an axis."""

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.edgecolor": "#888888",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "legend.frameon": False,
    "image.interpolation": "antialiased",
}

DARK = "#222222"
GRAY = "#8a8a8a"
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b4c9a", "#000000")
"""Colors of Okabe and Ito 2008, made for color-blind readers; violet replaces their pale yellow."""

SHAPES = ("o", "^", "s", "D", "v", "P", "X", "*")

MANNER_COLORS: Mapping[str, str] = dict(zip(MANNERS, COLORS, strict=False)) | {
    OTHER: "#555555",
    SILENCE: "#b0b0b0",
}
MANNER_SHAPES: Mapping[str, str] = dict(zip(MANNERS, SHAPES, strict=False)) | {
    OTHER: "h",
    SILENCE: "x",
}

SHADING = "Blues"
"""The color map of shares: from white to dark in one hue, readable without color and in print."""


@dataclass(frozen=True)
class Picture:
    """A PNG.

    alt: a description in words
    wide: whether it needs the full width of a desktop screen
    """

    png: bytes
    alt: str
    wide: bool = False


def check_drawing() -> None:
    """Check that pictures can be drawn. Raises MissingExtra."""
    with needed("a report", "plots"):
        for name in ("librosa", "matplotlib", "PIL"):
            import_module(name)


def drawn(
    width: float, height: float, alt: str, draw: Callable[["Figure"], None], *, wide: bool = False
) -> Picture:
    """A picture of a size in inches, from a function that draws on an empty figure."""
    from matplotlib import style
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from PIL import Image

    with warnings.catch_warnings(), style.context(["default", STYLE]):
        warnings.filterwarnings(
            "ignore", "Glyph .* missing"
        )  # a script that the font lacks shows as boxes
        figure = Figure(figsize=(width, height), dpi=DOTS, layout="constrained")
        canvas = FigureCanvasAgg(figure)
        draw(figure)
        canvas.draw()
        image = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    png = BytesIO()
    image.quantize(SHADES, dither=Image.Dither.NONE).save(png, "PNG")
    return Picture(png.getvalue(), alt, wide)


def short(label: str, letters: int = 12) -> str:
    """A label cut to the space in pictures."""
    return label if len(label) <= letters else f"{label[: letters - 1]}…"


def name_points(
    axes: "Axes",
    points: Sequence[Point],
    names: Sequence[str],
    colors: Sequence[str],
    size: float = 7.5,
) -> None:
    """Write names next to the first points (x, y), each where it covers least of points and names.

    The limits of the axes must be set, and the figure must have its final size.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    places = axes.transData.transform(points).tolist()
    dot = figure.dpi / 72
    taken = [(x - 3 * dot, y - 3 * dot, x + 3 * dot, y + 3 * dot) for x, y in places]
    for (x, y), point, name, color in zip(places, points, names, colors, strict=False):
        width, height = 0.62 * size * dot * len(name), 1.25 * size * dot
        ways = [
            (side, (x + dx * dot, y + dy * dot, x + dx * dot + width, y + dy * dot + height))
            for reach in (1, 2, 3)
            for side, dx, dy in _sides(reach, width / dot, height / dot)
        ]
        _, box = min(ways, key=lambda way: way[0] + sum(_overlap(way[1], other) for other in taken))
        taken.append(box)
        axes.annotate(
            name,
            point,
            xytext=((box[0] - x) / dot, (box[1] - y) / dot),
            textcoords="offset points",
            fontsize=size,
            color=color,
            va="bottom",
        )


def _sides(reach: int, width: float, height: float) -> list[tuple[int, float, float]]:
    """Places of a name's lower left corner, relative to its point in 1/72 inch, best first.

    Each comes with its cost in covered square pixels: a name far from its point could be read as
    another's.
    """
    far, half = 5.5 + 6 * (reach - 1), height / 2
    offsets = [
        (far, -half),
        (-far - width, -half),
        (-width / 2, far),
        (-width / 2, -far - height),
        (far, far - half),
        (far, -far - half),
        (-far - width, far - half),
        (-far - width, -far - half),
    ]
    return [(10 * reach + place, dx, dy) for place, (dx, dy) in enumerate(offsets)]


def _overlap(box: tuple[float, ...], other: tuple[float, ...]) -> float:
    """The area that two boxes (left, bottom, right, top) share."""
    width = min(box[2], other[2]) - max(box[0], other[0])
    height = min(box[3], other[3]) - max(box[1], other[1])
    return max(0.0, width) * max(0.0, height)
