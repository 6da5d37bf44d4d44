"""Standard errors of means over recordings, when it is speakers that are drawn."""

import numpy as np
import pytest

from speechvq.data.uncertainty import standard_error


def test_it_is_the_textbooks_where_each_speaker_has_one_recording():
    values = np.random.default_rng(0).normal(size=(30, 2))
    expected = values.std(0, ddof=1) / np.sqrt(30)
    assert standard_error(values, np.ones(30), range(30)) == pytest.approx(expected)


def test_recordings_of_one_speaker_count_once_where_they_are_all_alike():
    values = np.random.default_rng(0).normal(size=(10, 1))
    once = standard_error(values, np.ones(10), range(10))
    speakers = np.repeat(np.arange(10), 7).tolist()
    assert standard_error(values.repeat(7, 0), np.ones(70), speakers) == pytest.approx(once)


def test_it_is_how_far_a_ratio_is_off_when_speakers_are_drawn():
    random = np.random.default_rng(0)
    means, speakers = [], np.repeat(np.arange(25), 8)
    for _ in range(400):
        lengths = random.integers(1, 9, (200, 1)).astype(float)
        own = random.normal(size=25)[speakers, None] + random.normal(size=(200, 1))
        means.append(((own * lengths).sum() / lengths.sum(), own * lengths, lengths))
    expected = np.std([mean for mean, _, _ in means])
    found = [standard_error(sums, lengths, speakers.tolist()) for _, sums, lengths in means]
    assert np.mean(found) == pytest.approx(expected, rel=0.15)


def test_one_speaker_has_none():
    assert np.isnan(standard_error([[1.0], [2.0]], [1, 1], ["a", "a"])).all()
