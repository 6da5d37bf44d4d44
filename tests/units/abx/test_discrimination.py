"""ABX against slow loops over all triples, by laws of any score, and an example by hand."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechvq.errors import UnitsError
from speechvq.units.abx import discrimination as module
from speechvq.units.abx.cells import Context, Speaker, Subsample, cells
from speechvq.units.abx.discrimination import abx, frame_range
from speechvq.units.abx.frame_distance import comparison, prepared
from speechvq.units.abx.items import Item
from tests.units.abx.test_dtw import traced

SPEAKERS: tuple[Speaker, ...] = ("within", "across")
CONTEXTS: tuple[Context, ...] = ("triphone", "any")
TASKS = list(product(SPEAKERS, CONTEXTS))
F = np.float32


def corpus(
    seed,
    *,
    phones="abc",
    speakers="xyz",
    contexts: Sequence[str] = ("##", "kt"),
    each=3,
    most=6,
    size=8,
    width=5,
):
    """Adjacent items in one file per speaker, some groups missing; codes (n,), vectors (n, d)."""
    random = np.random.default_rng(seed)
    items, codes, vectors = [], {}, {}
    for speaker in speakers:
        place = 0
        for phone, context, _ in product(phones, contexts, range(each)):
            if random.random() < 0.25:
                continue
            count = int(random.integers(1, most))
            items.append(
                Item(
                    f"f{speaker}",
                    place / 50,
                    (place + count) / 50,
                    phone,
                    context[0],
                    context[1],
                    speaker,
                )
            )
            place += count
        codes[f"f{speaker}"] = random.integers(size, size=place)
        vectors[f"f{speaker}"] = np.abs(random.normal(size=(size, width)))[codes[f"f{speaker}"]]
    return [items[i] for i in random.permutation(len(items))], codes, vectors


def angle(u, v):
    if not u.any() or not v.any():
        return F(u.any() or v.any())
    cosine = F(min(1, max(-1, float(u @ v) / math.sqrt(float(u @ u)) / math.sqrt(float(v @ v)))))
    return F(np.arccos(cosine) / F(math.pi))


SLOW = {
    "identical": lambda u, v: F(u != v),
    "angular": angle,
    "euclidean": lambda u, v: F(
        math.sqrt(sum((float(a) - float(b)) ** 2 for a, b in zip(u, v, strict=True)))
    ),
    "kl_symmetric": lambda p, q: F(
        sum(
            (a - b) * (math.log(a + 1e-6) - math.log(b + 1e-6))
            for a, b in zip(p.tolist(), q.tolist(), strict=True)
        )
        / 2
    ),
}


def slow_distance(features, items, distance, i, j):
    """Of two items, X first."""
    sides = []
    for item in (items[i], items[j]):
        frames = features[item.file]
        sides.append(
            [
                v
                for k, v in enumerate(frames)
                if item.onset - 1e-9 <= (k + 0.5) / 50 <= item.offset + 1e-9
            ]
        )
    cost, length = traced(np.array([[SLOW[distance](u, v) for v in sides[1]] for u in sides[0]], F))
    return cost / F(length)


def slow(features, items, distance, speaker, context):
    """All triples, one by one, and the means in their order. Error and number of triples."""
    seen = {}

    def between(i, j):
        if (i, j) not in seen:
            seen[i, j] = slow_distance(features, items, distance, i, j)
        return seen[i, j]

    result = {}
    for x, a, b in product(range(len(items)), repeat=3):
        X, A, B = items[x], items[a], items[b]  # noqa: N806
        around = {(item.previous, item.next) for item in (A, B, X)}
        if x == a or A.phone != X.phone or B.phone == A.phone or A.speaker != B.speaker:
            continue
        if (A.speaker == X.speaker) != (speaker == "within") or (
            context == "triphone" and len(around) > 1
        ):
            continue
        to_a, to_b = between(x, a), between(x, b)
        wrong = 1.0 if to_a > to_b else 0.5 if to_a == to_b else 0.0
        key = (
            (A.phone, B.phone),
            A.speaker,
            X.speaker,
            (A.previous, A.next) if context == "triphone" else None,
        )
        result.setdefault(key, []).append(wrong)
    by_cell = {key: sum(errors) / len(errors) for key, errors in result.items()}
    by_pair = {}
    for (pair, value, other, _), error in by_cell.items():
        group = value if context == "triphone" else (value, other)
        by_pair.setdefault(pair, {}).setdefault(group, []).append(error)
    means = [
        np.mean([np.mean(errors) for errors in groups.values()]) for groups in by_pair.values()
    ]
    return np.mean(means), sum(map(len, result.values())), len(result)


@pytest.mark.parametrize(("speaker", "context"), TASKS)
@pytest.mark.parametrize("distance", SLOW)
def test_equal_to_loops_over_all_triples(speaker, context, distance):
    items, codes, vectors = corpus(1)
    features = codes if distance == "identical" else vectors
    if distance == "kl_symmetric":
        features = {name: rows / rows.sum(1, keepdims=True) for name, rows in vectors.items()}
    result = abx(features, 50, items, distance=distance, speaker=speaker, context=context)
    error, triples, count = slow(features, items, distance, speaker, context)
    assert (result.triples, result.cells) == (triples, count)
    assert result.error == pytest.approx(
        error, abs=1e-12 if distance in {"identical", "angular"} else 2e-3
    )
    assert (result.items, result.left_out, result.cut) == (len(items), 0, 0)
    assert result.error == pytest.approx(np.mean(list(result.pairs.values())))


FIRST, SECOND, THIRD = [0, 1, 0, 1, 2], [0, 1, 2, 1], [1, 2, 1, 1, 0, 0, 1]


@pytest.mark.parametrize(
    ("said", "speaker", "expected"),
    [
        ([(FIRST, "a", "x"), (SECOND, "a", "x"), (THIRD, "b", "x")], "within", 1 / 2),
        (
            [(SECOND, "a", "x"), (FIRST, "a", "x"), (THIRD, "b", "x")],
            "within",
            1 / 2,
        ),  # in whatever order
        (
            [(FIRST, "a", "x"), (THIRD, "a", "x"), (SECOND, "b", "x")],
            "within",
            3 / 4,
        ),  # 3/8 > 2/6, 3/8 = 3/8
        ([(SECOND, "a", "x"), (THIRD, "b", "x"), (FIRST, "a", "y")], "across", 0),
        ([(FIRST, "a", "x"), (THIRD, "b", "x"), (SECOND, "a", "y")], "across", 1),
        ([(THIRD, "a", "x"), (SECOND, "b", "x"), (FIRST, "a", "y")], "across", 1),
        ([(THIRD, "a", "x"), (FIRST, "b", "x"), (SECOND, "a", "y")], "across", 0),
    ],
)
def test_where_paths_tie_the_side_that_gives_the_rows_is_that_of_the_reference(
    said, speaker, expected
):
    """FIRST to SECOND has 6 frames, 2 of them unequal; back it has 5. THIRD is 3/8 from both."""
    codes = {f"f{i}": np.array(row) for i, (row, _, _) in enumerate(said)}
    items = [
        Item(f"f{i}", 0.0, float(len(row)), phone, "#", "#", name)
        for i, (row, phone, name) in enumerate(said)
    ]
    assert abx(codes, 1, items, distance="identical", speaker=speaker).error == expected


@pytest.mark.parametrize(("speaker", "context"), TASKS)
def test_what_is_compared_at_once_does_not_matter(monkeypatch, speaker, context):
    items, codes, _ = corpus(2)
    expected = abx(codes, 50, items, distance="identical", speaker=speaker, context=context)
    monkeypatch.setattr(module, "BLOCK", 1)
    monkeypatch.setattr(module, "ROOM", 1)
    assert abx(codes, 50, items, distance="identical", speaker=speaker, context=context) == expected


@pytest.mark.parametrize(("speaker", "context"), TASKS)
def test_one_hot_codes_score_like_codes(speaker, context):
    items, codes, _ = corpus(3)
    vectors = {name: np.eye(8)[row] for name, row in codes.items()}
    how = {"speaker": speaker, "context": context}
    assert abx(vectors, 50, items, **how) == abx(codes, 50, items, distance="identical", **how)


@pytest.mark.parametrize(("speaker", "context"), TASKS)
def test_a_code_for_each_phone_makes_no_error_and_one_code_for_all_makes_half(speaker, context):
    items, codes, _ = corpus(4)
    perfect = {name: np.zeros_like(row) for name, row in codes.items()}
    for item in items:
        first, last = frame_range(item.onset, item.offset, 50)
        perfect[item.file][first : last + 1] = "abc".index(item.phone) + 1
    how = {"speaker": speaker, "context": context}
    assert abx(perfect, 50, items, distance="identical", **how).error == 0
    same = {name: np.zeros_like(row) for name, row in codes.items()}
    assert abx(same, 50, items, distance="identical", **how).error == 0.5
    assert abx({name: np.eye(4)[row] for name, row in perfect.items()}, 50, items, **how).error == 0
    opposite = {name: np.eye(4)[row] for name, row in same.items()}
    assert abx(opposite, 50, items, distance="euclidean", **how).error == 0.5


@pytest.mark.parametrize(("speaker", "context"), TASKS)
def test_labels_without_meaning_score_half(speaker, context):
    items, codes, _ = corpus(5, each=40, contexts=("##",))
    result = abx(codes, 50, items, distance="identical", speaker=speaker, context=context)
    assert result.error == pytest.approx(0.5, abs=0.03)
    assert result.triples > 100_000


@pytest.mark.parametrize("scale", [1e-3, 7.0])
def test_angles_do_not_see_lengths(scale):
    items, _, vectors = corpus(6)
    assert abx({name: rows * scale for name, rows in vectors.items()}, 50, items) == abx(
        vectors, 50, items
    )


def test_a_small_example_by_hand():
    """One frame each. Within x, a: 0, 1; b: 3. X = 0: d(A) = 1 < 3; X = 1: d(A) = 1 < 2. Of b there
    is no second item.
    Another speaker: a: 4; b: 2, 2: X = 2: d(A) = 0 < d(B) = 2, twice. Across, of x: A 0, 1, B 3 and
    X = 4: 4 > 1 and 3 > 1: two errors; A = 3, B = 0, 1, X = 2, 2: 1 < 2, 1 = 1: half of two. Of y:
    A = 4, B = 2, X = 0, 1: 4 > 2, 3 > 1: all errors; A = 2, B = 4, X = 3: equal: half."""
    values = {"x": [0, 1, 3], "y": [4, 2, 2]}
    phones = {"x": "aab", "y": "abb"}
    items = [
        Item(n, float(t), t + 1.0, phones[n][t], "#", "#", n) for n in values for t in range(3)
    ]
    features = {name: np.array(row, F)[:, None] for name, row in values.items()}
    within = abx(features, 1, items, distance="euclidean")
    assert (within.error, within.triples, within.cells) == (0, 4, 2)
    across = abx(features, 1, items, distance="euclidean", speaker="across")
    assert across.pairs == {("a", "b"): (1 + 1) / 2, ("b", "a"): (0.25 + 0.5) / 2}
    assert (across.error, across.triples, across.cells) == ((1 + 0.375) / 2, 2 + 4 + 4 + 2, 4)


def test_contexts_then_speakers_then_pairs_count_alike():
    """One speaker errs by 3/4 in three contexts, another not in one: 3/8; over cells 9/16."""
    rows = {"x": [0, 1, 0] * 3, "y": [0, 0, 1]}
    items = [
        Item(name, float(3 * c + t), 3 * c + t + 1.0, "aab"[t], "#", "pqr"[c], name)
        for name, row in rows.items()
        for c in range(len(row) // 3)
        for t in range(3)
    ]
    result = abx(
        {name: np.array(row) for name, row in rows.items()}, 1, items, distance="identical"
    )
    assert result.pairs == {("a", "b"): 3 / 8}
    assert result.cells == 4


def test_the_speaker_of_x_is_no_level_of_its_own():
    """In triphone context a speaker's cells count alike; in any context all cells do."""
    table = {("a", "x", "y"): 1.0, ("a", "x", "z"): 0.0, ("a", "y", "x"): 1.0}
    result: Any = [
        (SimpleNamespace(phone=a, other="b", speaker=s, x_speaker=x), error)
        for (a, s, x), error in table.items()
    ]
    assert module._collapsed(result, "triphone") == {("a", "b"): 0.75}
    assert module._collapsed(result, "any") == {("a", "b"): pytest.approx(2 / 3)}


