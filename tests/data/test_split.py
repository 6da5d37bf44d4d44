"""The hold-out rule: by hash, at random, evenly; no held-out text and no held-out speaker in
training."""

import hashlib
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from speechvq.data.manifest import Utterance
from speechvq.data.split import (
    HeldOut,
    Spoken,
    amounts,
    by_hash,
    drawn,
    evenly_spaced,
    held_out_speakers,
    hold_out,
    hold_out_speech,
    normalized,
    spoken,
)
from speechvq.errors import ConfigError

NAMES = tuple(f"speaker{index}" for index in range(9))


def test_names_come_in_the_order_of_their_hashes_whatever_else_is_there():
    hashes = {hashlib.sha256(name.encode()).hexdigest(): name for name in NAMES}
    expected = [hashes[key] for key in sorted(hashes)]
    assert by_hash(NAMES) == by_hash(NAMES[::-1]) == expected
    assert by_hash(set(NAMES), 3) == expected[:3]
    assert [name for name in by_hash((*NAMES, "another")) if name != "another"] == expected
    assert by_hash([name.encode() for name in NAMES]) == [name.encode() for name in expected]


def test_a_share_is_rounded_but_at_least_one_and_not_all():
    for share, count in ((0.01, 1), (0.3, 3), (0.5, 4), (0.99, 8)):
        for choose in (by_hash, evenly_spaced, drawn(np.random.default_rng(0))):
            chosen = hold_out(NAMES, share, choose)
            assert len(chosen) == len(set(chosen)) == count
            assert set(chosen) < set(NAMES)
    assert hold_out("abcdefgh", 0.5, evenly_spaced) == list("bdfh")


def test_draws_are_the_first_of_a_permutation():
    values = np.array(NAMES)
    expected = np.random.default_rng(3).permutation(values)[:3].tolist()
    assert hold_out(NAMES, 1 / 3, drawn(np.random.default_rng(3))) == expected
    numbers = np.array([4, 7, 9, 20])
    expected = np.random.default_rng(5).permutation(numbers)[:2].tolist()
    assert hold_out(numbers.tolist(), 0.5, drawn(np.random.default_rng(5))) == expected


def corpus(name, speakers, each, seconds=5.0, texts=None):
    """Utterances of a corpus: of each speaker some, with texts of their own or the given ones."""
    return [
        Spoken(
            seconds,
            f"{name}-{speaker}",
            name,
            f"{name} {speaker} says {take}" if texts is None else texts[take % len(texts)],
        )
        for speaker in range(speakers)
        for take in range(each)
    ]


LARGE = [
    *corpus("read", 60, 20),  # 100 minutes
    *corpus("talk", 60, 10),  # 50 minutes
    *corpus("voice", 1, 600),  # 50 minutes of one voice
    *[Spoken(5.0, None, "unknown", f"who says {index}") for index in range(100)],
]


def seconds_of(rows, mask):
    """Seconds of speech by speaker."""
    found = {}
    for row, chosen in zip(rows, mask, strict=True):
        if chosen:
            found[row.speaker] = found.get(row.speaker, 0.0) + row.seconds
    return found


def test_enough_minutes_are_held_out_from_every_corpus_with_many_speakers():
    parts = hold_out_speech(LARGE, HeldOut())
    held, trained = seconds_of(LARGE, parts.held_out), seconds_of(LARGE, parts.training)
    assert not held.keys() & trained.keys()
    assert 20 * 60 <= sum(held.values()) < 23 * 60
    assert max(held.values()) <= 0.1 * sum(held.values())
    shares = {
        name: sum(v for k, v in held.items() if k.startswith(name)) for name in ("read", "talk")
    }
    assert shares["read"] / shares["talk"] == pytest.approx(2, rel=0.2)
    assert {"voice-0", None} <= trained.keys()
    assert not parts.held_out[[row.corpus in ("voice", "unknown") for row in LARGE]].any()
    numbers = amounts(LARGE, parts)
    assert numbers["minutes"] == pytest.approx(sum(held.values()) / 60)
    assert numbers["speakers"] == len(held)
    assert numbers["read/minutes"] + numbers["talk/minutes"] == pytest.approx(numbers["minutes"])
    assert (numbers["voice/speakers"], numbers["left_out/minutes"]) == (0, 0)


def test_names_decide_and_not_the_order():
    rows = corpus("same", 12, 40, texts=[f"sentence {index}" for index in range(40)])
    for these in (LARGE, rows):
        order = np.random.default_rng(0).permutation(len(these))
        parts = hold_out_speech(these, HeldOut())
        again = hold_out_speech([these[index] for index in order], HeldOut())
        assert np.array_equal(again.held_out, parts.held_out[order])
        assert np.array_equal(again.training, parts.training[order])
    chosen = held_out_speakers(LARGE, HeldOut())
    names = sorted({row.speaker for row in LARGE if row.corpus == "read"})
    assert chosen & set(names) == set(by_hash(names, len(chosen & set(names))))


