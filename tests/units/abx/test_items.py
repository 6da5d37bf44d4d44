"""Items of ABX tasks: read as written, errors named with their line, triphones, contexts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechvq.errors import OutputError, UnitsError
from speechvq.units.abx.items import Item, phone_items, read_items, triphone_items, write_items

HEADER = "#file onset offset #phone prev-phone next-phone speaker"
PUBLISHED = [  # as in the items of LibriSpeech dev-clean
    Item("6295-244435-0009", 0.2925, 0.4725, "IH", "L", "NG", "6295"),
    Item("6295-244435-0009", 0.3725, 0.5325, "NG", "IH", "K", "6295"),
    Item("6295-244435-0009", 0.4325, 0.5725, "K", "NG", "AH", "6295"),
]
NAMES = st.text("ab-#ŋäˈ", min_size=1, max_size=3)
TIMES = st.tuples(st.floats(0, 1e3), st.floats(1e-6, 1e3)).map(
    lambda times: (times[0], times[0] + times[1])
)
ITEMS = st.tuples(NAMES, TIMES, *[NAMES] * 4).map(
    lambda parts: Item(parts[0], *parts[1], *parts[2:])
)


def written(tmp_path, text, **how):
    path = tmp_path / "a.item"
    path.write_bytes(text.encode(**how) if isinstance(text, str) else text)
    return path


def test_nothing_is_overwritten_unasked(tmp_path):
    path, item = tmp_path / "a.item", Item("f", 0.0, 0.5, "a", "#", "#", "s")
    write_items(path, [item])
    with pytest.raises(OutputError, match="exists already"):
        write_items(path, [])
    write_items(path, [item, item], force=True)
    assert read_items(path) == [item, item]


def test_a_file_as_published(tmp_path):
    path = tmp_path / "dev.item"
    write_items(path, PUBLISHED)
    assert path.read_text().splitlines()[:2] == [
        HEADER,
        "6295-244435-0009 0.2925 0.4725 IH L NG 6295",
    ]
    assert read_items(path) == PUBLISHED


@settings(max_examples=40, deadline=None)
@given(st.lists(ITEMS, max_size=5))
def test_what_is_written_is_read(tmp_path_factory, items):
    path = tmp_path_factory.mktemp("items") / "a.item"
    write_items(path, items)
    assert read_items(path) == items


def test_times_are_written_as_decimals(tmp_path):
    write_items(tmp_path / "a.item", [Item("f", 0.0, 1e-5, "a", "#", "#", "s")])
    assert (tmp_path / "a.item").read_text() == f"{HEADER}\nf 0.0 0.00001 a # # s\n"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n", "\r\n \r\n", " \n", "\n\t\n"])
def test_line_ends_blank_lines_and_a_mark_of_bytes_do_not_matter(tmp_path, end):
    lines = [HEADER, "f 0.1 0.2 a b c s", "f  0.2\t0.30 b a c s"]
    path = written(tmp_path, "\n" + end.join(lines), encoding="utf-8-sig")
    assert read_items(path) == [
        Item("f", 0.1, 0.2, "a", "b", "c", "s"),
        Item("f", 0.2, 0.3, "b", "a", "c", "s"),
    ]


def test_columns_are_found_by_name(tmp_path):
    path = written(
        tmp_path,
        "speaker #phone word onset offset prev-phone next-phone #file\ns a cat 0 1 b c f\n",
    )
    assert read_items(path) == [Item("f", 0, 1, "a", "b", "c", "s")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"a\.item is empty"),
        ("\r\n\n", r"a\.item is empty"),
        (
            "f 0 1 a b c s\n",
            r"a\.item line 1 has no column #file, onset, .*: it must read '#file onset",
        ),
        ("\n" + HEADER.replace(" speaker", " talker"), r"a\.item line 2 has no column speaker"),
        (HEADER + "\nf 0 1 a b c s\n\nf 0 1 a b c\n", r"a\.item line 4 has 6 fields, not 7"),
        (HEADER + "\nf 0 1 a b c s t\n", r"a\.item line 2 has 8 fields, not 7"),
        (
            HEADER + "\nf 0 one a b c s\n",
            r"a\.item line 2: onset '0' and offset 'one' must be numbers",
        ),
        (HEADER + "\nf 0 1_0 a b c s\n", r"onset '0' and offset '1_0' must be numbers"),
        (HEADER + "\nf 0 1e999 a b c s\n", r"a\.item line 2 goes from 0\.0 to inf"),
        (HEADER + "\nf 1 1 a b c s\n", r"a\.item line 2 goes from 1\.0 to 1\.0 s"),
        (HEADER + "\nf -1 1 a b c s\n", r"a\.item line 2 goes from -1\.0"),
        (HEADER + "\nf 0 nan a b c s\n", r"a\.item line 2: onset '0' and offset 'nan' must be"),
        (HEADER + "\nf 0 inf a b c s\n", r"a\.item line 2: onset '0' and offset 'inf' must be"),
        (b"\xff\xfe#\0f\0", r"the \.item file .*a\.item is not a text in UTF-8"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, text, message):
    with pytest.raises(UnitsError, match=message):
        read_items(written(tmp_path, text))


def test_missing_files(tmp_path):
    with pytest.raises(UnitsError, match=r"there is no \.item file .*none\.item"):
        read_items(tmp_path / "none.item")


@pytest.mark.parametrize("bad", ["two words", "", "a\nb"])
def test_names_that_the_format_cannot_hold_are_refused_and_nothing_is_written(tmp_path, bad):
    for item in (Item(bad, 0, 1, "a", "b", "c", "s"), Item("f", 0, 1, bad, "b", "c", "s")):
        with pytest.raises(UnitsError, match="free of spaces"):
            write_items(tmp_path / "a.item", [item])
    assert not list(tmp_path.iterdir())


ALIGNMENT = {
    "one": (
        "ann",
        [
            (0.0, 0.1, "sil"),
            (0.1, 0.2, "k"),
            (0.2, 0.4, "ae"),
            (0.4, 0.5, "t"),
            (0.5, 0.6, "s"),
            (0.6, 1.0, "sil"),
        ],
    ),
    "two": (
        "bob",
        [(0.0, 0.1, "d"), (0.1, 0.3, "ao"), (0.5, 0.6, "g"), (0.6, 0.7, "z")],
    ),  # with a gap
    "none": ("bob", []),
}


def test_triphones_reach_from_the_phone_before_to_the_phone_after():
    assert triphone_items(ALIGNMENT, {"sil"}) == [
        Item("one", 0.1, 0.5, "ae", "k", "t", "ann"),
        Item("one", 0.2, 0.6, "t", "ae", "s", "ann"),
    ]


def test_silence_may_stand_beside_but_is_never_the_phone():
    assert triphone_items(ALIGNMENT, {"sil"}, silent_context=True) == [
        Item("one", 0.0, 0.4, "k", "sil", "ae", "ann"),
        Item("one", 0.1, 0.5, "ae", "k", "t", "ann"),
        Item("one", 0.2, 0.6, "t", "ae", "s", "ann"),
        Item("one", 0.4, 1.0, "s", "t", "sil", "ann"),
    ]
    assert triphone_items(ALIGNMENT) == triphone_items(ALIGNMENT, {"sil"}, silent_context=True)


def test_phones_stand_for_themselves():
    items_made = phone_items(ALIGNMENT, {"sil"})
    assert items_made[0] == Item("one", 0.1, 0.2, "k", "sil", "ae", "ann")
    assert items_made[4:] == [
        Item("two", 0.0, 0.1, "d", "#", "ao", "bob"),
        Item("two", 0.1, 0.3, "ao", "d", "#", "bob"),
        Item("two", 0.5, 0.6, "g", "#", "z", "bob"),
        Item("two", 0.6, 0.7, "z", "g", "#", "bob"),
    ]


@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from("abs")), max_size=9))
def test_triphones_against_a_slow_oracle(spans):
    times = [sum(length for length, _ in spans[:count]) for count in range(len(spans) + 1)]
    intervals = [
        (float(times[i]), float(times[i + 1]), label) for i, (_, label) in enumerate(spans)
    ]
    expected = []
    for i in range(1, len(spans) - 1):
        labels = [intervals[i + step][2] for step in (-1, 0, 1)]
        if "s" not in labels:
            expected.append(
                Item(
                    "f",
                    intervals[i - 1][0],
                    intervals[i + 1][1],
                    labels[1],
                    labels[0],
                    labels[2],
                    "x",
                )
            )
    assert triphone_items({"f": ("x", intervals)}, "s") == expected


@pytest.mark.parametrize(
    ("intervals", "message"),
    [
        (
            [(0, 0.2, "a"), (0.1, 0.3, "b")],
            r"'a' \(0 to 0\.2 s\) and 'b' \(from 0\.1 s\) overlap in the alignment of f",
        ),
        (
            [(0.2, 0.3, "a"), (0, 0.1, "b")],
            "'a' .* and 'b' .* overlap in the alignment of f: give one tier, in the order",
        ),
        ([(0.2, 0.2, "a")], r"'a' in the alignment of f goes from 0\.2 to 0\.2 s"),
        ([(-0.1, 0.2, "a")], r"'a' in the alignment of f goes from -0\.1"),
        ([(0, float("nan"), "a")], "'a' in the alignment of f goes from 0 to nan"),
    ],
)
def test_invalid_alignments(intervals, message):
    for make in (triphone_items, phone_items):
        with pytest.raises(UnitsError, match=message):
            make({"f": ("s", intervals)})