# Slices


@given(
    st.integers(0, 200),
    st.integers(1, 200),
    st.sampled_from(["50", "25", "12.5", "100", "31.25", "16000/441"]),
)
def test_frames_are_those_whose_time_is_within(start, length, rate):
    onset, offset = start / 100, (start + length) / 100
    exact = Fraction(rate)
    inside = [i for i in range(450) if start * exact <= 100 * i + 50 <= (start + length) * exact]
    first, last = frame_range(onset, offset, exact if "/" in rate else float(rate))
    assert list(range(first, last + 1)) == inside


def test_both_ends_are_included_and_decimals_are_meant():
    assert frame_range(0.29, 0.31, 50) == (
        14,
        15,
    )  # times .29 and .31 are those of frames 14 and 15 exactly
    assert 0.29 * 50 - 0.5 < 14  # but floats say otherwise
    assert frame_range(0.2925, 0.4725, 50) == (15, 23)
    assert frame_range(0.0, 0.009, 50) == (0, -1)


def test_items_without_a_frame_are_left_out_and_those_over_the_end_cut():
    codes = {"f": np.array([0, 0, 1])}
    items = [
        Item("f", onset, offset, phone, "#", "#", "s")
        for onset, offset, phone in [(0, 1, "a"), (1, 2, "a"), (2, 3, "b")]
    ]
    plain = abx(codes, 1, items, distance="identical")
    assert (plain.left_out, plain.cut, plain.items, plain.error) == (0, 0, 3, 0)
    short = [
        *items,
        Item("f", 0.6, 0.9, "b", "#", "#", "s"),
        Item("f", 2.6, 3.2, "b", "#", "#", "s"),
    ]
    long = [*short[:2], Item("f", 2, 3.9, "b", "#", "#", "s"), *short[3:]]
    result = abx(codes, 1, long, distance="identical")
    assert (result.left_out, result.cut, result.items, result.error) == (2, 1, 3, 0)


