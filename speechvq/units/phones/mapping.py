"""The majority map from codes to phones: the probe of the VQ-VAE paper, on held-out data.

van den Oord et al. 2017 (section 4.3) map every code to the phone it most often occurs with and
count correct frames. On the data that the map was made from, that accuracy rises with the number of
codes even if codes are random; so here the map is fitted on one set and scored on another.
`shuffled_accuracy` is the shuffled baseline, `majority_accuracy` the majority-class baseline (7.2 %
in the paper).
"""

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.integer]


def majority_map(codes: Codes, labels: Codes, size: int) -> NDArray[np.int64]:
    """The label that occurs most often with each code, (size,); of equal counts the smallest label.

    codes, labels: of every frame, (n,), n at least 1

    Codes that never occur get the most frequent label of all. Raises ValueError when the two are
    not equally long, or a label is negative.
    """
    if len(codes) != len(labels) or not len(codes):
        raise ValueError(
            f"{len(codes)} codes and {len(labels)} labels: they must be equally many, and some"
        )
    if labels.min() < 0:
        raise ValueError(f"a label is {labels.min()}: leave frames without a label out")
    pairs, counts = np.unique(np.stack([codes, labels]), axis=1, return_counts=True)
    order = np.lexsort([pairs[1], -counts, pairs[0]])
    used, first = np.unique(pairs[0][order], return_index=True)
    mapping = np.full(size, np.bincount(labels).argmax(), np.int64)
    mapping[used] = pairs[1][order][first]
    return mapping


def accuracy(codes: Codes, labels: Codes, mapping: NDArray[np.int64]) -> float:
    """The share of frames whose code maps to their label."""
    return float((mapping[codes] == labels).mean())


def majority_accuracy(labels: Codes, test_labels: Codes) -> float:
    """The majority-class baseline: accuracy of always naming the most frequent label.

    labels: of every training frame, (n,), whose most frequent one is named
    test_labels: of every held-out frame, (m,)
    """
    return float((test_labels == np.bincount(labels).argmax()).mean())


def shuffled_accuracy(
    train: Codes, labels: Codes, codes: Codes, test_labels: Codes, size: int, *, seed: int = 0
) -> float:
    """The shuffled baseline: held-out accuracy of codes permuted over their frames.

    train, labels: codes and labels of every training frame, (n,)
    codes, test_labels: of every held-out frame, (m,)
    """
    random = np.random.default_rng(seed)
    mapping = majority_map(random.permutation(train), labels, size)
    return accuracy(random.permutation(codes), test_labels, mapping)
