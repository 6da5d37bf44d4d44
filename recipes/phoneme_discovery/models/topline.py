"""The supervised topline: an MLP trained on the phones of the recordings that maps use."""

from collections.abc import Mapping, Sequence

import numpy as np

from recipes.phoneme_discovery.models.encoding import Rows
from speechvq.units.phones.frames import labels_of, phone_numbers
from speechvq.units.phones.joint import NO_LABEL
from speechvq.units.recordings import Recording, Units

REACH = 0.08
"""Seconds on either side of a frame that the MLP sees."""

HIDDEN, EPOCHS = 512, 8


def topline_units(
    features: Mapping[str, Rows],
    recordings: Sequence[Recording],
    fit: Sequence[str],
    rate: int,
    name: str,
    *,
    seed: int = 0,
) -> Units:
    """The phone that an MLP with one hidden layer predicts for each frame, as its code.

    features: of each recording, (f, d), `rate` frames per second
    recordings: with phones; the MLP is trained on those in `fit`
    name: of the units
    seed: of initialization and batches
    """
    from sklearn.neural_network import MLPClassifier

    numbers = phone_numbers(recordings)
    seen = {name: around(rows, round(REACH * rate)) for name, rows in features.items()}
    labels = {
        recording.name: labels_of(recording, len(seen[recording.name]), rate, numbers)
        for recording in recordings
        if recording.name in set(fit)
    }
    rows, labels_of_rows = (
        np.concatenate([seen[name] for name in labels]),
        np.concatenate(list(labels.values())),
    )
    rows, labels_of_rows = (
        rows[labels_of_rows != NO_LABEL],
        labels_of_rows[labels_of_rows != NO_LABEL],
    )
    network = MLPClassifier(
        HIDDEN,
        alpha=1e-2,
        batch_size=min(512, len(rows)),  # pyright: ignore[reportArgumentType]
        random_state=seed,
    )
    every, random = np.arange(len(numbers)), np.random.default_rng(seed)
    for _ in range(EPOCHS):
        order = random.permutation(len(rows))
        network.partial_fit(rows[order], labels_of_rows[order], classes=every)
    codes = {
        name: np.asarray(network.predict(window)) if len(window) else np.zeros(0, np.int64)
        for name, window in seen.items()
    }
    return Units(name, rate, len(numbers), codes)


def around(rows: Rows, reach: int) -> Rows:
    """Each row with those up to `reach` before and after it, (f, (2 reach + 1) d).

    The first and the last row are repeated.
    """
    if not len(rows):
        return np.zeros((0, rows.shape[1] * (2 * reach + 1)), np.float32)
    padded = np.pad(rows, ((reach, reach), (0, 0)), mode="edge")
    return np.concatenate([padded[shift : shift + len(rows)] for shift in range(2 * reach + 1)], 1)