# Subsampling


def test_without_limits_or_with_wide_ones_every_triple_counts():
    items, codes, _ = corpus(7)
    for speaker, context in TASKS:
        results = [
            abx(
                codes,
                50,
                items,
                distance="identical",
                speaker=speaker,
                context=context,
                subsample=subsample,
            )
            for subsample in (Subsample(99, 99), None)
        ]
        assert results[0] == results[1]


@pytest.mark.parametrize(("speaker", "context"), TASKS)
def test_limits_hold_and_the_seed_decides(speaker, context):
    items, _, _ = corpus(8, each=6, speakers="wxyz")
    drawn = [
        [
            (
                c.phone,
                c.other,
                c.context,
                c.speaker,
                c.x_speaker,
                tuple(c.a),
                tuple(c.b),
                tuple(c.x),
            )
            for c in result
        ]
        for result in (cells(items, speaker, context, Subsample(2, 1, seed)) for seed in (0, 0, 1))
    ]
    assert drawn[0] == drawn[1] != drawn[2]
    complete = {
        (c.phone, c.other, c.context, c.speaker, c.x_speaker): c
        for c in cells(items, speaker, context, Subsample())
    }
    for phone, other, context_of, name, x_name, a, b, x in drawn[0]:
        full = complete[phone, other, context_of, name, x_name]
        assert max(len(a), len(b), len(x)) <= 2
        assert {*a} <= {*full.a}
        assert {*b} <= {*full.b}
        assert {*x} <= {*full.x}
    assert len(drawn[0]) == len(
        {tuple(key[:4]) for *key, _, _, _ in drawn[0]}
    )  # one speaker of X for each A and B
    assert {tuple(key[:4]) for *key, _, _, _ in drawn[0]} == {key[:4] for key in complete}


