"""Boundary scores by hand, against all matchings, and by laws; baselines without learning."""

from math import sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import find_peaks, peak_prominences

from speechvq.errors import UnitsError
from speechvq.units.boundaries.baselines import (
    PROMINENCES,
    SPACINGS,
    best_grid,
    best_mel_peaks,
    energy_gated_change,
    grid,
    mel_change,
    mel_peaks,
)
from speechvq.units.boundaries.peaks import common_prominence, peaks, prominence_of, prominences
from speechvq.units.boundaries.scores import Score, changes, edges_of, inside, score

TIMES = st.lists(st.integers(0, 30).map(lambda ticks: ticks / 100), max_size=8)
SETS = st.lists(st.tuples(TIMES, TIMES), min_size=1, max_size=3).filter(
    lambda sets: any(real for real, _ in sets)
)


def most_pairs(references, hypotheses, tolerance):
    """The most pairs that any one-to-one matching has."""
    if not references:
        return 0
    first, rest = references[0], references[1:]
    near = [index for index, time in enumerate(hypotheses) if abs(time - first) <= tolerance + 1e-9]
    taken = [
        1 + most_pairs(rest, hypotheses[:index] + hypotheses[index + 1 :], tolerance)
        for index in near
    ]
    return max([most_pairs(rest, hypotheses, tolerance), *taken])


def both(references, hypotheses, **options):
    return tuple(
        score(references, hypotheses, edges=None, rule=rule, **options)
        for rule in ("strict", "lenient")
    )


def test_by_hand():
    references, result = [[0.10, 0.20, 0.30, 0.40]], [[0.09, 0.11, 0.12, 0.22, 0.33]]
    strict, lenient = both(references, result)
    assert strict == Score(4, 5, 2, 2)  # 0.10 with 0.09, 0.20 with 0.22
    assert lenient == Score(4, 5, 2, 4)  # 0.11 and 0.12 are near 0.10 too
    assert (strict.precision, strict.recall) == (0.4, 0.5)
    assert strict.f1 == pytest.approx(4 / 9)
    assert strict.over_segmentation == pytest.approx(0.25)
    assert strict.r_value == pytest.approx(1 - (sqrt(0.25 + 0.0625) + 0.75 / sqrt(2)) / 2)
    assert lenient.over_segmentation == pytest.approx(0.5 / 0.8 - 1)


@pytest.mark.parametrize(
    ("precision", "recall", "expected"),
    [(70.5, 71.1, 75.1), (55.7, 74.7, 57.8), (29.2, 95.0, -94.0)],
)
def test_r_values_of_papers_follow_from_their_precision_and_recall(precision, recall, expected):
    result = Score(
        10_000, round(10_000 * recall / precision), round(100 * recall), round(100 * recall)
    )
    assert 100 * result.r_value == pytest.approx(
        expected, abs=1.2 if expected < 0 else 0.1
    )  # small precision: rounding shows


@settings(max_examples=40, deadline=None)
@given(SETS, st.sampled_from([0.0, 0.01, 0.02, 0.05]))
def test_equal_trying_every_matching_and_looking_at_every_pair(sets, tolerance):
    references, result = zip(*sets, strict=True)
    strict, lenient = both(references, result, tolerance=tolerance)
    assert strict.references == lenient.references == sum(map(len, references))
    assert strict.hypotheses == lenient.hypotheses == sum(map(len, result))
    assert (
        strict.hypotheses_hit
        == strict.references_hit
        == sum(most_pairs(real, guess, tolerance) for real, guess in sets)
    )

    def near(times, others):
        return sum(any(abs(time - other) <= tolerance + 1e-9 for other in others) for time in times)

    assert lenient.hypotheses_hit == sum(near(guess, real) for real, guess in sets)
    assert lenient.references_hit == sum(near(real, guess) for real, guess in sets)
    assert lenient.f1 >= strict.f1 - 1e-12


@settings(max_examples=40, deadline=None)
@given(SETS)
def test_only_the_reference_itself_is_perfect(sets):
    references = [real for real, _ in sets]
    for result in both(references, references):
        assert (result.precision, result.recall, result.f1, result.over_segmentation) == (
            1,
            1,
            1,
            0,
        )
        assert result.r_value == pytest.approx(1)
    strict, _ = both(references, [guess for _, guess in sets])
    assert strict.r_value <= 1
    assert strict.over_segmentation == pytest.approx(strict.hypotheses / strict.references - 1)


def test_twenty_milliseconds_are_near_however_they_are_rounded():
    real = np.arange(1, 200) / 10
    assert score([real], [real + 0.02], edges=None).recall == 1
    assert score([real], [real - 0.02], edges=None, rule="lenient").recall == 1
    assert score([real], [real + 0.0201], edges=None).recall == 0


