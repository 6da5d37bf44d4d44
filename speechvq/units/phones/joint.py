"""Codes against phones, frame by frame: purities, PNMI and V-measure from joint counts.

With p(y, z) the share of frames whose phone is y and whose code is z:

    phone purity    sum_z max_y p(y, z)     accuracy of a majority map made from the same frames
    cluster purity  sum_y max_z p(y, z)     falls as the number of codes grows
    PNMI            I(y; z) / H(y)          also called homogeneity (Hsu et al. 2021, HuBERT)
    completeness    I(y; z) / H(z)
    V-measure       the harmonic mean       Rosenberg and Hirschberg 2007, with beta 1

Purity and PNMI rise with the number of codes and with few frames even if codes are random: 512
random codes get PNMI 0.51 on one minute at 50 Hz. So report the shuffled baseline (`shuffled`) next
to them, and the held-out accuracy of `mapping`.

Code i covers i / rate to (i + 1) / rate s, and its label is that of the phone at its center; frames
in no phone have the label `NO_LABEL` and are not counted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import UnitsError
from speechvq.units.alignments.alignment import TOLERANCE

Ints = NDArray[np.integer]
Counts = NDArray[np.int64]
Interval = tuple[float, float, int]
"""Start and end of a phone in seconds, and its label, at least 0."""

NO_LABEL = -1
ROUNDING = 1e-6
"""Rounding error of a time that was read from text, in seconds."""


def frame_labels(intervals: Sequence[Interval], frames: int, rate: float) -> Counts:
    """The label of the phone at the center of each frame, (frames,); NO_LABEL where there is none.

    intervals: from the start inclusive to the end exclusive
    rate: frames per second; frame i is at (i + 0.5) / rate s

    Raises UnitsError for intervals that end before they start or overlap, and for negative labels.
    """
    if rate <= 0:
        raise UnitsError(f"{rate:g} frames per second are not a frame rate: give one above 0")
    ordered = sorted(intervals, key=lambda interval: interval[:2])
    for start, end, label in ordered:
        if not start <= end or label < 0:
            raise UnitsError(
                f"the interval from {start:g} to {end:g} s with the label {label} cannot be: fix "
                "the alignment"
            )
    for (_, end, _), (start, _, _) in pairwise(ordered):
        if start < end - TOLERANCE:
            raise UnitsError(
                f"the interval that starts at {start:g} s overlaps one that ends at {end:g} s: "
                "fix the alignment"
            )
    labels = np.full(frames, NO_LABEL, np.int64)
    centers = (np.arange(frames) + 0.5) / rate + ROUNDING
    for start, end, label in ordered:
        labels[np.searchsorted(centers, start) : np.searchsorted(centers, end)] = label
    return labels


def paired(
    codes: Sequence[Ints], labels: Sequence[Ints], *, slack: int = 1
) -> tuple[Counts, Counts]:
    """Codes and labels of all labeled frames of all utterances, (n,) each: the input of `mapping`.

    codes, labels: of each utterance, (f,); where the two differ by up to `slack` frames, both are
        cut to the shorter (fairseq's measure_teacher_quality.py, the model of this, cuts any
        difference)

    Raises UnitsError when they differ by more, when there are not equally many utterances, and when
    no frame is labeled.
    """
    if len(codes) != len(labels):
        raise UnitsError(
            f"codes of {len(codes)} utterances and labels of {len(labels)}: give both for the "
            "same utterances"
        )
    kept: list[tuple[Ints, Ints]] = []
    for index, (own, own_labels) in enumerate(zip(codes, labels, strict=True)):
        if abs(len(own) - len(own_labels)) > slack:
            raise UnitsError(
                f"utterance {index} has {len(own)} codes and {len(own_labels)} labels: "
                "check that both have the same frame rate and are of the same recording"
            )
        count = min(len(own), len(own_labels))
        labeled = own_labels[:count] != NO_LABEL
        kept.append((own[:count][labeled], own_labels[:count][labeled]))
    if not any(len(own) for own, _ in kept):
        raise UnitsError("no frame has a label: check that the alignments are of these recordings")
    flat = tuple(np.concatenate(column).astype(np.int64) for column in zip(*kept, strict=True))
    return flat[0], flat[1]


def entropy(counts: NDArray) -> float:
    """Entropy in bits of the distribution given by counts of any shape."""
    shares = counts[counts > 0] / counts.sum()
    return max(0.0, float(-(shares * np.log2(shares)).sum()))


@dataclass(frozen=True, eq=False)
class Joint:
    """How often each code occurs with each label: counts (codes, labels). Entropies are in bits."""

    counts: Counts

    @property
    def phone_purity(self) -> float:
        """The share of frames that have the most frequent phone of their code."""
        return float(self.counts.max(1).sum() / self.counts.sum())

    @property
    def cluster_purity(self) -> float:
        """The share of frames that have the most frequent code of their phone."""
        return float(self.counts.max(0).sum() / self.counts.sum())

    @property
    def label_entropy(self) -> float:
        """H(y), bits."""
        return entropy(self.counts.sum(0))

    @property
    def code_entropy(self) -> float:
        """H(z), bits."""
        return entropy(self.counts.sum(1))

    @property
    def mutual_information(self) -> float:
        """I(y; z) = H(y) + H(z) - H(y, z), bits."""
        return max(0.0, self.label_entropy + self.code_entropy - entropy(self.counts))

    @property
    def pnmi(self) -> float:
        """I(y; z) / H(y); 1 where there is one phone only, as in scikit-learn."""
        return self.mutual_information / self.label_entropy if self.label_entropy else 1.0

    @property
    def homogeneity(self) -> float:
        """PNMI by its other name: 1 when each code has one phone."""
        return self.pnmi

    @property
    def completeness(self) -> float:
        """I(y; z) / H(z): 1 when each phone has one code, and when there is one code only."""
        return self.mutual_information / self.code_entropy if self.code_entropy else 1.0

    @property
    def v_measure(self) -> float:
        """The harmonic mean of PNMI and completeness, 2 I(y; z) / (H(y) + H(z)), also named NMI."""
        both = self.pnmi + self.completeness
        return 2 * self.pnmi * self.completeness / both if both else 0.0


def joint(codes: Ints, labels: Ints) -> Joint:
    """Joint counts of the codes and labels of the same frames, (n,) each, as `paired` returns them.

    Raises UnitsError when they are not equally many, empty, or negative.
    """
    if len(codes) != len(labels) or not len(codes):
        raise UnitsError(
            f"{len(codes)} codes and {len(labels)} labels: they must be equally many, and some"
        )
    if min(codes.min(), labels.min()) < 0:
        raise UnitsError(
            "codes and labels cannot be negative: leave frames without a label out, as `paired` "
            "does"
        )
    counts = np.zeros((int(codes.max()) + 1, int(labels.max()) + 1), np.int64)
    np.add.at(counts, (codes, labels), 1)
    return Joint(counts)


def shuffled(codes: Ints, labels: Ints, *, seed: int = 0) -> Joint:
    """The shuffled baseline: joint counts with the codes permuted over the frames.

    Raises UnitsError.
    """
    return joint(np.random.default_rng(seed).permutation(codes), labels)