def test_the_mean_over_seeds_is_near_the_exact_score():
    items, codes, _ = corpus(9, each=8)
    exact = abx(codes, 50, items, distance="identical", context="any").error
    result = [
        abx(
            codes, 50, items, distance="identical", context="any", subsample=Subsample(4, None, s)
        ).error
        for s in range(40)
    ]
    assert np.mean(result) == pytest.approx(exact, abs=0.02)


@pytest.mark.parametrize("limits", [(1, None), (0, None), (None, 0)])
def test_limits_that_leave_nothing(limits):
    with pytest.raises(ValueError, match="at least"):
        Subsample(*limits)


# Distances of frames


@pytest.mark.parametrize("distance", SLOW)
def test_frame_distances_against_one_pair_at_a_time(distance):
    random = np.random.default_rng(0)
    if distance == "identical":
        item, other = random.integers(3, size=(2, 4)), random.integers(3, size=(2, 5))
    else:
        item, other = random.dirichlet(np.ones(6), (2, 4)), random.dirichlet(np.ones(6), (2, 5))
        other[1, 2] = item[1, 3]
    ready = [np.stack([prepared(row, distance, "f") for row in side]) for side in (item, other)]
    distances = comparison(distance)(*ready)
    assert distances.dtype == np.float32
    assert distances[1, 3, 2] == 0 or distance == "identical"  # equal frames are at 0 exactly
    expected = [[[SLOW[distance](u, v) for v in other[p]] for u in item[p]] for p in range(2)]
    np.testing.assert_allclose(distances, expected, rtol=2e-4, atol=1e-6)


