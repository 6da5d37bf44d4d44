"""How pictures of a report are drawn: one style, colours that everybody can tell apart, PNG in memory.

matplotlib is used through its objects only, and its settings hold within `drawn`: nothing of the
program around is changed, and no settings of the user change a picture. Labels come from the users'
files, so none is taken for a formula.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from speechvq.errors import MissingExtra
from speechvq.units.phones.manner import MANNERS, OTHER, SILENCE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Point = tuple[float, float]

DOTS = 130
"""Pixels in an inch: sharp on paper, and on screens that show two for each point."""

SHADES = 255
"""Colours in a PNG: more would not be seen, and the file be three times as large."""

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
GREY = "#8a8a8a"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b4c9a", "#000000")
"""Of Okabe and Ito 2008, made to be told apart by colour-blind people; violet for their yellow, which is too pale on white."""

SHAPES = ("o", "^", "s", "D", "v", "P", "X", "*")

MANNER_COLOURS: Mapping[str, str] = dict(zip(MANNERS, COLOURS, strict=False)) | {
    OTHER: "#555555",
    SILENCE: "#b0b0b0",
}
MANNER_SHAPES: Mapping[str, str] = dict(zip(MANNERS, SHAPES, strict=False)) | {
    OTHER: "h",
    SILENCE: "x",
}

SHADING = "Blues"
"""The colour map of shares: from white to dark in one hue, which needs no sense of colour, and prints."""


@dataclass(frozen=True)
class Picture:
    """A PNG, what it shows in words for those who cannot see it, and whether it needs the whole width of a desk's screen."""

    png: bytes
    alt: str
    wide: bool = False


def check_drawing() -> None:
    """See that pictures can be drawn. Raises MissingExtra."""
    try:
        import librosa  # noqa: F401
        import matplotlib as mpl  # noqa: F401
        import PIL  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtra(f"a report needs {error.name}: pip install 'speechvq[plots]'") from error


def drawn(
    width: float, height: float, alt: str, draw: Callable[["Figure"], None], *, wide: bool = False
) -> Picture:
    """A picture of so many inches, from a function that draws on an empty figure."""
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
    """A label as pictures have room for it."""
    return label if len(label) <= letters else f"{label[: letters - 1]}…"


def name_points(
    axes: "Axes",
    points: Sequence[Point],
    names: Sequence[str],
    colours: Sequence[str],
    size: float = 7.5,
) -> None:
    """Write names beside the first points (x, y), each where it covers least of all points and of the names before it.

    The limits of the axes must have been set, and the figure have its final size.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    places = axes.transData.transform(points).tolist()
    dot = figure.dpi / 72
    taken = [(x - 3 * dot, y - 3 * dot, x + 3 * dot, y + 3 * dot) for x, y in places]
    for (x, y), point, name, colour in zip(places, points, names, colours, strict=False):
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
            color=colour,
            va="bottom",
        )


def _sides(reach: int, width: float, height: float) -> list[tuple[int, float, float]]:
    """Where the lower left corner of a name may be, seen from its point, in 1/72 inch, the best first.

    With what each costs: as much as some square pixels that are covered, for a name far from its
    point is taken for another's.
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
