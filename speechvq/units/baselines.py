"""Baseline units: k-means clusters of frames, and shuffled codes."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from speechvq.errors import UnitsError
from speechvq.extras import needed
from speechvq.units.recordings import Units

MOST = 200_000
"""Largest number of frames that clusters are fitted on."""

ROUNDS = 50
"""Iterations of Lloyd's algorithm at most, from a k-means++ start.

Minibatches would be faster, and their codes up to 1 % worse.
"""


def baseline_units(
    features: Mapping[str, NDArray[np.floating]],
    fit_names: Sequence[str],
    size: int,
    rate: float,
    name: str,
    *,
    seed: int = 0,
) -> Units:
    """k-means units: for each frame the nearest of `size` centers; features and centers included.

    features: of each recording, (f, d), `rate` frames per second
    fit_names: the recordings that the centers are fitted on, at most `MOST` frames, drawn at random

    Raises UnitsError for names without features and when there are fewer distinct frames than
    codes; MissingExtra.
    """
    with needed("clusters", "train"):
        from sklearn.cluster import KMeans
    if lacking := [recording for recording in fit_names if recording not in features]:
        raise UnitsError(
            f"{name}: there are no features of {lacking[0]}, which clusters are to be fitted on"
        )
    widths = {rows.shape[1] for rows in features.values()}
    if len(widths) != 1:
        raise UnitsError(
            f"{name}: features are {sorted(widths)} wide; give some recordings, and features of "
            "one kind"
        )
    frames = np.concatenate(
        [np.zeros((0, *widths), np.float32), *(features[recording] for recording in fit_names)]
    )
    frames = np.asarray(frames, np.float32)
    if len(frames) > MOST:
        frames = frames[np.random.default_rng(seed).choice(len(frames), MOST, replace=False)]
    if len(np.unique(frames, axis=0)) < size:
        raise UnitsError(
            f"{name}: {len(frames)} frames cannot make {size} clusters; give more recordings, or "
            "fewer codes"
        )
    clusters = KMeans(size, n_init="auto", max_iter=ROUNDS, random_state=seed).fit(frames)
    codes = {
        recording: np.asarray(clusters.predict(np.asarray(rows, np.float32)))
        if len(rows)
        else np.zeros(0, np.int64)
        for recording, rows in features.items()
    }
    return Units(name, rate, size, codes, features, clusters.cluster_centers_)


def segment_means(
    rows: NDArray[np.floating], rate: float, boundaries: ArrayLike, target_rate: float
) -> NDArray[np.float32]:
    """The mean over the segment at each frame of another rate, (f, d): features for clusters.

    rows: (n, d) at `rate` frames per second; f is the number of frames that they last
    boundaries: where one segment ends and the next starts, in seconds; each is moved to the nearest
        edge between rows
    target_rate: frames per second of the result; a frame belongs to the segment that holds its
        center
    """
    edges = np.clip(np.round(np.asarray(boundaries, np.float64) * rate), 0, len(rows)).astype(int)
    edges = np.unique(np.concatenate([[0], edges, [len(rows)]]))
    sums = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, 0, dtype=np.float64)])
    means = (sums[edges[1:]] - sums[edges[:-1]]) / np.maximum(np.diff(edges), 1)[:, None]
    centers = (np.arange(int(len(rows) * target_rate / rate)) + 0.5) * rate / target_rate
    return means[
        np.searchsorted(edges[1:], centers, "right").clip(0, max(0, len(means) - 1))
    ].astype(np.float32)


def shuffled_units(units: Units, *, seed: int = 0) -> Units:
    """The shuffled baseline: the same codes, permuted over all frames of all recordings."""
    names, lengths = list(units.codes), [len(codes) for codes in units.codes.values()]
    mixed = np.random.default_rng(seed).permutation(
        np.concatenate([np.zeros(0, np.int64), *units.codes.values()])
    )
    parts = np.split(mixed, np.cumsum(lengths)[:-1])
    codes = dict(zip(names, parts, strict=False))
    return replace(units, name=f"{units.name}, shuffled", codes=codes, features={})
