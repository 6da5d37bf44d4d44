"""Probes and leakage: on codes that tell the speaker singly, in pairs only, or not at all."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechvq.errors import UnitsError
from speechvq.units.phones.joint import joint
from speechvq.units.speakers.probe import Leakage, held_out, leakage, speaker_probe, vector_probe

SPEAKERS = [f"s{number}" for number in range(4) for _ in range(12)]


def random_codes(seed=0, size=8):
    random = np.random.default_rng(seed)
    return [random.integers(size, size=random.integers(40, 80)) for _ in SPEAKERS]


def cycles(codes, speaker):
    """Each of six codes equally often, in an order that is the speaker's own: only pairs tell."""
    order = [[0, 1, 2, 3, 4, 5], [0, 2, 4, 1, 3, 5], [0, 3, 1, 4, 2, 5], [0, 5, 4, 3, 2, 1]][
        int(speaker[1])
    ]
    return np.resize(order, 6 * (len(codes) // 6))


def test_empty_utterances_are_refused_everywhere():
    with pytest.raises(UnitsError, match="give some codes"):
        leakage([np.zeros(3, int), np.zeros(0, int)], ["a", "b"])


def test_codes_that_mean_nothing_are_near_chance():
    probe = [speaker_probe(random_codes(seed), SPEAKERS, seed=seed) for seed in range(3)]
    assert np.mean([item.accuracy for item in probe]) == pytest.approx(0.25, abs=0.2)
    assert (probe[0].chance, probe[0].majority, probe[0].utterances) == (0.25, 0.25, 12)


def test_speakers_are_identified_by_own_codes_and_by_pairs():
    own = [
        codes + 8 * int(speaker[1]) for codes, speaker in zip(random_codes(), SPEAKERS, strict=True)
    ]
    assert speaker_probe(own, SPEAKERS).accuracy == 1
    ordered = [
        cycles(codes, speaker) for codes, speaker in zip(random_codes(), SPEAKERS, strict=True)
    ]
    assert len({tuple(np.bincount(codes) / len(codes)) for codes in ordered}) == 1
    assert speaker_probe(ordered, SPEAKERS).accuracy == 1


def test_labels_shuffled_over_utterances_take_the_probe_to_chance():
    own = [
        codes + 8 * int(speaker[1]) for codes, speaker in zip(random_codes(), SPEAKERS, strict=True)
    ]
    probe = [
        speaker_probe(own, np.random.default_rng(seed).permutation(SPEAKERS).tolist()).accuracy
        for seed in range(5)
    ]
    assert np.mean(probe) < 0.5


def test_vectors_are_probed_alike_whatever_their_scale():
    random = np.random.default_rng(0)
    told = np.array([int(speaker[1]) for speaker in SPEAKERS])
    vectors = random.normal(size=(len(SPEAKERS), 6)) + 4 * np.eye(6)[told]
    probe = vector_probe(vectors, SPEAKERS)
    assert probe.accuracy > 0.9
    assert vector_probe(vectors * np.array([1e-3, 1, 1e3, 1, 1, 0]) + 7, SPEAKERS).accuracy > 0.9
    assert vector_probe(random.normal(size=vectors.shape), SPEAKERS).accuracy < 0.7


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.sampled_from("abcd"), min_size=2, max_size=40),
    st.floats(0.05, 0.95),
    st.integers(0, 9),
)
def test_every_speaker_is_on_both_sides(speakers, share, seed):
    names = sorted(speakers * 2)
    test = held_out([*names, "e", "e"], share, seed=seed)
    for name in {*names, "e"}:
        own = test[np.array([*names, "e", "e"]) == name]
        assert 0 < own.sum() < len(own)
        assert abs(own.sum() - share * len(own)) <= 1


def test_leakage_by_hand():
    codes = [np.array([0, 0]), np.array([0, 1]), np.array([1, 1]), np.array([1, 0])]
    leak = leakage(codes, ["a", "a", "b", "b"], shuffles=200)
    assert leak.share == pytest.approx(1 + 0.75 * np.log2(0.75) + 0.25 * np.log2(0.25))
    # pairings of the first with the second, third or fourth: equally likely, the others have no or
    # all of the same codes
    each = [
        joint(np.concatenate(codes), np.repeat(numbers, 2)).pnmi
        for numbers in ([0, 0, 1, 1], [0, 1, 0, 1], [0, 1, 1, 0])
    ]
    assert leak.shuffled == pytest.approx(np.mean(each), abs=0.03)


def test_leakage_of_codes_that_tell_all_and_nothing():
    own = [
        codes + 8 * int(speaker[1]) for codes, speaker in zip(random_codes(), SPEAKERS, strict=True)
    ]
    told = leakage(own, SPEAKERS)
    assert told.share == pytest.approx(1)
    assert told.shuffled < 0.3
    nothing = leakage(random_codes(), SPEAKERS)
    assert nothing.share == pytest.approx(nothing.shuffled, abs=0.005)
    assert leakage([np.zeros(5, int)] * 4, ["a", "a", "b", "b"]) == Leakage(0, 0)


def test_content_is_not_speaker_information():
    """Utterances of one word each, any speaker any word: shuffled frames would call that a leak."""
    random = np.random.default_rng(3)
    words = [np.full(50, random.integers(24)) for _ in SPEAKERS]
    leak = leakage(words, SPEAKERS)
    assert leak.share == pytest.approx(leak.shuffled, abs=0.08)
    numbers = np.repeat([int(speaker[1]) for speaker in SPEAKERS], 50)
    shuffled_frames = joint(random.permutation(np.concatenate(words)), numbers).pnmi
    assert shuffled_frames < 0.1 < leak.share


@pytest.mark.parametrize("ask", [speaker_probe, leakage])
@pytest.mark.parametrize(
    ("codes", "speakers", "message"),
    [
        ([[0]] * 3, ["a", "a"], "3 utterances and 2 speakers"),
        ([[]] * 4, ["a", "a", "b", "b"], "give some codes"),
        ([[0]] * 3, ["a", "a", "bob"], "the speaker bob has a single utterance"),
        ([[0]] * 2, ["a", "a"], "1 speakers cannot be distinguished"),
    ],
)
def test_bad_input_is_named(ask, codes, speakers, message):
    with pytest.raises(UnitsError, match=message):
        ask([np.array(row, int) for row in codes], speakers)


def test_bad_vectors_and_shares_are_named():
    with pytest.raises(UnitsError, match=r"vectors \(4,\) of 4 speakers"):
        vector_probe(np.zeros(4), ["a", "a", "b", "b"])
    with pytest.raises(UnitsError, match="a share of 1 cannot be held out"):
        held_out(["a", "a", "b", "b"], 1)


def test_units_are_imported_without_scikit_learn():
    names = (
        "boundaries.scores",
        "boundaries.baselines",
        "boundaries.peaks",
        "boundaries.segmentation",
        "phones.joint",
        "phones.mapping",
        "speakers.probe",
        "usage.rates",
    )
    imports = "".join(f"import speechvq.units.{name}\n" for name in names)
    script = f"import sys\n{imports}print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not {name.split(".")[0] for name in loaded} & {"sklearn", "scipy", "torch"}