def test_angles_by_hand_and_frames_of_zeros_far_from_all_but_each_other():
    rows = prepared(
        np.array([[1, 0], [5, 0], [0, 2], [-3, 0], [1, 1], [0, 0], [0, 0]], F), "angular", "f"
    )[None]
    distances = comparison("angular")(rows, rows)[0]
    np.testing.assert_allclose(distances[0], [0, 0, 1 / 2, 1, 1 / 4, 1, 1], rtol=1e-6)
    assert distances[5].tolist() == [1, 1, 1, 1, 1, 0, 0]


BAD = {
    "codes as floats": ("identical", np.zeros(4), "'identical' compares codes"),
    "vectors as codes": ("identical", np.zeros((4, 2), int), "'identical' compares codes"),
    "codes as vectors": ("angular", np.zeros(4, int), "'angular' compares vectors"),
    "no columns": ("angular", np.zeros((4, 0)), "'angular' compares vectors"),
    "texts": ("euclidean", np.full((4, 2), "a"), "'euclidean' compares vectors"),
    "nan": ("euclidean", np.full((4, 2), np.nan), "not finite"),
    "negatives": ("kl_symmetric", np.array([[1.5, -0.5]] * 4), "are not probabilities"),
    "sums": ("kl_symmetric", np.full((4, 2), 0.6), "are not probabilities"),
}


@pytest.mark.parametrize("what", BAD)
def test_features_that_a_distance_cannot_compare(what):
    distance, features, message = BAD[what]
    items = [Item("f", float(i), i + 1.0, "aabb"[i], "#", "#", "s") for i in range(4)]
    with pytest.raises(UnitsError, match=f"f .*{message}|of f .*{message}"):
        abx({"f": features}, 1, items, distance=distance)


def test_what_does_not_fit_is_named():
    items, codes, vectors = corpus(10)
    with pytest.raises(
        UnitsError, match=r"1 of 3 files that items name have no features, the first is fy"
    ):
        abx({name: rows for name, rows in vectors.items() if name != "fy"}, 50, items)
    with pytest.raises(UnitsError, match="different widths: 2, 5"):
        abx(vectors | {"fx": vectors["fx"][:, :2]}, 50, items)
    with pytest.raises(UnitsError, match=r"starts at .* s, after its end: .* at 25 per second"):
        abx({name: rows[: len(rows) // 4] for name, rows in vectors.items()}, 25, items)
    for rate in (0, -1, math.nan, math.inf):
        with pytest.raises(UnitsError, match="give the rate"):
            abx(codes, rate, items, distance="identical")


@pytest.mark.parametrize(("speaker", "context"), TASKS)
def test_no_triple_at_all(speaker, context):
    items = [Item("f", float(i), i + 1.0, "ab"[i], "#", "#", "s") for i in range(2)]
    with pytest.raises(
        UnitsError, match=f"2 items make no triple {speaker} speakers in {context} context"
    ):
        abx(
            {"f": np.zeros(2, int)},
            1,
            items,
            distance="identical",
            speaker=speaker,
            context=context,
        )
    with pytest.raises(UnitsError, match="0 items make no triple"):
        abx({}, 1, [], distance="identical", speaker=speaker, context=context)
