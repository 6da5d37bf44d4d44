"""speechvq units, as people type it."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from speechvq.codes import CodebookShape, Codes, ModelId, write_codes
from speechvq.units.aligned import find_alignments
from speechvq.units.alignments.alignment import Alignment, Interval
from speechvq.units.alignments.readers import read_textgrid
from speechvq.units.alignments.writers import write_km, write_textgrid
from speechvq.units.recordings import Units, write_units
from tests.helpers.unit_corpus import PHONES, RATE, alignment_of, corpus

RECORDINGS, LABELS = corpus(speakers=3, each=3)


def code_file(path, row, seconds=4.0):
    """Two codebooks at 25 and 50 Hz; the second tells nothing."""
    fine = np.random.default_rng(len(row)).integers(0, 7, 2 * len(row))
    codebooks = (row.astype(np.uint16), fine.astype(np.uint16))
    codes = Codes(
        ModelId("m", bytes(8)),
        8000,
        8000,
        round(8000 * seconds),
        (CodebookShape(320, 5), CodebookShape(160, 7)),
        codebooks,
        b"",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_codes(path, codes)


@pytest.fixture
def folder(tmp_path):
    """Code files codes/NAME.codes of perfect codes, and alignments align/SPEAKER/NAME.TextGrid."""
    for recording in RECORDINGS:
        code_file(tmp_path / "codes" / f"{recording.name}.codes", LABELS[recording.name])
        (tmp_path / "align" / recording.speaker).mkdir(parents=True, exist_ok=True)
        write_textgrid(
            tmp_path / "align" / recording.speaker / f"{recording.name}.TextGrid",
            [alignment_of(recording)],
        )
    return tmp_path


def number(out, title):
    """The numbers of a row of the table, without their floors."""
    (line,) = [line for line in out.splitlines() if line.startswith(f"| {title}")]
    return [float(cell.split()[0]) for cell in line.strip("| ").split("|")[1:]]


def test_perfect_codes_are_found_perfect(run, folder):
    done = run("units", folder / "codes", "--align", folder / "align", "--out", folder / "out")
    assert done.code == 0, done.err
    assert (
        "9 recordings of 3 speakers; maps are fitted on 6 and scored on 3 of unseen speakers"
        in done.err
    )
    assert number(done.out, "held-out frame accuracy, %") == [100]
    assert number(done.out, "ABX error of codes, within") == [0]
    assert "| m codebook 0 |" in done.out
    results = json.loads((folder / "out" / "results.json").read_text())
    assert results["scores"][0]["accuracy"] == 100
    assert results["split"]["unseen_speakers"] is True
    assert results["boundaries"][0]["r_value"] == 100
    assert (folder / "out" / "results.md").read_text() == done.out
    assert (folder / "out" / "results.csv").read_text().startswith("name,rate,size,accuracy,")
    grid = folder / "out" / "textgrids" / "s0-0.TextGrid"
    expected = alignment_of(next(row for row in RECORDINGS if row.name == "s0-0"))
    for tier in ("phones", "codes", "segments"):
        edges = [interval.start for interval in read_textgrid(grid, tier).intervals]
        assert edges == pytest.approx([interval.start for interval in expected.intervals])
    assert [PHONES[int(interval.label)] for interval in read_textgrid(grid, "codes").intervals] == [
        interval.label for interval in expected.intervals
    ]
    assert len(list((folder / "out" / "textgrids").iterdir())) == 9


def test_quiet_and_no_abx(run, folder):
    done = run(
        "units",
        folder / "codes",
        "--align",
        folder / "align",
        "--no-abx",
        "--quiet",
        "--held-out",
        "s1",
    )
    assert (done.code, done.err) == (0, "")
    assert "ABX" not in done.out


def test_all_codebooks_have_their_column(run, folder):
    done = run(
        "units",
        folder / "codes",
        "--align",
        folder / "align",
        "--codebook",
        "all",
        "--out",
        folder / "out",
    )
    assert done.code == 0, done.err
    assert number(done.out, "held-out frame accuracy, %")[0] == 100
    assert number(done.out, "PNMI")[1] < 30
    assert "m codebook 1, 7 codes at 50 Hz" in done.out
    second = run(
        "units", folder / "codes", "--align", folder / "align", "--codebook", 1, "--no-abx"
    )
    assert number(second.out, "PNMI") == [pytest.approx(number(done.out, "PNMI")[1])]
    tier = read_textgrid(folder / "out" / "textgrids" / "s0-0.TextGrid", "codes 1")
    assert tier.end == 4


def test_codes_in_other_files(run, folder):
    files = [folder / "npy" / f"{name}.npy" for name in LABELS]
    files[0].parent.mkdir()
    for path, row in zip(files, LABELS.values(), strict=True):
        np.save(path, row)
    write_km(folder / "km.km", LABELS.values())
    (folder / "km.tsv").write_text(
        "/audio\n" + "".join(f"sub/{name}.flac\t64000\n" for name in LABELS)
    )
    write_units(
        folder / "u.units",
        Units("u", RATE, 5, LABELS, {n: np.eye(5)[row] for n, row in LABELS.items()}, np.eye(5)),
    )
    more = ("--align", folder / "align", "--rate", 25, "--size", 5)
    done = run("units", *files, folder / "km.km", folder / "u.units", *more)
    assert done.code == 0, done.err
    assert number(done.out, "held-out frame accuracy, %") == [100] * 3
    assert all(f"| {name}, 5 codes" in done.out for name in ("codes", "km", "u"))
    assert "ABX error of features" in done.out


def test_speakers_by_pattern(run, folder):
    done = run(
        "units",
        folder / "codes",
        "--align",
        folder / "align",
        "--speaker-pattern",
        r"^s\d-(\d)",
        "--held-out",
        "2",
    )
    assert done.code == 0, done.err
    assert "scored on 3 of unseen speakers" in done.err


def test_names_that_come_with_every_speaker(run, tmp_path):
    for who, item in product(("ann", "ben"), ("a", "b")):
        code_file(tmp_path / "codes" / who / f"{item}.codes", LABELS["s0-0"])
        (tmp_path / "align" / who).mkdir(parents=True, exist_ok=True)
        write_textgrid(tmp_path / "align" / who / f"{item}.TextGrid", [alignment_of(RECORDINGS[0])])
    done = run(
        "units", tmp_path / "codes", "--align", tmp_path / "align", "--out", tmp_path / "out"
    )
    assert done.code == 0, done.err
    assert sorted(path.stem for path in (tmp_path / "out" / "textgrids").iterdir()) == [
        "ann-a",
        "ann-b",
        "ben-a",
        "ben-b",
    ]


def test_few_speakers_and_silent_files_are_remarked_on(run, folder):
    flat = folder / "flat"
    flat.mkdir()
    for recording in RECORDINGS:
        write_textgrid(flat / f"{recording.name}.TextGrid", [alignment_of(recording)])
    write_textgrid(
        flat / "s0-0.TextGrid",
        [Alignment((Interval(0, 2, "sil"), Interval(2, 4, "sp")))],
        force=True,
    )
    early = Alignment(
        tuple(
            recording for recording in alignment_of(RECORDINGS[1]).intervals if recording.end < 3.8
        )
    )
    write_textgrid(flat / "s0-1.TextGrid", [early], force=True)
    done = run("units", folder / "codes", "--align", flat)
    assert done.code == 0, done.err
    assert "1 recording (s0-0) without any phone, only silence: left out" in done.err
    assert "1 recording (s0-1) whose alignment ends before the recording does" in done.err
    assert "all recordings are of one speaker, codes;" in done.err
    assert "of the same speakers" in done.err
    assert "speakers named" not in done.out
    only = [folder / "codes" / f"{name}.codes" for name in ("s0-1", "s0-2", "s1-0")]
    done = run("units", *only, "--align", folder / "align")
    assert "1 speaker (s1) with a single recording" in done.err


def test_stress_is_kept_unless_told(run, folder):
    for recording in RECORDINGS:
        marked = [
            i._replace(label="AH" + str(n % 3)) if i.label == "a" else i
            for n, i in enumerate(alignment_of(recording).intervals)
        ]
        write_textgrid(
            folder / "align" / recording.speaker / f"{recording.name}.TextGrid",
            [Alignment(tuple(marked))],
            force=True,
        )
    kept = run("units", folder / "codes", "--align", folder / "align", "--no-abx")
    assert number(kept.out, "phone purity")[0] < 95
    gone = run("units", folder / "codes", "--align", folder / "align", "--no-abx", "--no-stress")
    assert number(gone.out, "phone purity") == [100]


def broken_alignment(text):
    def change(folder):
        (folder / "align" / "s0" / "s0-0.TextGrid").unlink()
        (folder / "align" / "s0" / "s0-0.lab").write_text(text)

    return change


def remove(*names):
    def change(folder):
        for name in names:
            (folder / "align" / name[:2] / f"{name}.TextGrid").unlink()

    return change


def twice(folder):
    (folder / "align" / "more").mkdir()
    write_textgrid(folder / "align" / "more" / "s0-0.TextGrid", [alignment_of(RECORDINGS[0])])


def silence(folder):
    for recording in RECORDINGS:
        path = folder / "align" / recording.speaker / f"{recording.name}.TextGrid"
        write_textgrid(path, [Alignment((Interval(0, 4, ""),))], force=True)


def other_model(folder):
    codes = Codes(
        ModelId("n", bytes(8)),
        8000,
        8000,
        32000,
        (CodebookShape(320, 5),),
        (LABELS["s2-2"].astype(np.uint16),),
        b"",
    )
    write_codes(folder / "codes" / "s2-2.codes", codes, force=True)


@pytest.mark.parametrize(
    ("change", "more", "says"),
    [
        (remove("s0-1", "s2-2"), (), "2 of 9 recordings have no alignment in"),
        (remove("s0-1", "s2-2"), (), "s0-1, s2-2; align them"),
        (twice, (), "could both be the alignment of s0-0; keep one"),
        (broken_alignment("0.0 2.0 a\n1.9 4.0 b\n"), (), "overlaps 'a' before it"),
        (
            broken_alignment("0.0 2.0 a\n2.0 4.3 b\n"),
            (),
            "s0-0.lab ends at 4.30 s, and its codes at 4.00 s; check the rate",
        ),
        (
            broken_alignment("0.0 2.0 a\n"),
            (),
            "s0-0.lab ends at 2.00 s, and its codes at 4.00 s; check the rate",
        ),
        (silence, (), "no alignment has a phone, only silence: 9 files"),
        (other_model, (), "give code files of one model"),
        (None, ("--codebook", "2"), "has 2 codebooks, counted from 0, and no codebook 2"),
        (
            None,
            ("--codebook", "top"),
            "--codebook top is not a codebook: give a number from 0 on, or all",
        ),
        (None, ("--held-out", "ben"), "there is no speaker ben"),
        (None, ("--speaker-pattern", "("), "is not a regular expression"),
        (
            None,
            ("--speaker-pattern", "s0"),
            "has no groups; put one group, in brackets, around the speaker",
        ),
        (
            None,
            ("--speaker-pattern", "(s0)"),
            "6 of 9 names do not match '(s0)', the first is s1-0",
        ),
        (None, ("--suffix", ".phn"), "9 of 9 recordings have no alignment"),
        (None, ("--tier", "words"), "has no tier that could be 'words'"),
        (None, ("--out", "no/such/folder"), "the folder no/such does not exist"),
    ],
)
def test_inputs_are_checked_first(refused, folder, change, more, says):
    if change:
        change(folder)
    refused("units", folder / "codes", "--align", folder / "align", *more, says=says)


def test_files_that_cannot_be_read(refused, folder, tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    np.save(tmp_path / "wide.npy", np.zeros((2, 2), int))
    (tmp_path / "text.npy").write_text("codes")
    write_km(tmp_path / "some.km", [LABELS["s0-0"]])
    align = ("--align", folder / "align")
    refused("units", empty, *align, says="there are no .codes files in")
    refused(  # before anything is read
        "units", empty, *align, "--speaker-pattern", "(", says="is not a regular expression"
    )
    refused("units", tmp_path / "none.codes", *align, says="there is no code file")
    refused(
        "units", folder / "codes", folder / "codes" / "s0-0.codes", *align, says="is given twice"
    )
    refused("units", tmp_path / "wide.npy", *align, says="does not say its rate; give --rate")
    refused("units", tmp_path / "wide.npy", *align, "--rate", 25, says="is not a row of integers")
    refused(
        "units",
        tmp_path / "text.npy",
        *align,
        "--rate",
        25,
        says="is not an array that numpy has saved",
    )
    refused(
        "units",
        tmp_path / "some.km",
        *align,
        "--rate",
        25,
        says="some.tsv; it must say in order whose codes",
    )
    refused("units", folder / "codes", "--align", tmp_path / "none", says="there is no folder")
    refused("units", folder / "codes" / "s0-0.codes", *align, says="give two at least")
    (tmp_path / "some.tsv").write_text("/\n")
    refused("units", tmp_path / "some.km", *align, "--rate", 25, says="has 1 lines and")


def test_systems_must_have_the_same_recordings(refused, folder):
    write_units(folder / "u.units", Units("u", RATE, 5, {"s0-0": LABELS["s0-0"]}))
    refused(
        "units",
        folder / "codes",
        folder / "u.units",
        "--align",
        folder / "align",
        says="s0-1 is in one of them only",
    )


def test_results_are_not_overwritten_unasked(run, refused, folder):
    command = (
        "units",
        folder / "codes",
        "--align",
        folder / "align",
        "--no-abx",
        "--out",
        folder / "out",
    )
    assert run(*command).code == 0
    refused(*command, says="results.md exists already; use --force")
    assert run(*command, "--force").code == 0
    (folder / "file").touch()
    refused(*command[:-1], folder / "file", says="is a file; give a folder")


def test_finer_codebooks_end_with_the_recording(run, folder):
    for recording in RECORDINGS:
        (folder / "codes" / f"{recording.name}.codes").unlink()
        code_file(
            folder / "codes" / f"{recording.name}.codes", LABELS[recording.name], seconds=3.965
        )
        intervals = [i._replace(end=min(i.end, 3.965)) for i in alignment_of(recording).intervals]
        write_textgrid(
            folder / "align" / recording.speaker / f"{recording.name}.TextGrid",
            [Alignment(tuple(intervals))],
            force=True,
        )
    done = run(
        "units",
        folder / "codes",
        "--align",
        folder / "align",
        "--codebook",
        1,
        "--no-abx",
        "--out",
        folder / "out",
    )
    assert done.code == 0, done.err
    grid = read_textgrid(folder / "out" / "textgrids" / "s0-0.TextGrid", "codes")
    assert grid.end == pytest.approx(199 / 50)


def test_letters_with_their_dots_apart(tmp_path):
    """As macOS writes names: they look the same."""
    (tmp_path / "m\u00fcde.lab").write_text("0.0 0.5 a\n")
    place = Path("codes/mu\u0308de")
    assert find_alignments(tmp_path, {place.name: place}) == {
        place.name: tmp_path / "m\u00fcde.lab"
    }
