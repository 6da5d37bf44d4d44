"""What codes tell of the speaker: a probe that names who speaks in an utterance, and the information codes share with speakers.

A probe learns from some utterances of each speaker and names the speakers of the others: what a
listener who knows the voices could tell. Quantization alone takes little of the voice away (Yeh and
Tang 2024), so read the score of codes beside that of the vectors before quantization and of mean
spectra, from `vector_probe`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import UnitsError
from speechvq.units.phones.joint import NO_LABEL, Joint, joint

Ints = NDArray[np.integer]


@dataclass(frozen=True)
class Probe:
    """How often the speaker of a held-out utterance is named.

    accuracy: the share of held-out utterances whose speaker is named
    majority: the share of the most frequent speaker among them: what always naming that one would get
    chance: 1 / speakers
    utterances: how many were held out
    """

    accuracy: float
    majority: float
    chance: float
    utterances: int


def held_out(speakers: Sequence[str], share: float = 0.25, *, seed: int = 0) -> NDArray[np.bool_]:
    """Which utterances to hold out (u,): `share` of each speaker's, rounded, but one at least, and not all.

    speakers: who speaks in each utterance
    Raises UnitsError when there are fewer than two speakers, one has a single utterance, or the
    share is not between 0 and 1.
    """
    names, numbers, counts = _numbered(speakers)
    if not 0 < share < 1:
        raise UnitsError(f"a share of {share:g} cannot be held out: give one between 0 and 1")
    random, chosen = np.random.default_rng(seed), np.zeros(len(speakers), np.bool_)
    for speaker in range(len(names)):
        many = min(max(1, round(share * int(counts[speaker]))), int(counts[speaker]) - 1)
        chosen[random.permutation(np.flatnonzero(numbers == speaker))[:many]] = True
    return chosen


def speaker_probe(
    codes: Sequence[Ints], speakers: Sequence[str], *, share: float = 0.25, seed: int = 0
) -> Probe:
    """Logistic regression on how often each code and each pair of successive codes comes in an utterance.

    codes: (f,) of each utterance; speakers: who speaks in each
    Frequencies are shares of the utterance's codes and pairs together; their square roots are used,
    so that rows have length 1 and rare codes count too. Codes and pairs that training utterances do
    not have are left out. Raises UnitsError like `held_out`, when there are not equally many, or an
    utterance has no codes. Needs scikit-learn.
    """
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.preprocessing import normalize

    if len(codes) != len(speakers) or not all(len(row) for row in codes):
        raise UnitsError(
            f"{len(codes)} utterances and {len(speakers)} speakers: give some codes and a speaker "
            "for each"
        )
    test = held_out(speakers, share, seed=seed)
    texts = np.array([" ".join(map(str, row.tolist())) for row in codes])
    counter = CountVectorizer(token_pattern=r"\S+", ngram_range=(1, 2))  # noqa: S106 - no password
    histograms: Any = normalize(counter.fit(texts[~test]).transform(texts), "l1")
    return _probe(np.sqrt(histograms), speakers, test)


def vector_probe(
    vectors: NDArray[np.floating], speakers: Sequence[str], *, share: float = 0.25, seed: int = 0
) -> Probe:
    """The same probe of one vector an utterance (u, d), say its mean spectrum, standardised as the training utterances are.

    Raises UnitsError like `speaker_probe`. Needs scikit-learn.
    """
    if vectors.ndim != 2 or len(vectors) != len(speakers) or not np.isfinite(vectors).all():
        raise UnitsError(
            f"vectors {vectors.shape} of {len(speakers)} speakers: give a finite one for each "
            "utterance, (u, d)"
        )
    test = held_out(speakers, share, seed=seed)
    mean, deviation = vectors[~test].mean(0), vectors[~test].std(0)
    return _probe((vectors - mean) / np.where(deviation > 0, deviation, 1), speakers, test)


def _probe(features: Any, speakers: Sequence[str], test: NDArray[np.bool_]) -> Probe:  # noqa: ANN401 - dense or sparse
    """Fit and score rows (u, d)."""
    from sklearn.linear_model import LogisticRegression

    names, numbers, _ = _numbered(speakers)
    model = LogisticRegression(C=10.0, max_iter=2000).fit(features[~test], numbers[~test])
    accuracy = float((model.predict(features[test]) == numbers[test]).mean())
    majority = np.bincount(numbers[test]).max() / test.sum()
    return Probe(accuracy, float(majority), 1 / len(names), int(test.sum()))


@dataclass(frozen=True)
class Leakage:
    """A share of H(speaker) that frames tell, and the mean of the same with speakers shuffled over utterances."""

    share: float
    shuffled: float


def leakage(
    codes: Sequence[Ints], speakers: Sequence[str], *, shuffles: int = 20, seed: int = 0
) -> Leakage:
    """I(code; speaker) / H(speaker): how much of who speaks a single code tells.

    codes: (f,) of each utterance; speakers: who speaks in each
    The floor keeps utterances whole, for what is said in an utterance tells it from others without
    any leak of the voice; shuffled frames would give a floor that is too low.
    Raises UnitsError like `speaker_probe`, but does not need scikit-learn.
    """
    if len(codes) != len(speakers) or not codes or not all(len(row) for row in codes):
        raise UnitsError(
            f"{len(codes)} utterances and {len(speakers)} speakers: give some codes and a speaker "
            "for each"
        )
    _, numbers, _ = _numbered(speakers)
    lengths, flat = [len(row) for row in codes], np.concatenate(codes)
    each = np.repeat(np.arange(len(codes)), lengths)
    by_utterance = joint(flat, each).counts  # (codes, utterances): shuffles need no more
    random = np.random.default_rng(seed)
    shuffled = [_share(by_utterance, random.permutation(numbers)) for _ in range(shuffles)]
    return Leakage(_share(by_utterance, numbers), float(np.mean(shuffled)))


def phone_leakage(
    codes: Sequence[Ints],
    labels: Sequence[Ints],
    speakers: Sequence[str],
    *,
    shuffles: int = 20,
    seed: int = 0,
) -> Leakage:
    """I(code; speaker | phone) / H(speaker): how much of who speaks a code tells beside what the phone tells.

    codes, labels: (f,) of each utterance, NO_LABEL where there is no phone; such frames are left
    out With I(code; speaker | phone) = I(code and phone; speaker) - I(phone; speaker); the floor is
    as in `leakage`. Raises UnitsError like `leakage`, and when codes and labels are not equally
    many or an utterance has no phone.
    """
    if not len(codes) == len(labels) == len(speakers) or any(map(_unlike, codes, labels)):
        raise UnitsError(
            f"{len(codes)} utterances and {len(speakers)} speakers: give codes, as many labels "
            "and a speaker for each"
        )
    _, numbers, _ = _numbered(speakers)
    each = np.repeat(np.arange(len(codes)), [len(row) for row in codes])
    flat, phones = np.concatenate(codes).astype(np.int64), np.concatenate(labels).astype(np.int64)
    known = phones != NO_LABEL
    flat, phones, each = flat[known], phones[known], each[known]
    both = np.unique(flat * (phones.max() + 1) + phones, return_inverse=True)[1]
    pairs, alone = joint(both, each).counts, joint(phones, each).counts
    random = np.random.default_rng(seed)
    mixed = [random.permutation(numbers) for _ in range(shuffles)]
    share, *shuffled = [
        _share(pairs, owners) - _share(alone, owners) for owners in (numbers, *mixed)
    ]
    return Leakage(share, float(np.mean(shuffled)))


def _unlike(codes: Ints, labels: Ints) -> bool:
    """Whether they are not equally many, or there is no phone."""
    return len(codes) != len(labels) or not (labels != NO_LABEL).any()


def _share(by_utterance: NDArray[np.int64], numbers: Ints) -> float:
    """PNMI with speakers for phones."""
    counts = np.zeros((len(by_utterance), int(numbers.max()) + 1), np.int64)
    np.add.at(counts.T, numbers, by_utterance.T)
    return Joint(counts).pnmi


def _numbered(
    speakers: Sequence[str],
) -> tuple[NDArray[np.str_], NDArray[np.intp], NDArray[np.intp]]:
    """Names in order, the number of each utterance's, and how many utterances each has. Raises UnitsError."""
    names, numbers, counts = np.unique(
        np.array(speakers, np.str_), return_inverse=True, return_counts=True
    )
    if len(names) < 2:
        raise UnitsError(
            f"{len(names)} speakers cannot be told apart: give utterances of two at least"
        )
    if counts.min() < 2:
        raise UnitsError(
            f"the speaker {names[counts.argmin()]} has a single utterance: give two at least, or "
            "leave that one out"
        )
    return names, numbers, counts