def test_nothing_found_and_nothing_hit():
    nothing = score([[0.1, 0.2]], [[]], edges=None)
    assert (nothing.precision, nothing.recall, nothing.f1, nothing.over_segmentation) == (
        0,
        0,
        0,
        -1,
    )
    assert nothing.r_value == pytest.approx(1 - sqrt(2) / 2)
    astray = score([[0.1, 0.2]], [[0.5, 0.6]], edges=None)
    assert (astray.f1, astray.over_segmentation) == (0, 0)
    assert astray.r_value == pytest.approx(1 - (1 + 1 / sqrt(2)) / 2)


def test_edges_are_left_out_of_both_sides_or_of_none():
    references, result = [[0.0, 0.01, 0.5, 1.0]], [[0.0, 0.3, 0.985, 1.02]]
    assert score(references, result, edges=[(0, 1)]) == Score(1, 1, 0, 0)
    assert score(references, result, edges=None) == Score(4, 4, 2, 2)
    assert inside([0.5, 0.02, 0.03, 0.98, 0.97], (0, 1)).tolist() == [0.03, 0.5, 0.97]


def test_boundaries_of_codes_and_of_intervals():
    assert changes(np.array([4, 4, 2, 2, 2, 4]), 25).tolist() == [0.08, 0.2]
    assert changes(np.array([1]), 25).tolist() == []
    assert edges_of([(0.0, 0.1, "a"), (0.1, 0.2, "b"), (0.3, 0.4, "c")]).tolist() == [
        0,
        0.1,
        0.2,
        0.3,
        0.4,
    ]


def test_grids():
    assert grid((0, 0.2), 0.05) == pytest.approx([0.05, 0.1, 0.15])
    assert grid((1, 1.11), 0.05) == pytest.approx([1.05, 1.1])
    assert len(grid((0, 0.01), 0.05)) == 0
    assert len(grid((0, 0), 0.05)) == 0


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 2), st.floats(0, 3), st.sampled_from(SPACINGS))
def test_grids_lie_inside_and_leave_no_gap(start, length, spacing):
    times = grid((start, start + length), spacing)
    full = np.concatenate([[start], times, [start + length]])
    assert (np.diff(full)[:-1] == pytest.approx(spacing, abs=1e-9)) or not len(times)
    assert 0 <= full[-1] - full[-2] <= spacing + 1e-8
    assert not len(times) or start < times[0] <= times[-1] < start + length


def phones(count=4000, frame=0.01):
    """Phones with lengths of a gamma distribution of order 3 and mean 75 ms, in whole frames."""
    return (
        np.cumsum((np.random.default_rng(0).gamma(3, 0.025, count) / frame).round().clip(1)) * frame
    )


@pytest.mark.parametrize(
    ("spacing", "f1", "r_value", "lenient_f1", "lenient_r_value"),
    [
        (0.04, 0.667, 0.20, 0.739, 0.40),
        (0.05, 0.710, 0.50, 0.738, 0.40),
        (0.06, 0.656, 0.63, 0.685, 0.57),
        (0.07, 0.614, 0.656, 0.64, 0.65),
    ],
)
def test_grids_score_as_the_reference_has_simulated(
    spacing, f1, r_value, lenient_f1, lenient_r_value
):
    real = phones()
    strict, lenient = both([real], [grid((0.0, float(real[-1])), spacing)])
    assert (strict.f1, strict.r_value) == (
        pytest.approx(f1, abs=0.02),
        pytest.approx(r_value, abs=0.05),
    )
    assert (lenient.f1, lenient.r_value) == (
        pytest.approx(lenient_f1, abs=0.02),
        pytest.approx(lenient_r_value, abs=0.05),
    )


def test_frames_of_10_ms_widen_the_tolerance():
    """Two frames either side are a window of 50 ms, not 40."""
    full, fine = phones(), phones(frame=0.0001)
    assert (
        both([full], [grid((0, 300), 0.05)])[0].f1 - both([fine], [grid((0, 300), 0.05)])[0].f1
    ) > 0.08


def test_the_best_grid_is_the_best_by_r_value():
    real, others = phones(500), phones(400) + 0.013
    spans = [(0.0, float(real[-1])), (0.0, float(others[-1]) + 0.1)]
    spacing, result = best_grid([real, others], spans)
    assert result == score([real, others], [grid(span, spacing) for span in spans], edges=spans)
    assert 0.055 <= spacing <= 0.08
    for other in SPACINGS:
        assert (
            score([real, others], [grid(span, other) for span in spans], edges=spans).r_value
            <= result.r_value
        )


def steps(levels, each, noise=0.05):
    """A spectrogram of flat pieces, (n, 8)."""
    random = np.random.default_rng(1)
    return np.repeat(random.normal(size=(levels, 8)), each, axis=0) + noise * random.normal(
        size=(levels * each, 8)
    )


