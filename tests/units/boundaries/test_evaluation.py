"""Boundaries of units, segments of a wanted rate, and their table."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from speechvq.errors import UnitsError
from speechvq.units.alignments.alignment import SIL, Alignment, Interval
from speechvq.units.boundaries.evaluation import boundary_rows, detector_rows
from speechvq.units.boundaries.segmentation import Segments
from speechvq.units.boundaries.unit_segments import PHONES, phone_rate, segmented, unit_segments
from speechvq.units.recordings import Recording, Units
from speechvq.units.split import Split, split_speakers
from tests.helpers.unit_corpus import RATE, alignment_of, corpus, noisy

RECORDINGS, LABELS = corpus()
SPLIT = split_speakers(RECORDINGS)


def by_method(rows) -> dict[tuple[str, str], Any]:
    return {(row["method"].partition(":")[0], row["boundaries"]): row for row in rows}


def test_codes_that_are_phones_find_all_and_nothing_else_does():
    rows = by_method(boundary_rows(noisy(LABELS, 0), RECORDINGS, SPLIT))
    for method in ("changes of codes", "segments at 25 Hz"):
        for scope in ("all", "phones"):
            row = rows[method, scope]
            assert (
                row["precision"] == row["recall"] == row["lenient_r_value"] == row["r_value"] == 100
            )
            assert row["over_segmentation"] == 0
    assert {method for method, _ in rows} == {
        "changes of codes",
        "segments at 25 Hz",
        "grid, best",
        "random",
    }
    assert all(rows[method, "all"]["r_value"] < 80 for method in ("grid, best", "random"))
    assert rows["changes of codes", "all"]["units"] == "noisy"
    assert rows["random", "all"]["units"] == ""


def test_segments_repair_noisy_codes():
    rows = by_method(boundary_rows(noisy(LABELS, 0.15), RECORDINGS, SPLIT, baselines=False))
    changes, segments = rows["changes of codes", "all"], rows["segments at 25 Hz", "all"]
    assert segments["r_value"] > changes["r_value"]
    assert segments["per_second"] < changes["per_second"]
    assert len(rows) == 4


def test_boundaries_at_silence_by_hand():
    phones = Alignment(
        (
            *(
                Interval(0.0, 0.5, SIL),
                Interval(0.5, 1.0, "a"),
                Interval(1.0, 1.5, "b"),
                Interval(1.5, 1.53, SIL),
            ),
            *(Interval(1.53, 2.0, "c"), Interval(2.2, 2.5, "d"), Interval(2.5, 3.0, "e")),
        )
    )
    codes = np.zeros(300, int)
    for time in (
        0.5,
        1.01,
        1.25,
        1.52,
        2.1,
        2.2,
        2.49,
    ):  # of 8 edges inside: 0.5 1 1.5 1.53 2 2.2 2.5
        codes[round(time * 100) :] += 1
    units = Units("hand", 100, 9, {"x": codes, "y": codes})
    recordings = [Recording("x", "ann", 3.0, phones), Recording("y", "ann", 3.0)]
    rows = by_method(
        boundary_rows(
            units, recordings, Split(("y",), ("x",), unseen_speakers=False), baselines=False
        )
    )
    every = rows["changes of codes", "all"]
    assert (every["precision"], every["recall"]) == pytest.approx((500 / 7, 500 / 7))
    assert every["lenient_recall"] == pytest.approx(
        600 / 7
    )  # 1.52 is near both ends of the short silence
    between = rows["changes of codes", "phones"]  # left: 1.0 and 2.5; found 1.01, 1.25, 2.1, 2.49
    assert (between["precision"], between["recall"]) == (50, 100)
    assert every["per_second"] == between["per_second"] == pytest.approx(7 / 3)


def test_recordings_without_phones_have_no_rows():
    bare = [replace(recording, phones=None) for recording in RECORDINGS]
    assert boundary_rows(noisy(LABELS, 0), bare, SPLIT) == []
    one_phone = [
        replace(recording, phones=Alignment((Interval(0, 4, "a"),))) for recording in RECORDINGS
    ]
    assert boundary_rows(noisy(LABELS, 0), one_phone, SPLIT) == []


def test_spectra_and_finer_units_have_rows_of_their_own():
    random = np.random.default_rng(0)
    book = random.normal(size=(5, 40))
    mels = {name: np.repeat(book[row], 4, axis=0) for name, row in LABELS.items()}
    finer = Units(
        "mel", 100, 5, {name: np.repeat(row, 4) for name, row in LABELS.items()}, mels, book
    )
    rows = by_method(
        boundary_rows(noisy(LABELS, 0.3), RECORDINGS, SPLIT, finer=finer, log_mels=mels)
    )
    assert rows["segments at 100 Hz", "all"]["units"] == "mel"
    assert rows["segments at 100 Hz", "all"]["r_value"] > 95
    best, default = rows["peaks of mel change, best", "all"], rows["peaks of mel change", "all"]
    assert best["r_value"] >= default["r_value"] > rows["random", "all"]["r_value"]


def test_units_of_other_recordings_are_refused():
    short = Units("short", RATE, 5, {name: row[:40] for name, row in LABELS.items()})
    with pytest.raises(UnitsError, match=r"last 1.60 s"):
        boundary_rows(short, RECORDINGS, SPLIT)


def test_as_many_segments_as_asked_for():
    random, names = np.random.default_rng(0), list(LABELS)
    codes = {
        name: 9 * row + random.integers(3, size=100) * random.integers(1, 4, size=100)
        for name, row in LABELS.items()
    }
    units = Units("many", RATE, 45, codes)
    for target in (4.0, 9.0):
        cut = unit_segments(units, names, names, target)
        assert sum(len(segments_of.ends) for segments_of in cut.values()) / (
            4 * len(names)
        ) == pytest.approx(target, rel=0.1)
    most = sum(len(cut.ends) for cut in unit_segments(units, names, names, 99).values())
    assert most == sum((np.diff(row) != 0).sum() + 1 for row in units.codes.values())
    few = unit_segments(units, names, names, 0.1)
    assert sum(len(cut.ends) for cut in few.values()) == 7 * len(
        names
    )  # 100 frames, 15 at most in each


def test_segments_by_codes_take_the_most_frequent_and_by_features_the_nearest():
    codes = np.array([7, 7, 3, 7, 7, 2, 2, 2])
    (segments,) = unit_segments(
        Units("x", RATE, 9, {"x": codes}), ["x"], ["x"], 2 * RATE / 8
    ).values()
    assert segments.frames().tolist() == [7, 7, 7, 7, 7, 2, 2, 2]
    features = {"x": np.array([[0.0], [0.1], [0.6], [0.2], [0.1], [1.0], [0.9], [1.0]])}
    units = Units(
        "x", RATE, 2, {"x": np.array([0, 0, 1, 0, 0, 1, 1, 1])}, features, np.array([[0.0], [1.0]])
    )
    (segments,) = unit_segments(units, ["x"], ["x"], 2 * RATE / 8).values()
    assert segments.frames().tolist() == [0, 0, 0, 0, 0, 1, 1, 1]


def test_phones_per_second():
    assert phone_rate(RECORDINGS) == pytest.approx(
        sum((np.diff(row) != 0).sum() + 1 for row in LABELS.values()) / 64
    )
    assert phone_rate([replace(recording, phones=None) for recording in RECORDINGS]) == PHONES


def test_segments_as_a_tier():
    tier = Segments(np.array([2, 3, 5]), np.array([7, 7, 0])).alignment(50)
    assert tier == Alignment(
        (Interval(0, 0.04, "7"), Interval(0.04, 0.06, "7"), Interval(0.06, 0.1, "0")), "segments"
    )


def test_segmented_codes_are_better_than_noisy_ones():
    """Single wrong frames inside phones are put right; runs get longer."""
    recordings, labels = corpus()
    names = [recording.name for recording in recordings]
    labels = {name: np.repeat(row, 3) for name, row in labels.items()}
    units = replace(noisy(labels, 0.25), rate=3 * RATE)
    segments = segmented(units, names, phone_rate(recordings))
    assert segments.name == "noisy, segments"
    right, before = (
        np.mean([(cut.codes[name] == labels[name]).mean() for name in names])
        for cut in (segments, units)
    )
    assert right > before + 0.1
    assert all(len(segments.codes[name]) == len(units.codes[name]) for name in names)
    assert sum(map(changed, segments.codes.values())) < sum(map(changed, units.codes.values()))


def changed(codes):
    return int((codes[1:] != codes[:-1]).sum())


def test_boundaries_of_detectors_without_units():
    """All edges have an R-value of 100, no edges none; recordings without phones are not used."""
    scored = [recording for recording in RECORDINGS if recording.name in set(SPLIT.score)]
    edges = {
        recording.name: np.array([row.start for row in alignment_of(recording).intervals])
        for recording in scored
    }
    result = {"all": edges, "none": dict.fromkeys(edges, np.zeros(0))}
    rows = by_method(detector_rows(result, RECORDINGS, SPLIT))
    assert rows["all", "all"]["r_value"] == rows["all", "phones"]["r_value"] == 100
    assert rows["none", "all"]["f1"] == rows["none", "all"]["per_second"] == 0
    assert (
        rows["all", "all"].keys()
        == boundary_rows(noisy(LABELS, 0), RECORDINGS, SPLIT, baselines=False)[0].keys()
    )
    bare = [replace(recording, phones=None) for recording in RECORDINGS]
    assert detector_rows({"all": {}}, bare, SPLIT) == []
