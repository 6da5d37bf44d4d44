"""Results as markdown, CSV and JSON."""

import csv
import io
import json

import pytest

from speechvq.units.evaluation.tables import (
    boundary_sheet,
    comparison,
    csv_text,
    json_text,
    markdown,
    sheet,
)

RESULTS = [
    {
        "name": "one",
        "rate": 25.0,
        "size": 128,
        "accuracy": 34.94,
        "accuracy_shuffled": 15.0,
        "accuracy_majority": 14.96,
        "used": 99,
    },
    {
        "name": "other|way",
        "rate": 12.5,
        "size": 8,
        "leakage": 0.04,
        "leakage_shuffled": 0.2,
        "used": 8,
    },
]


def test_columns_line_up():
    assert markdown(["a", "b"], [["x|y", "1"], ["z\nz", "10000"]]) == (
        "| a    |     b |\n| ---- | ----: |\n| x\\|y |     1 |\n| z z  | 10000 |\n"
    )


def cells(text):
    return [
        [cell.strip() for cell in line.replace("\\|", "!").strip("| ").split("|")]
        for line in text.splitlines()
    ]


def test_baselines_are_in_brackets_and_have_no_row():
    rows = cells(sheet(RESULTS))
    assert rows[0][-2:] == ["one, 128 codes at 25 Hz", "other!way, 8 codes at 12.5 Hz"]
    assert rows[2] == [
        "held-out frame accuracy, % (shuffled, majority class)",
        "34.9 (15.0, 15.0)",
        "-",
    ]
    assert rows[3] == ["codes in use", "99", "8"]
    assert rows[4] == ["I(code; speaker) / H(speaker), % (shuffled)", "-", "0.0 (0.2)"]
    assert len(rows) == 5


def test_a_row_for_each_of_many():
    rows = cells(comparison(RESULTS, ["leakage", "pnmi", "used"]))
    assert rows[0] == [
        "units",
        "codes",
        "Hz",
        "I(code; speaker) / H(speaker), % (shuffled)",
        "codes in use",
    ]
    assert rows[2:] == [
        ["one", "128", "25", "-", "99"],
        ["other!way", "8", "12.5", "0.0 (0.2)", "8"],
    ]


def test_csv_and_json_keep_all_digits():
    rows = list(csv.DictReader(io.StringIO(csv_text(RESULTS))))
    assert list(rows[0]) == [
        "name",
        "rate",
        "size",
        "accuracy",
        "accuracy_shuffled",
        "accuracy_majority",
        "used",
        *list(RESULTS[1])[3:5],
    ]
    assert (rows[0]["accuracy"], rows[1]["accuracy"], rows[1]["name"]) == ("34.94", "", "other|way")
    assert json.loads(json_text(RESULTS)) == RESULTS
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text([float("nan")])


def test_boundaries():
    names = (
        "precision",
        "recall",
        "f1",
        "over_segmentation",
        "r_value",
        "lenient_f1",
        "lenient_r_value",
    )
    row = {"units": "", "method": "grid", "boundaries": "all", "per_second": 12.34} | dict.fromkeys(
        names, 50.0
    )
    assert cells(boundary_sheet([row]))[2] == ["none", "grid", "all", "12.3", *["50.0"] * 7]
