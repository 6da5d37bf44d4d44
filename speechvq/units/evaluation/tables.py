"""Results as text: markdown for people, CSV and JSON for programs.

A result is a mapping with `name`, `rate` (codes per second) and `size` (number of possible codes)
of units and the scores of `evaluate`, by the keys of `METRICS`; other keys appear in CSV and JSON
only.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

from speechvq.units.boundaries.evaluation import MEASURES
from speechvq.units.evaluation.metrics import METRICS, Metric, by_key

Result = Mapping[str, Any]

FACTS = ("name", "rate", "size")

CHOSEN = (
    "accuracy",
    "pnmi",
    "abx_vectors_across",
    "abx_codes_across",
    "bits_frames",
    "speaker_codes",
    "leakage",
)
"""The most informative metrics, for tables of many systems."""


def sheet(results: Sequence[Result]) -> str:
    """Markdown with a row for each metric and a column for each result; baselines in brackets."""
    header = [
        "",
        *(
            f"{result['name']}, {result['size']} codes at {result['rate']:g} Hz"
            for result in results
        ),
    ]
    rows = [
        [_title(metric), *(_cell(result, metric) for result in results)]
        for metric in METRICS
        if metric.key not in _beside() and any(metric.key in result for result in results)
    ]
    return markdown(header, rows)


def comparison(results: Sequence[Result], keys: Sequence[str] = CHOSEN) -> str:
    """Markdown with a row for each result and a column for each key that any has.

    Baselines are in brackets.
    """
    rows = comparison_rows(results, keys)
    return markdown(list(rows[0]), [list(row.values()) for row in rows])


def comparison_rows(
    results: Sequence[Result], keys: Sequence[str] = CHOSEN
) -> list[dict[str, str]]:
    """The same as rows, column to text."""
    chosen = [by_key()[key] for key in keys if any(key in result for result in results)]
    return [
        {"units": str(result["name"]), "codes": str(result["size"]), "Hz": f"{result['rate']:g}"}
        | {_title(metric): _cell(result, metric) for metric in chosen}
        for result in results
    ]


def boundary_sheet(rows: Sequence[Mapping[str, Any]]) -> str:
    """Markdown of the rows of `boundary_rows`: strict scores, then lenient F1 and R-value."""
    shown = boundary_cells(rows)
    return markdown(list(shown[0]), [list(row.values()) for row in shown])


def boundary_cells(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The same as rows, column to text."""
    columns = [*MEASURES, "lenient_f1", "lenient_r_value"]
    names = {
        column: column.replace("_", " ").replace("r value", "R-value").replace("f1", "F1")
        for column in columns
    }
    return [
        {
            "units": str(row["units"] or "none"),
            "method": str(row["method"]),
            "boundaries": str(row["boundaries"]),
        }
        | {"per second": f"{row['per_second']:.1f}"}
        | {name: f"{row[key]:.1f}" for key, name in names.items()}
        for row in rows
    ]


def csv_text(rows: Sequence[Mapping[str, Any]]) -> str:
    """CSV with a column for each key of any row; missing values are empty."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def json_text(results: Any) -> str:  # noqa: ANN401 - whatever JSON can hold
    """JSON with a line for each key. Raises ValueError for numbers that are not finite."""
    return json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An aligned table: the first column to the left, the others to the right."""
    clean = [
        [cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in (header, *rows)
    ]
    widths = [max(3, *map(len, column)) for column in zip(*clean, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    aligned = [
        [
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        for row in (clean[0], rule, *clean[1:])
    ]
    return "".join(f"| {' | '.join(row)} |\n" for row in aligned)


def _beside() -> set[str]:
    """The keys of baselines, which are in brackets."""
    return {key for metric in METRICS for key in metric.beside}


def _title(metric: Metric) -> str:
    """The title of a metric, its unit, and in brackets its baselines."""
    behind = ", ".join(BRACKETS[key] for key in metric.beside)
    return (
        metric.title
        + (f", {metric.unit}" if metric.unit else "")
        + (f" ({behind})" if behind else "")
    )


def _cell(result: Result, metric: Metric) -> str:
    """A value and its baselines in brackets; a dash where it is unknown."""
    if metric.key not in result:
        return "-"
    behind = ", ".join(
        _number(result[key], by_key()[key]) for key in metric.beside if key in result
    )
    return _number(result[metric.key], metric) + (f" ({behind})" if behind else "")


def _number(value: float, metric: Metric) -> str:
    """A value with one decimal for percents and milliseconds, none for others."""
    return f"{value:.1f}" if metric.unit in {"%", "ms"} else f"{value:.0f}"


BRACKETS = {
    **{key: "shuffled" for key in _beside() if key.endswith("_shuffled")},
    **{key: "majority class" for key in _beside() if key.endswith("_majority")},
    "speaker_chance": "chance",
    "phone_ms": "phones",
}
"""The short names of baselines in headings."""
