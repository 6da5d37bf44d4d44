"""The evaluation of units, on a corpus where it is known what it must find."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from speechvq.errors import UnitsError
from speechvq.units.abx.cells import Subsample
from speechvq.units.alignments.alignment import SIL, Alignment, Interval
from speechvq.units.baselines import baseline_units, segment_means, shuffled_units
from speechvq.units.evaluation.scores import METRICS, evaluate
from speechvq.units.phones.evaluation import ceiling
from speechvq.units.phones.joint import NO_LABEL, joint
from speechvq.units.recordings import Recording, Units
from speechvq.units.speakers.probe import phone_leakage
from speechvq.units.split import Split, split_speakers
from tests.helpers.unit_corpus import PHONES, RATE, corpus, noisy

RECORDINGS, LABELS = corpus()
SPLIT = split_speakers(RECORDINGS, 1 / 2)


def flat(units, names):
    return np.concatenate([units.codes[name] for name in names])


def by_hand(units):
    """The phone of each code among the frames to fit on that are no silence."""
    pairs = Counter(
        (c, y)
        for name in SPLIT.fit
        for c, y in zip(units.codes[name], LABELS[name], strict=True)
        if y
    )
    return np.array([max(range(1, 5), key=lambda y: pairs[code, y]) for code in range(5)])


def test_whole_speakers_are_held_out_and_always_the_same():
    owners = {recording.name: recording.speaker for recording in RECORDINGS}
    fit, score = ({owners[name] for name in names} for names in (SPLIT.fit, SPLIT.score))
    assert len(fit) == len(score) == 2
    assert not fit & score
    assert sorted((*SPLIT.fit, *SPLIT.score)) == sorted(owners)
    assert SPLIT.unseen_speakers
    assert split_speakers(RECORDINGS[::-1], 1 / 2) == SPLIT
    assert len({split_speakers(RECORDINGS, 1 / 2, seed=seed).score for seed in range(9)}) > 1
    assert (
        len(split_speakers(RECORDINGS, 0.01).score)
        == len(split_speakers(RECORDINGS, 0.99).fit)
        == 4
    )


def test_speakers_to_hold_out_by_name():
    split = split_speakers(RECORDINGS, held_out=["s3"])
    assert split.score == ("s3-0", "s3-1", "s3-2", "s3-3")
    with pytest.raises(
        UnitsError, match=r"there is no speaker anna, ben.* speakers are s0, s1, s2, s3"
    ):
        split_speakers(RECORDINGS, held_out=["ben", "s1", "anna"])
    with pytest.raises(UnitsError, match="all 4 speakers are held out"):
        split_speakers(RECORDINGS, held_out=["s0", "s1", "s2", "s3"])


def test_recordings_of_one_speaker_are_split():
    split = split_speakers(RECORDINGS[:4], 1 / 4)
    assert (len(split.fit), len(split.score), split.unseen_speakers) == (3, 1, False)
    assert sorted(split.fit + split.score) == ["s0-0", "s0-1", "s0-2", "s0-3"]


@pytest.mark.parametrize(
    ("recordings", "share", "message"),
    [
        (RECORDINGS[:1], 0.3, "give two at least"),
        (RECORDINGS[:1] * 2, 0.3, "two recordings are called s0-0"),
        (RECORDINGS, 1.0, "share of 1"),
    ],
)
def test_invalid_splits(recordings, share, message):
    with pytest.raises(UnitsError, match=message):
        split_speakers(recordings, share)


def test_frames_are_right_as_often_as_codes_are():
    units = noisy(LABELS, 0.25)
    scores = evaluate(units, RECORDINGS, SPLIT, abx=None)
    codes, labels = flat(units, SPLIT.score), flat(Units("u", RATE, 5, LABELS), SPLIT.score)
    right = 100 * (codes == labels).mean()
    assert scores["accuracy"] == scores["phone_purity"] == pytest.approx(right)
    assert 70 < right < 80
    speech = labels != 0
    assert scores["accuracy_speech"] == pytest.approx(
        100 * (by_hand(units)[codes] == labels)[speech].mean()
    )
    fitted = np.bincount(flat(Units("u", RATE, 5, LABELS), SPLIT.fit)).argmax()
    assert scores["accuracy_majority"] == pytest.approx(100 * (labels == fitted).mean())
    assert scores["accuracy_shuffled"] == pytest.approx(scores["accuracy_majority"], abs=8)
    assert scores["ceiling"] == 100
    assert scores["pnmi"] == pytest.approx(100 * joint(codes, labels).pnmi)
    assert scores["pnmi_shuffled"] < 3
    assert scores["v_measure"] == pytest.approx(100 * joint(codes, labels).v_measure)


def test_the_map_is_made_from_other_recordings():
    other = {
        name: (row + (name in SPLIT.score)) % 5 for name, row in LABELS.items()
    }  # other codes for those scored
    scores = evaluate(Units("turned", RATE, 5, other), RECORDINGS, SPLIT, abx=None)
    assert scores["accuracy"] == 0
    assert scores["phone_purity"] == scores["pnmi"] == 100


def test_keys_come_in_order_and_are_known():
    scores = evaluate(noisy(LABELS, 0.1), RECORDINGS, SPLIT)
    order = [metric.key for metric in METRICS]
    assert list(scores) == [key for key in order if key in scores]
    assert set(order) - set(scores) == {
        *(
            "abx_features_within",
            "abx_features_across",
            "abx_vectors_within",
            "abx_vectors_across",
            "speaker_features",
        )
    }
    assert all(
        0 <= scores[metric.key] <= 100
        for metric in METRICS
        if metric.unit == "%" and metric.key in scores
    )
    assert {key for metric in METRICS for key in metric.beside} <= set(order)


def test_without_phones_there_is_all_that_needs_none():
    units = noisy(LABELS, 0.1)
    bare = [replace(recording, phones=None) for recording in RECORDINGS]
    scores = evaluate(units, bare, SPLIT)
    full = evaluate(units, RECORDINGS, SPLIT)
    assert scores == {key: full[key] for key in scores}
    assert {"bits_frames", "used", "perplexity", "run_ms", "speaker_codes", "leakage"} <= set(
        scores
    )
    assert not set(scores) & {
        "accuracy",
        "pnmi",
        "ceiling",
        "phone_ms",
        "abx_items",
        "phone_leakage",
    }
    half = [
        recording if recording.name in SPLIT.score else replace(recording, phones=None)
        for recording in RECORDINGS
    ]
    scores = evaluate(units, half, SPLIT, abx=None)
    assert scores["phone_purity"] == full["phone_purity"]
    assert not set(scores) & {"accuracy", "accuracy_majority", "accuracy_speech"}


def test_abx_of_codes_that_tell_phones_and_of_those_that_do_not():
    book = np.eye(5)[[1, 0, 4, 3, 2]]
    for errors, least, most in ((0.0, 0, 0), (0.8, 40, 60)):
        units = noisy(LABELS, errors)
        features = {name: book[row] for name, row in units.codes.items()}
        units = replace(units, codewords=book, features=features)
        scores = evaluate(units, RECORDINGS, SPLIT, abx=Subsample(4, 1))
        assert (scores["abx_group"], scores["abx_x_speakers"]) == (4, 1)
        for speaker in ("within", "across"):
            wrong = scores[f"abx_codes_{speaker}"]
            assert least <= wrong <= most
            assert (
                scores[f"abx_vectors_{speaker}"]
                == scores[f"abx_features_{speaker}"]
                == pytest.approx(wrong)
            )  # all are one-hot
    alone = evaluate(noisy(LABELS, 0.0), RECORDINGS, replace(SPLIT, score=SPLIT.score[:4]))
    assert "abx_codes_within" in alone
    assert "abx_codes_across" not in alone


def test_speakers_in_codes():
    told = {
        recording.name: LABELS[recording.name] + 5 * int(recording.speaker[1])
        for recording in RECORDINGS
    }
    scores = evaluate(Units("voices", RATE, 20, told), RECORDINGS, SPLIT, abx=None)
    assert scores["speaker_codes"] == 100
    assert scores["speaker_chance"] == 25
    assert scores["leakage"] == pytest.approx(100)
    assert scores["phone_leakage"] > 98  # phones are not equally frequent with all speakers
    assert scores["leakage_shuffled"] < 60
    single = [
        recording
        for recording in RECORDINGS
        if recording.speaker == "s0" or recording.name.endswith("-0")
    ]
    lonely = evaluate(noisy(LABELS, 0.1), single, split_speakers(single), abx=None)
    assert not {key for key in lonely if "speaker" in key or "leakage" in key}


def test_leakage_beside_phones_is_the_mean_over_phones():
    random = np.random.default_rng(0)
    codes = [random.integers(4, size=30) for _ in range(8)]
    labels = [random.integers(-1, 3, size=30) for _ in range(8)]
    speakers = ["a", "b", "c", "a", "b", "c", "b", "b"]
    z, y = np.concatenate(codes), np.concatenate(labels)
    s = np.repeat(np.unique(speakers, return_inverse=True)[1], 30)
    known = y != NO_LABEL
    parts = [
        (y == phone).sum() * joint(z[y == phone], s[y == phone]).mutual_information
        for phone in range(3)
    ]
    share = sum(parts) / known.sum() / joint(z[known], s[known]).label_entropy
    leak = phone_leakage(codes, labels, speakers)
    assert leak.share == pytest.approx(share)
    assert leak.shuffled == pytest.approx(share, abs=0.05)  # nothing was told
    with pytest.raises(UnitsError, match="as many labels"):
        phone_leakage(codes, [labels[0][:9], *labels[1:]], speakers)


def test_costs_by_hand():
    recordings = [
        Recording("x", "ann", 1.0, Alignment((Interval(0, 0.5, SIL), Interval(0.5, 1, "a")))),
        Recording("y", "ann", 1),
    ]
    units = Units("by hand", 4, 9, {"x": np.array([1, 1, 2, 2]), "y": np.array([1, 1, 1, 1])})
    scores = evaluate(units, recordings, Split(("y",), ("x",), unseen_speakers=False), abx=None)
    assert (scores["bits_frames"], scores["bits_runs"], scores["bits_durations"]) == (4, 2, 2)
    assert (scores["used"], scores["perplexity"], scores["top"]) == (2, 2, 50)
    assert (scores["run_ms"], scores["phone_ms"]) == (500, 500)


def test_the_ceiling_counts_time():
    random = np.random.default_rng(0)
    times = np.cumsum(random.uniform(0.02, 0.15, 40))
    phones = tuple(
        Interval(a, b, "xyz"[n % 3]) for n, (a, b) in enumerate(pairwise(times.tolist())) if n % 7
    )
    item = Recording("a", "a", 3.0, Alignment(phones))

    def said(time):
        return next((label for start, end, label in phones if start <= time < end), None)

    for rate in (12.5, 25, 50, 100):
        steps = [
            (said((step + 0.5) / 100), said((int((step + 0.5) / 100 * rate) + 0.5) / rate))
            for step in range(300)
        ]
        known = [fine == coarse for fine, coarse in steps if fine and coarse]
        assert ceiling([item], rate) == pytest.approx(sum(known) / len(known))
    assert ceiling([item], 100) == 1


@pytest.mark.parametrize(
    ("codes", "message"),
    [
        ({}, "no codes of"),
        (
            {name: row[:50] for name, row in LABELS.items()},
            "last 2.00 s at 25 per second, and the recording 4.00 s",
        ),
        ({name: np.resize(row, 103) for name, row in LABELS.items()}, "last 4.12 s"),
    ],
)
def test_codes_that_are_not_of_the_recordings(codes, message):
    with pytest.raises(UnitsError, match=message):
        evaluate(Units("x", RATE, 5, codes), RECORDINGS, SPLIT)


def test_two_codes_more_or_less_are_nothing():
    codes = {
        name: np.resize(row, 98 + number % 5) for number, (name, row) in enumerate(LABELS.items())
    }
    assert evaluate(Units("x", RATE, 5, codes), RECORDINGS, SPLIT, abx=None)["accuracy"] == 100


def test_names_that_are_not_there():
    with pytest.raises(UnitsError, match="no recording nobody"):
        evaluate(noisy(LABELS, 0), RECORDINGS, replace(SPLIT, score=("nobody",)))


def test_clusters_are_fitted_on_some_recordings_and_name_the_frames_of_all():
    random = np.random.default_rng(0)
    centers = np.array([[0, 0], [0, 9], [9, 0], [9, 9], [20, 20]])
    rows = {
        name: centers[row] + random.normal(scale=0.1, size=(len(row), 2))
        for name, row in LABELS.items()
    }
    far = rows | {name: rows[name] + 1000 for name in SPLIT.score}
    units = baseline_units(rows, SPLIT.fit, 5, RATE, "clusters")
    assert units.codewords is not None
    assert np.abs(units.codewords[:, None] - centers).sum(2).min(0).max() < 0.1
    assert evaluate(units, RECORDINGS, SPLIT, abx=None)["accuracy"] == 100
    again = baseline_units(far, SPLIT.fit, 5, RATE, "far").codewords
    assert again is not None
    assert np.array_equal(again, units.codewords)
    with pytest.raises(UnitsError, match="400 frames cannot make 401"):
        baseline_units(rows, SPLIT.fit[:4], 401, RATE, "many")
    with pytest.raises(UnitsError, match="no features of nobody"):
        baseline_units(rows, ["nobody"], 5, RATE, "none")


def test_shuffled_codes_are_as_frequent_and_mean_nothing():
    units = noisy(LABELS, 0)
    mixed = shuffled_units(units)
    assert {name: len(row) for name, row in mixed.codes.items()} == {
        name: len(row) for name, row in units.codes.items()
    }
    assert np.array_equal(np.bincount(flat(mixed, LABELS)), np.bincount(flat(units, LABELS)))
    assert evaluate(mixed, RECORDINGS, SPLIT, abx=None)["pnmi"] < 3
    assert not mixed.features
    assert len(PHONES) == mixed.size


def test_segment_means():
    """Rows at 4 Hz, cut at 0.5 and (nearly) 1 s, seen at 4, 2 and 8 Hz."""
    rows = np.array([[0.0], [2.0], [6.0], [8.0], [9.0], [9.0]])
    same = segment_means(rows, 4, [0.5, 1.1], 4)[:, 0]
    assert same.tolist() == [1, 1, 7, 7, 9, 9]
    assert segment_means(rows, 4, [0.5, 1.1], 2)[:, 0].tolist() == [1, 7, 9]
    assert segment_means(rows, 4, [0.5, 1.1], 8)[:, 0].tolist() == np.repeat(same, 2).tolist()
    assert segment_means(rows, 4, [], 4)[:, 0].tolist() == [pytest.approx(rows.mean())] * 6
    assert (
        segment_means(rows, 4, [-1, 0, 1.5, 7], 4)[:, 0].tolist()
        == [pytest.approx(rows.mean())] * 6
    )
    assert segment_means(rows[:0], 4, [], 4).shape == (0, 1)
