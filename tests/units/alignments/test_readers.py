"""Alignments of other programs are read with their faults, or refused with the place."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechvq.errors import AlignmentError
from speechvq.units.abx.items import triphone_items
from speechvq.units.alignments.alignment import labeled
from speechvq.units.alignments.readers import read_alignment, read_ctm, read_km
from speechvq.units.boundaries.scores import edges_of
from speechvq.units.phones.joint import frame_labels

WORDS = ("words", [(0, 0.5, "he"), (0.5, 1, "")])
PHONES = ("phones", [(0, 0.2, "HH"), (0.2, 0.5, "IY1"), (0.5, 1, "")])


def quoted(text):
    return '"' + text.replace('"', '""') + '"'


def long(*tiers, xmax=1.0, size=None):
    """As Praat writes it; `size`: what stands at `intervals: size` instead of the truth."""
    text = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\n'
    text += f"xmin = 0 \nxmax = {xmax} \ntiers? <exists> \nsize = {len(tiers)} \nitem []: \n"
    for number, (name, rows) in enumerate(tiers, 1):
        text += (
            f'    item [{number}]:\n        class = "IntervalTier" \n        name = '
            f"{quoted(name)} \n"
        )
        text += (
            f"        xmin = 0 \n        xmax = {xmax} \n        intervals: size = "
            f"{len(rows) if size is None else size} \n"
        )
        for place, (start, end, label) in enumerate(rows, 1):
            text += (
                f"        intervals [{place}]:\n            xmin = {start} \n            xmax "
                f"= {end} \n"
            )
            text += f"            text = {quoted(label)} \n"
    return text


def short(*tiers, xmax=1.0, size=None):
    """The same in the short form."""
    text = (
        'File type = "ooTextFile"\nObject class = '
        f'"TextGrid"\n\n0\n{xmax}\n<exists>\n{len(tiers)}\n'
    )
    for name, rows in tiers:
        text += (
            f'"IntervalTier"\n{quoted(name)}\n0\n{xmax}\n{len(rows) if size is None else size}\n'
        )
        text += "".join(f"{start}\n{end}\n{quoted(label)}\n" for start, end, label in rows)
    return text


@pytest.fixture
def rows(tmp_path):
    """Read a file of a name and content: its intervals."""

    def read(name, content, tier=None):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return [
            (interval.start, interval.end, interval.label)
            for interval in read_alignment(path, tier).intervals
        ]

    return read


@pytest.fixture
def refused(rows):
    """A file of a name and content is refused in these words, after its name."""

    def check(name, content, words, tier=None):
        with pytest.raises(AlignmentError, match=words) as caught:
            rows(name, content, tier)
        assert name in str(caught.value)

    return check


@pytest.mark.parametrize("name", ["a.phn", "SA1.PHN"])
def test_timit_counts_samples(rows, name):
    assert rows(name, "0 1600 h#\n1600 2400 sh\n2400 16000 iy\n") == [
        (0, 0.1, "h#"),
        (0.1, 0.15, "sh"),
        (0.15, 1, "iy"),
    ]


def test_timit_faults(rows, refused):
    assert rows("a.wrd", "\r\n160 320 she\r\n\r\n") == [(0.01, 0.02, "she")]
    refused("a.phn", "0 1600 h#\n1600 sh\n", "line 2: needs first sample, last sample, label")
    refused(
        "a.phn",
        "0 0.1 h#\n",
        "line 1: '0' and '0.1' are not numbers of samples; if seconds are meant, name it .lab",
    )
    refused("a.phn", "0 1600 h#\n1500 1700 s\n", "interval 2 .*overlaps 'h#'")
    refused("a.phn", "", "there are no intervals")


@pytest.mark.parametrize("form", [long, short])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "be"])
def test_textgrids_of_all_forms(rows, form, encoding):
    text = form(WORDS, ("phones", [(0, 0.2, "ʃ"), (0.2, 1, "")]))
    data = b"\xfe\xff" + text.encode("utf-16-be") if encoding == "be" else text.encode(encoding)
    assert rows("a.TextGrid", data) == [(0, 0.2, "ʃ"), (0.2, 1, "")]


@pytest.mark.parametrize("form", [long, short])
@pytest.mark.parametrize("size", [0, 1, 99])
def test_textgrids_with_wrong_sizes(rows, form, size):
    points = '"TextTier" "tones" 0 1 0 0.1 "H*"\n'
    assert rows("a.TextGrid", form(PHONES, WORDS, size=size) + points) == PHONES[1]


@pytest.mark.parametrize("form", [long, short])
def test_textgrids_that_end_before_their_last_tier_does(refused, form):
    refused(
        "a.TextGrid",
        form(WORDS, PHONES, size=4),
        "is truncated: its last tier, 'phones', has 3 of 4 intervals or points; get a complete",
    )
    text = form(WORDS, PHONES).replace("size = 2 \nitem", "size = 3 \nitem")
    text = text.replace("<exists>\n2\n", "<exists>\n3\n")
    refused("a.TextGrid", text, "is truncated: it has 2 of 3 tiers; get a complete copy")


@pytest.mark.parametrize("form", [long, short])
def test_textgrid_labels(rows, form):
    labels = [
        'a "b" c',
        '"',
        "",
        "two\nlines",
        "xmin = 3",
        'item [1]: class = "IntervalTier"',
        "0.5",
        "<exists>",
    ]
    assert [
        row[2]
        for row in rows(
            "a.textgrid", form(("phones", [(n, n + 1, x) for n, x in enumerate(labels)]))
        )
    ] == labels


@pytest.mark.parametrize("form", [long, short])
def test_textgrid_times(rows, form):
    given = [(0, 0.50001, "a"), (0.5, 0.5, "gone"), ("5e-1", 1.003, "b")]
    assert rows("a.TextGrid", form(("phones", given))) == [
        (0, 0.50001, "a"),
        (0.50001, 1.003, "b"),
    ]  # beyond xmax too


@pytest.mark.parametrize(
    "changed",
    [
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace(" = ", "="),
        lambda text: text.replace(" \n", "\n"),
    ],
)
def test_textgrid_spaces(rows, changed):
    assert rows("a.TextGrid", changed(long(WORDS, PHONES))) == PHONES[1]


def test_textgrid_of_another_name_and_with_points(rows):
    points = '"TextTier"\n"tones"\n0\n1\n2\n0.1\n"H*"\n0.2\n"L*"\n'
    assert (
        rows(
            "a.lab",
            short(WORDS, PHONES).replace(
                '"IntervalTier"\n"phones"', points + '"IntervalTier"\n"phones"'
            ),
        )
        == PHONES[1]
    )


def test_textgrid_tiers_are_chosen(rows, refused):
    other = ("Anna - phones", [(0, 1, "x")])
    assert rows("a.TextGrid", long(WORDS, other)) == other[1]
    assert rows("a.TextGrid", long(WORDS)) == WORDS[1]
    assert rows("a.TextGrid", long(PHONES, WORDS), "WORD") == WORDS[1]
    assert rows("a.TextGrid", long(other, PHONES), "phones") == PHONES[1]
    refused(
        "a.TextGrid",
        long(other, PHONES),
        "more than one tier that could be 'phones'.*: 1 'Anna - phones', 2 'phones'$",
    )
    refused(
        "a.TextGrid",
        long(WORDS, ("syllables", [])),
        "no tier that could be 'phones'.*1 'words', 2 'syllables'",
    )
    refused("a.TextGrid", long(WORDS), "no tier that could be 'codes'", "codes")
    refused("a.TextGrid", long(WORDS), r"no tier that could be '\('", "(")
    refused("a.TextGrid", long(), "its interval tiers: none")
    refused("a.TextGrid", long(("phones", [])), "tier 'phones': there are no intervals")


def test_textgrids_that_are_none(refused, tmp_path):
    refused("a.TextGrid", b"hello", "not a TextGrid")
    refused("a.TextGrid", b"", "not a TextGrid")
    refused("a.TextGrid", b'"ooTextFile" "PitchTier" 0 1', "not a TextGrid")
    refused(
        "a.TextGrid",
        long(PHONES).encode()[:-3],
        "is truncated in the text that starts on line 26; get a complete copy",
    )
    refused(
        "a.TextGrid",
        long(PHONES).encode()[:-5],
        "is truncated where the text of an interval should be",
    )
    refused(
        "a.TextGrid",
        long(PHONES).replace('"HH"', "HH"),
        "line 20: 0.2 is not the text of an interval; fix it there",
    )
    refused(
        "a.TextGrid",
        long(PHONES).replace("IntervalTier", "Tier"),
        "line 10: 'Tier' is not a class of tiers",
    )
    refused(
        "a.TextGrid",
        long(("phones", [(0, 1, "é")])).encode("latin-1"),
        "neither UTF-8 nor marked UTF-16; save it as",
    )
    refused(
        "a.TextGrid", long(("phones", [(0, 0.6, "a"), (0.5, 1, "b")])), "interval 2 .*overlaps 'a'"
    )
    for path, words in (
        (tmp_path / "none.TextGrid", "there is no alignment"),
        (tmp_path, "no alignments are known that end in ''"),
    ):
        with pytest.raises(AlignmentError, match=words):
            read_alignment(path)


@settings(max_examples=80, deadline=None)
@given(cut=st.integers(0, len(long(WORDS, PHONES))), noise=st.text(max_size=8))
def test_damaged_textgrids_raise_nothing_else(tmp_path_factory, cut, noise):
    path = tmp_path_factory.getbasetemp() / "damaged.TextGrid"
    text = long(WORDS, PHONES)
    path.write_bytes((text[:cut] + noise + text[cut + 3 :]).encode(errors="replace"))
    with contextlib.suppress(AlignmentError):
        read_alignment(path)


CTM = ";; made by hand\nu1 1 0.00 0.50 HH 0.9\nu1 1 0.50 0.25 IY\nu2 A 1.0 0.5 sil\n"


def test_ctm_holds_many_utterances(tmp_path, rows, refused):
    (tmp_path / "all.ctm").write_text(CTM)
    alignment = read_ctm(tmp_path / "all.ctm")
    assert {
        name: [(i.start, i.end, i.label) for i in item.intervals]
        for name, item in alignment.items()
    } == {
        "u1": [(0, 0.5, "HH"), (0.5, 0.75, "IY")],
        "u2": [(1.0, 1.5, "sil")],
    }
    assert rows("one.ctm", CTM.replace("u2 A", "u1 1")) == [
        (0, 0.5, "HH"),
        (0.5, 0.75, "IY"),
        (1.0, 1.5, "sil"),
    ]
    refused("all.ctm", CTM, "aligns 2 utterances, and one was asked for")
    refused("all.ctm", CTM.replace("u2", "u1"), "line 4: 'u1' has more than one channel")
    refused(
        "all.ctm",
        CTM.replace("0.25 IY", "0.25"),
        "line 3: needs utterance, channel, start, duration, label",
    )
    refused("all.ctm", CTM.replace("0.25", "x"), "line 3: 'x' is not a time")
    refused(
        "all.ctm",
        CTM.replace("0.25", "-0.25"),
        "utterance u1, tier 'phones', interval 2 .* ends before it starts",
    )
    refused("all.ctm", CTM.replace("0.25", "nan"), "line 3: 'nan' is not a time")
    refused("all.ctm", ";; nothing\n", "there are no intervals")


BUCKEYE = """signal s0101a
type 0
color 121
comment created using xlabel
font -misc-*-bold-*-*-*-15-*-*-*-*-*-*-*-*
separator ;
nfields 1
#
    0.000  121 {B_TRANS}
    0.500  122 <SIL>
    0.625  122 dh ; DH AH
    0.750  122
    1.000  122 iy;
