"""A web page in one file, without scripts or network access, for screens, phones and paper.

All text is escaped here, so that names and labels from users' files remain text.
"""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from speechvq.units.report.drawing import Picture

Cell = str | float | None
Row = Mapping[str, Cell]

NUMBER = re.compile(r"(\*\*)?[-+−]?[\d.,]+\s?%?(\s?±\s?[\d.,]+\s?%?)?(\*\*)?|\d+ (to|of) \d+|[-–]?")  # noqa: RUF001
"""Text that is aligned to the right, like numbers."""

CSS = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, sans-serif; color: #222; background: #fff;
  max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.6rem; line-height: 1.25; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem;
  border-bottom: 1px solid #ddd; padding-bottom: .2rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .3rem; }
h1, h2, h3, p, li, td, th { overflow-wrap: anywhere; }
p, li { max-width: 46rem; }
nav ul { padding-left: 1.2rem; columns: 16rem 3; }
a { color: #00507d; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .5rem 0;
  font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem .25rem 0; text-align: left;
  border-bottom: 1px solid #e5e5e5; vertical-align: top; }
th { font-weight: 600; border-bottom: 1px solid #888; vertical-align: bottom; }
.right { text-align: right; }
td { min-width: 2.5rem; }
meter { width: 5rem; height: .7rem; }
figure { margin: .8rem 0; }
figure img { display: block; max-width: 100%; height: auto; }
figure.wide img { min-width: 52rem; }
figcaption { font-size: .85rem; color: #444; }
audio { width: 17rem; max-width: 100%; height: 2.2rem; display: block; }
@media print {
  body { max-width: none; font-size: 10pt; padding: 0; }
  figure.wide img { min-width: 0; }
  .scroll { overflow: visible; }
  audio, nav { display: none; }
  figure, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
}
"""


POLICY = "default-src 'none'; img-src data:; media-src data:; style-src 'unsafe-inline'"
"""What a browser may load: nothing outside the page."""


@dataclass(frozen=True)
class Html:
    """Text that is already HTML."""

    text: str


@dataclass(frozen=True)
class Section:
    """A part of a page under a heading."""

    heading: str
    parts: tuple[Html, ...]


def paragraph(text: str) -> Html:
    """A paragraph of plain text."""
    return Html(f"<p>{escape(text)}</p>")


def heading(text: str) -> Html:
    """A heading within a section."""
    return Html(f"<h3>{escape(text)}</h3>")


def bullets(texts: Sequence[str]) -> Html:
    """A list of plain texts."""
    return Html("<ul>\n" + "\n".join(f"<li>{escape(text)}</li>" for text in texts) + "\n</ul>")


def figure(picture: Picture) -> Html:
    """A picture, which scrolls sideways where it is wider than the screen."""
    source = f"data:image/png;base64,{b64encode(picture.png).decode()}"
    kind = ' class="wide"' if picture.wide else ""
    return Html(
        f'<figure{kind}><div class="scroll"><img alt="{escape(picture.alt)}" '
        f'src="{source}"></div></figure>'
    )


def player(wav: bytes, name: str) -> Html:
    """Controls to play a WAV file; `name` is its label for screen readers."""
    source = f"data:audio/wav;base64,{b64encode(wav).decode()}"
    return Html(
        f'<audio controls preload="none" aria-label="{escape(name)}" src="{source}"></audio>'
    )


def meter(share: float) -> Html:
    """A share, 0 to 1, as a bar."""
    return Html(f'<meter min="0" max="1" value="{share:.3f}">{share:.0%}</meter>')


def table(rows: Sequence[Mapping[str, Cell | Html]]) -> Html:
    """A table with a column for each key, in order of occurrence; numbers are to the right.

    Text is unchanged except that `**bold**` is bold, floats have four digits, and missing values
    are empty.
    """
    columns = list(dict.fromkeys(key for row in rows for key in row))
    right = {column for column in columns if all(_numeric(row.get(column)) for row in rows)}
    kind = {column: ' class="right"' if column in right else "" for column in columns}
    head = "".join(f'<th scope="col"{kind[column]}>{escape(column)}</th>' for column in columns)
    body = "\n".join(
        "<tr>" + "".join(f"<td{kind[c]}>{_cell(row.get(c))}</td>" for c in columns) + "</tr>"
        for row in rows
    )
    return Html(
        f'<div class="scroll"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _numeric(value: Cell | Html) -> bool:
    """Whether a cell holds a number, or is empty."""
    return not isinstance(value, Html) and (
        not isinstance(value, str) or NUMBER.fullmatch(value.strip()) is not None
    )


def _cell(value: Cell | Html) -> str:
    """The content of a cell."""
    if isinstance(value, Html):
        return value.text
    text = escape(shown(value))
    bold = re.fullmatch(r"\*\*(.+)\*\*", text, re.DOTALL)
    return f"<b>{bold[1]}</b>" if bold else text


def shown(value: Cell) -> str:
    """A value as tables show it: integers in full, others with four digits."""
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124 - no number
        return ""
    if isinstance(value, str | int):
        return str(value)
    digits = len(str(int(abs(value)))) if abs(value) < 1e9 else 9
    return f"{value:.{min(3, max(0, 4 - digits))}f}"


def page(title: str, lead: Sequence[Html], sections: Sequence[Section]) -> str:
    """The page: a title, what precedes the table of contents, and sections."""
    contents, bodies = list[Html](), list[Html]()
    for place, section in enumerate(sections, 1):
        contents.append(Html(f'<li><a href="#s{place}">{escape(section.heading)}</a></li>'))
        bodies.append(
            Html(
                "<section>\n<h2 "
                f'id="s{place}">{escape(section.heading)}</h2>\n{_lines(section.parts)}\n</section>'
            )
        )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="{POLICY}">
<title>{escape(title)}</title>
<style>{CSS}</style>
</head>
<body>
<h1>{escape(title)}</h1>
{_lines(lead)}
<nav aria-label="Contents"><ul>
{_lines(contents)}
</ul></nav>
{_lines(bodies)}
</body>
</html>
"""


def _lines(parts: Sequence[Html]) -> str:
    """Parts, one per line."""
    return "\n".join(part.text for part in parts)