def test_mel_change_by_hand_and_slowly():
    mel = np.array([[0.0, 0.0], [0, 0], [3, 4], [3, 4]])
    assert mel_change(mel, 100, reach=0.01) == pytest.approx([0, 5 / sqrt(2), 0])
    noisy = steps(4, 5)
    for index, value in enumerate(mel_change(noisy, 100, reach=0.03)):
        before, after = (
            noisy[max(0, index - 2) : index + 1].mean(0),
            noisy[index + 1 : index + 4].mean(0),
        )
        assert value == pytest.approx(sqrt(((after - before) ** 2).mean()))


def test_mel_peaks_are_where_the_spectrum_changes():
    times = mel_peaks(steps(12, 9), 100)
    assert score([np.arange(1, 12) * 0.09], [times], edges=None, tolerance=0.001) == Score(
        11, 11, 11, 11
    )


def test_mel_peaks_ignore_level_and_flat_spectrograms():
    mel = steps(12, 9)
    assert mel_peaks(3 * mel + 5, 100).tolist() == mel_peaks(mel, 100).tolist()
    for flat in (np.zeros((50, 8)), np.zeros((2, 8)), np.zeros((0, 8))):
        assert len(mel_peaks(flat, 100)) == 0


def test_the_best_prominence_is_the_best_by_r_value():
    mels, spans = [steps(12, 9, 0.6), steps(30, 7, 0.6)], [(0.0, 1.08), (0.0, 2.1)]
    references = [np.arange(1, 12) * 0.09, np.arange(1, 30) * 0.07]
    prominence, result = best_mel_peaks(references, mels, 100, spans)
    scores = [
        score(
            references, [mel_peaks(mel, 100, prominence=tried) for mel in mels], edges=spans
        ).r_value
        for tried in PROMINENCES
    ]
    assert (prominence, result.r_value) == (PROMINENCES[int(np.argmax(scores))], max(scores))
    assert result.r_value > min(scores)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 9), min_size=3, max_size=40, unique=True)
    | st.lists(st.floats(0, 1), min_size=3, max_size=60)
)
def test_prominence_is_that_of_scipy(values):
    curve = np.array(values, np.float64)
    tops = find_peaks(curve)[0]
    assert [prominence_of(curve, int(top)) for top in tops] == peak_prominences(curve, tops)[
        0
    ].tolist()
    assert prominences(curve).tolist() == [
        prominence_of(curve, place) for place in range(len(curve))
    ]


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda: score([[0.1]], [], edges=None), "1 utterances, hypothesized ones of 0"),
        (lambda: score([[0.1]], [[0.1]], edges=[]), "edges of 0"),
        (lambda: score([[0.1], [np.nan]], [[], []], edges=None), "utterance 1 is not a finite"),
        (lambda: score([[0.1]], [[np.inf]], edges=None), "utterance 0 is not a finite"),
        (lambda: score([[0.0]], [[0.1]], edges=[(0, 1)]), "the reference has no boundaries"),
        (lambda: score([], [], edges=None), "the reference has no boundaries"),
        (lambda: grid((0, 1), 0), "a grid of 0 s"),
        (lambda: best_grid([[0.1]], [(0, 1)], spacings=[]), "no spacings"),
        (
            lambda: best_mel_peaks([[0.1]], [np.zeros((9, 2))], 100, [(0, 1)], prominences=[]),
            "no prominences",
        ),
        (lambda: common_prominence([], 100, 10), "0 curves and 10 peaks per second"),
        (lambda: mel_peaks(np.zeros(5), 100), r"shape \(5,\)"),
        (lambda: mel_peaks(np.full((5, 2), np.nan), 100), "finite numbers"),
    ],
)
def test_bad_input_is_named(ask, message):
    with pytest.raises(UnitsError, match=message):
        ask()


def test_energy_gated_change_by_hand_and_in_silence():
    """The floor is 1.8 % of the mean power; changes far below it do not count."""
    mel = np.log(np.array([[1.0, 1], [1, 1], [3, 3], [3, 3]]))
    assert energy_gated_change(mel, 100, reach=0.01) == pytest.approx(
        [0, np.log((3 + 0.036) / (1 + 0.036)) ** 2, 0]
    )
    quiet = np.concatenate([steps(6, 9) - 20, np.zeros((20, 8))])
    assert energy_gated_change(quiet, 100)[:50].max() < 1e-6 < mel_change(quiet, 100)[:50].max()


def test_a_common_prominence_leaves_so_many_peaks():
    curves = [np.random.default_rng(seed).random(300) for seed in range(3)]
    for target in (2.0, 9.0):
        prominence = common_prominence(curves, 100, target)
        assert sum(len(peaks(curve, 100, prominence)) for curve in curves) == round(target * 9.03)
    assert common_prominence(curves, 100, 90.0) == 0
    assert peaks(np.array([0, 1, 0, 5, 2, 2.5, 0]), 10, 1.0).tolist() == [0.4]
    assert peaks(np.array([0, 1, 0, 5, 2, 2.5, 0]), 10, 0.0).tolist() == [0.2, 0.4, 0.6]
