"""Pictures change no settings, depend on none, and put names and numbers in place."""

import sys
from io import BytesIO

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from speechvq.units.alignments.alignment import Alignment, Interval
from speechvq.units.phones.phone_table import PhoneTable
from speechvq.units.recordings import Recording, Units
from speechvq.units.report.drawing import drawn, name_points, short
from speechvq.units.report.example_picture import example_picture, examples
from speechvq.units.report.matrices import heat_map, transition_map
from speechvq.units.report.page import Html, page, shown, table
from speechvq.units.report.plots import (
    codebook_plane,
    principal_plane,
    rates_and_abx,
    usage_curve,
)


def size(picture):
    return Image.open(BytesIO(picture.png)).size


def drawable(picture):
    return min(size(picture)) > 100


def test_a_picture_is_as_large_as_asked_and_leaves_no_trace():
    def title(figure):
        figure.add_subplot().set_title("$a_b \\frac{ 字")

    before = dict(mpl.rcParams)
    drawn_before = "matplotlib.pyplot" in sys.modules
    picture = drawn(2, 1, "nothing", title)
    assert size(picture) == (260, 130)
    assert dict(mpl.rcParams) == before
    assert ("matplotlib.pyplot" in sys.modules) == drawn_before


def test_settings_of_the_user_change_nothing():
    usual = usage_curve(np.array([5, 3, 0, 1])).png
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "savefig.dpi": 20}):
        assert usage_curve(np.array([5, 3, 0, 1])).png == usual


def test_names_keep_apart():
    points = [(0.5, 0.5), (0.5, 0.5), (0.52, 0.5), (0.5, 0.52), (0.9, 0.9)]
    result = []

    def draw(figure):
        axes = figure.add_subplot(xlim=(0, 1), ylim=(0, 1))
        name_points(axes, points, ["one", "two", "three", "four"], ["k"] * 4)
        figure.canvas.draw()
        result.extend(text.get_window_extent() for text in axes.texts)

    drawn(4, 4, "names", draw)
    assert len(result) == 4
    for place, item in enumerate(result):
        assert not any(item.overlaps(other) for other in result[place + 1 :])


def test_labels_of_any_length():
    assert short("abc") == "abc"
    assert short("a" * 40) == "a" * 11 + "…"


@pytest.mark.parametrize(
    "labels", [("S", "$x$", "字", "a" * 99), ("SIL",), tuple(f"L{number}" for number in range(80))]
)
@pytest.mark.parametrize("codes", [1, 3, 600])
def test_tables_of_any_size(labels, codes):
    counts = np.random.default_rng(0).integers(0, 5, (codes, len(labels)))
    counts[:, 0] += 1
    table = PhoneTable(labels, counts)
    width, height = size(heat_map(table, np.arange(codes)))
    assert 1000 < width < 1500
    assert height < 2500


def test_pictures_of_little():
    table = PhoneTable(("S",), np.array([[1], [0]]))
    assert drawable(transition_map(np.array([[0, 1], [0, 0]]), np.array([1, 0]), table.best))
    assert drawable(transition_map(np.array([[0, 1], [0, 0]]), np.array([1, 0]), None))
    assert drawable(codebook_plane(np.zeros((2, 1)), table, np.array([1, 1])))
    assert drawable(usage_curve(np.array([0, 7])))
    assert drawable(
        rates_and_abx([(f"system {number}", 5 + 900 * number, 0.5) for number in range(12)])
    )


def test_plane_by_hand():
    vectors = np.array([[3, 0, 0], [-3, 0, 0], [0, 1, 0], [0, -1, 0.0]]) + 7
    places, explained = principal_plane(vectors)
    assert places == pytest.approx(np.array([[3, 0], [-3, 0], [0, 1], [0, -1]]), abs=1e-12)
    assert explained == pytest.approx([0.9, 0.1])
    line, all_of_it = principal_plane(np.array([[2.0], [0]]))
    assert line == pytest.approx(np.array([[1, 0], [-1, 0]]))
    assert all_of_it == pytest.approx([1, 0])


def test_planes_keep_distances():
    vectors = np.random.default_rng(0).normal(size=(9, 2)).astype(np.float32)
    places, explained = principal_plane(vectors)
    assert explained.sum() == pytest.approx(1)
    assert np.linalg.norm(places - places[0], axis=1) == pytest.approx(
        np.linalg.norm(vectors - vectors[0], axis=1), rel=1e-5
    )


def test_examples():
    phones = Alignment((Interval(0, 1, "S"),))
    given = [
        Recording("a", "ann", 3.5),
        Recording("b", "ann", 9.0, phones),
        Recording("c", "ann", 4.0, phones),
        Recording("d", "bob", 3.0, phones),
        Recording("e", "bob", 3.0, phones),
        Recording("f", "eve", 60.0),
    ]
    assert [example.name for example in examples(given)] == ["c", "d", "f"]
    assert [example.name for example in examples(given[:3])] == ["c", "b", "a"]
    assert examples([]) == []


def test_an_example_of_codes_only():
    units = Units("some", 50.0, 4, {"a": np.arange(300) % 4})
    assert drawable(example_picture(Recording("a", "ann", 6.0), units, None, None))


def test_numbers_in_tables():
    values = {
        0.41237: "0.412",
        12.345: "12.35",
        123.45: "123.5",
        12345.6: "12346",
        7: "7",
        "0.4 ± 0.1": "0.4 ± 0.1",
    }
    assert {value: shown(value) for value in values} == values
    assert shown(None) == shown(float("nan")) == ""
    made = table(
        [{"a": -0.5, "b": "x", "c": "**1.5 %**"}, {"a": None, "b": 1, "c": "0.1 ± 0.2"}]
    ).text
    assert (
        '<th scope="col" class="right">a</th><th scope="col">b</th><th scope="col" '
        'class="right">c</th>' in made
    )
    assert '<td class="right"><b>1.5 %</b></td>' in made
    assert '<td class="right"></td><td>1</td>' in made


def test_a_page_without_sections():
    made = page("<i>", [Html("<p>words</p>")], [])
    assert "<title>&lt;i&gt;</title>" in made
    assert made.count("<p>words</p>") == 1
