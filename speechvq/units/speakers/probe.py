"""Speaker information in codes: a probe that names the speaker, and mutual information.

A probe is trained on some utterances of each speaker and names the speakers of the others.
Quantization alone removes little speaker information (Yeh and Tang 2024), so read the accuracy on
codes next to that on the vectors before quantization and on mean spectra, from `vector_probe`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechvq.data.split import drawn, hold_out
from speechvq.errors import UnitsError
from speechvq.units.phones.joint import NO_LABEL, Joint, joint

Ints = NDArray[np.integer]


@dataclass(frozen=True)
class Probe:
    """Speaker identification on held-out utterances.

    accuracy: the share of held-out utterances whose speaker is named
    majority: the majority-class baseline: the share of the most frequent speaker among them
    chance: 1 / number of speakers
    utterances: number of held-out utterances
    """

    accuracy: float
    majority: float
    chance: float
    utterances: int


def held_out(speakers: Sequence[str], share: float = 0.25, *, seed: int = 0) -> NDArray[np.bool_]:
    """Which utterances to hold out (u,): `share` of each speaker's, rounded, at least one, not all.

    speakers: of each utterance

    Raises UnitsError when there are fewer than two speakers, a speaker has a single utterance, or
    the share is not between 0 and 1.
    """
    names, numbers, _ = _numbered(speakers)
    if not 0 < share < 1:
        raise UnitsError(f"a share of {share:g} cannot be held out: give one between 0 and 1")
    random, chosen = np.random.default_rng(seed), np.zeros(len(speakers), np.bool_)
    for speaker in range(len(names)):
        own = np.flatnonzero(numbers == speaker).tolist()
        chosen[hold_out(own, share, drawn(random))] = True
    return chosen


def speaker_probe(
    codes: Sequence[Ints], speakers: Sequence[str], *, share: float = 0.25, seed: int = 0
) -> Probe:
    """Logistic regression on the frequencies of codes and of pairs of successive codes.

    codes: (f,) of each utterance
    speakers: of each utterance

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
    """The same probe on one vector per utterance, (u, d), its mean spectrum for example.

    Vectors are standardized by the training utterances. Raises UnitsError like `speaker_probe`.
    Needs scikit-learn.
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
    """Information of frames on the speaker.

    share: the share of H(speaker)
    shuffled: the shuffled baseline: its mean with speakers permuted over utterances
    """

    share: float
    shuffled: float


def leakage(
    codes: Sequence[Ints], speakers: Sequence[str], *, shuffles: int = 20, seed: int = 0
) -> Leakage:
    """I(code; speaker) / H(speaker): how much a single code tells of the speaker.

    codes: (f,) of each utterance
    speakers: of each utterance

    The shuffled baseline permutes speakers over utterances, not over frames: the words of an
    utterance distinguish it from others without any speaker information, and shuffled frames would
    give a baseline that is too low. Raises UnitsError like `speaker_probe`, but does not need
    scikit-learn.
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
    """I(code; speaker | phone) / H(speaker): what a code tells of the speaker beyond the phone.

    codes, labels: (f,) of each utterance; frames labeled NO_LABEL are left out
    speakers: of each utterance

    I(code; speaker | phone) = I(code and phone; speaker) - I(phone; speaker); the shuffled baseline
    is as in `leakage`. Raises UnitsError like `leakage`, and when codes and labels are not equally
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
    """Whether they are not equally many, or no frame has a phone."""
    return len(codes) != len(labels) or not (labels != NO_LABEL).any()


def _share(by_utterance: NDArray[np.int64], numbers: Ints) -> float:
    """PNMI with speakers in place of phones."""
    counts = np.zeros((len(by_utterance), int(numbers.max()) + 1), np.int64)
    np.add.at(counts.T, numbers, by_utterance.T)
    return Joint(counts).pnmi


def _numbered(
    speakers: Sequence[str],
) -> tuple[NDArray[np.str_], NDArray[np.intp], NDArray[np.intp]]:
    """Sorted names, the number of each utterance's speaker, and the utterances per speaker.

    Raises UnitsError.
    """
    names, numbers, counts = np.unique(
        np.array(speakers, np.str_), return_inverse=True, return_counts=True
    )
    if len(names) < 2:
        raise UnitsError(
            f"{len(names)} speakers cannot be distinguished: give utterances of two at least"
        )
    if counts.min() < 2:
        raise UnitsError(
            f"the speaker {names[counts.argmin()]} has a single utterance: give two at least, or "
            "leave that one out"
        )
    return names, numbers, counts