def test_who_speaks_much_is_trained_on_and_nobody_makes_up_too_much():
    rows = [
        *corpus("mixed", 3, 400),
        *[replace(row, speaker=f"few-{row.speaker}") for row in corpus("mixed", 60, 8)],
    ]
    held = seconds_of(rows, hold_out_speech(rows, HeldOut()).held_out)
    assert all(name.startswith("few") for name in held)
    rows = corpus("large", 60, 36, seconds=13.0)  # 7.8 minutes each
    parts = hold_out_speech(rows, HeldOut())
    held = seconds_of(rows, parts.held_out)
    assert len(held) == 6  # a tenth of all are 47 minutes, of which
    assert max(held.values()) <= 2 / 6 * sum(held.values())
    rows = corpus("large", 90, 36, seconds=13.0)
    parts = hold_out_speech(rows, HeldOut(share=0.2))
    held = seconds_of(rows, parts.held_out)
    assert sum(held.values()) >= 20 * 60
    assert max(held.values()) <= 0.1 * sum(held.values())
    assert not seconds_of(rows, parts.training).keys() & held.keys()


def test_a_held_out_text_is_not_trained_on_whoever_says_it():
    rows = [
        *LARGE,
        *[
            Spoken(2.0, f"other-{i}", "read", f"READ {i}, says: {t}!")
            for i in range(60)
            for t in (0, 1)
        ],
    ]
    parts = hold_out_speech(rows, HeldOut())
    held, trained = (
        {normalized(row.text) for row, m in zip(rows, mask, strict=True) if m}
        for mask in (parts.held_out, parts.training)
    )
    assert not held & trained
    neither = [row for row, m in zip(rows, parts.held_out | parts.training, strict=True) if not m]
    assert neither
    assert {row.speaker for row in neither}.isdisjoint(held_out_speakers(rows, HeldOut()))
    assert amounts(rows, parts)["left_out/minutes"] == pytest.approx(
        sum(row.seconds for row in neither) / 60
    )
    assert normalized("Don\u2019t  STOP -- cafe\u0301!") == "dont stop caf\u00e9"


def test_texts_that_all_say_cost_training_a_tenth_at_most():
    """Ten sentences by forty speakers: of one sentence training loses its recordings, of the
    others the held-out side."""
    rows = corpus("same", 40, 30, texts=[f"sentence {index}" for index in range(30)])
    parts = hold_out_speech(rows, HeldOut(minutes=5))
    assert parts.held_out.any()
    left = ~(parts.held_out | parts.training)
    speakers = held_out_speakers(rows, HeldOut(minutes=5))
    lost = [
        row.seconds
        for row, out in zip(rows, left, strict=True)
        if out and row.speaker not in speakers
    ]
    assert 0 < sum(lost) <= 0.1 * sum(row.seconds for row in rows)
    one = corpus("one", 9, 4, texts=["yes"])  # by text nothing could be held out
    parts = hold_out_speech(one, HeldOut())
    assert (parts.held_out | parts.training).all()
    assert parts.held_out.any()


@pytest.mark.parametrize(
    ("speakers", "each", "least", "held_out"),
    [
        (1, 60, 0, 0),
        (2, 30, 0, 0),
        (1, 60, 1, 0),
        (2, 30, 1, 1),
        (3, 20, 0, 1),
        (4, 15, 0, 1),
        (60, 1, 0, 6),
    ],
)
def test_of_little_speech_a_tenth_is_held_out_but_a_speaker_of_three(
    speakers, each, least, held_out
):
    rows = corpus("own", speakers, each)  # five minutes
    parts = hold_out_speech(rows, HeldOut(), least=least)
    assert len(seconds_of(rows, parts.held_out)) == held_out
    assert parts.training.any()
    assert not hold_out_speech(rows, HeldOut(minutes=0), least=least).held_out.any()


def test_voices_that_are_each_a_corpus_are_taken_for_one():
    rows = [row for index in range(6) for row in corpus(f"set{index}", 1, 10)]
    assert len(seconds_of(rows, hold_out_speech(rows, HeldOut()).held_out)) == 1


def test_what_cannot_be_held_out_is_refused():
    for wrong in ({"minutes": -1.0}, {"share": 0.0}, {"speaker_share": 1.5}, {"minutes": math.inf}):
        with pytest.raises(ConfigError, match=next(iter(wrong))):
            HeldOut(**wrong)


def test_a_manifests_rows_are_known_by_speaker_corpus_and_text():
    row = Utterance(Path("a.wav"), 2.0, "ann", metadata={"corpus": "an4", "text": "yes"})
    assert spoken(row) == Spoken(2.0, "ann", "an4", "yes")
    assert spoken(Utterance(Path("a.wav"), 2.0)) == Spoken(2.0)