"""


@pytest.mark.parametrize("name", ["s0101a.phones", "s0101a.lab"])
def test_buckeye_has_only_ends(rows, name):
    assert rows(name, BUCKEYE) == [
        (0, 0.5, "<SIL>"),
        (0.5, 0.625, "dh"),
        (0.625, 0.75, ""),
        (0.75, 1, "iy"),
    ]


def test_buckeye_faults(refused):
    refused("a.phones", BUCKEYE.replace("0.750", "0.500"), "interval 4 .* ends before it starts")
    refused("a.phones", BUCKEYE.replace("0.750  122", "0.750"), "line 12: needs end, color, label")
    refused("a.phones", BUCKEYE.replace("0.750", "soon"), "line 12: 'soon' is not a time")
    refused("a.phones", BUCKEYE.partition("0.500")[0], "there are no intervals")
    refused(
        "a.phones", BUCKEYE.replace("#", ""), "line 1: needs start, end, label, not 'signal s0101a'"
    )


def test_lab_in_units_of_100_ns_or_seconds(rows):
    expected = [(0, 0.25, "sil"), (0.25, 1, "a")]
    assert rows("a.lab", "0 2500000 sil\n2500000 10000000 a -12.5 word\n") == expected
    assert rows("a.lab", "0 0.25 sil\n0.25 1 a\n") == expected
    assert rows("a.txt", "0.000000\t0.250000\tsil\n\\\t100.0\t200.0\n0.25\t1.0\ta\n") == expected
    assert rows("a.txt", "0.0\t0.5\ttwo words\n0.5\t1.0\t\n") == [
        (0, 0.5, "two words"),
        (0.5, 1, ""),
    ]


def test_lab_faults(refused):
    refused(
        "a.lab", "0 1 a\n1 3 b\n", "too small for HTK's 100 ns; write seconds with a decimal point"
    )
    refused("a.lab", "0.1 a\n", "line 1: needs start, end, label")
    refused("a.lab", "0.1 0.2 a\n\n0.2 x a\n", "line 3: 'x' is not a time")
    refused("a.lab", "0.1 0.3 a\n0.2 0.4 b\n", "interval 2 .*overlaps")
    refused("a.lab", "\n\n", "there are no intervals")
    refused("a.wav", "RIFF", r"no alignments are known that end in '\.wav'; give one of \.phn")


def test_km_lines(tmp_path):
    path = tmp_path / "a.km"
    path.write_text("3 3 12\n\n7\n")
    assert [codes.tolist() for codes in read_km(path)] == [[3, 3, 12], [], [7]]
    for wrong in ("3 -1\n", "3 x\n", "1.5\n", "²\n", "9" * 19):
        path.write_text("1\n" + wrong)
        with pytest.raises(AlignmentError, match=r"a\.km, line 2: needs integers between spaces"):
            read_km(path)


def test_what_is_read_is_what_measures_and_items_take(tmp_path):
    path = tmp_path / "a.lab"
    path.write_text("0 0.1 sil\n0.1 0.2 HH\n0.2 0.3 IY\n0.3 0.4 S\n0.4 0.5 sil\n")
    intervals = labeled(read_alignment(path)).intervals
    assert [
        (interval.previous, interval.phone, interval.next)
        for interval in triphone_items({"a": ("s", intervals)}, ["SIL"])
    ] == [("HH", "IY", "S")]
    assert edges_of(intervals).tolist() == [0, 0.1, 0.2, 0.3, 0.4, 0.5]
    numbers = {
        label: number
        for number, label in enumerate(sorted({interval.label for interval in intervals}))
    }
    labels = frame_labels([(start, end, numbers[label]) for start, end, label in intervals], 5, 10)
    assert labels.tolist() == [numbers[label] for label in ("SIL", "HH", "IY", "S", "SIL")]
