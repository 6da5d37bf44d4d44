"""Distances of frames: by angle, Euclidean, as probabilities, or as codes.

The distances of ABX as in Libri-Light and fastabx, in float32. `prepared` checks and prepares the
frames of a recording once; `comparison` gives the function that compares such frames in batches.
"""

from typing import Any, Literal, assert_never

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import UnitsError
from speechvq.units.abx.dtw import Compare

Distance = Literal["angular", "euclidean", "kl_symmetric", "identical"]

SMALLEST = 1e-6  # added to probabilities before their logarithm
BORDER = 1e-12  # a further element of every vector; it puts zero vectors far from all others
ROUNDING = 1e-3  # tolerance of the sum of probabilities


def prepared(features: NDArray[Any], distance: Distance, name: str) -> NDArray[Any]:
    """The frames of a recording, ready for `comparison(distance)`, (n, d).

    features: vectors (n, d), or codes (n,) for "identical"
    name: of the recording, for messages

    Raises UnitsError when the distance cannot compare them.
    """
    if distance == "identical":
        codes = features[:, None] if features.ndim == 1 else features
        if codes.ndim != 2 or codes.shape[1] != 1 or not np.issubdtype(codes.dtype, np.integer):
            raise UnitsError(
                f"{name} has {features.dtype} of shape {features.shape}: 'identical' compares "
                "codes, integers (n,)"
            )
        return codes
    if features.ndim != 2 or not features.shape[1] or not np.issubdtype(features.dtype, np.number):
        raise UnitsError(
            f"{name} has {features.dtype} of shape {features.shape}: {distance!r} compares "
            "vectors (n, d)"
        )
    if not np.isfinite(features).all():
        raise UnitsError(
            f"{name} has frames that are not finite: leave it out, or find out what went wrong "
            "there"
        )
    match distance:
        case "angular":
            return _directions(features.astype(np.float64))
        case "euclidean":
            return features.astype(np.float32)
        case "kl_symmetric":
            if (features < 0).any() or (
                abs(features.sum(1, dtype=np.float64) - 1) > ROUNDING
            ).any():
                raise UnitsError(
                    f"the rows of {name} are not probabilities: 'kl_symmetric' compares rows "
                    "without negatives of sum 1"
                )
            chances = features.astype(np.float32)
            return np.concatenate([chances, np.log(chances + np.float32(SMALLEST))], 1)
        case _:
            assert_never(distance)


def _directions(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of length 1 with one more element, which handles zero rows.

    It puts zero rows at distance 1 from all others, and at 0 from each other.
    """
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    nothing = norms[:, 0] == 0
    units = vectors / np.where(nothing[:, None], 1, norms)
    return np.concatenate([units, np.where(nothing, -2 / BORDER, BORDER)[:, None]], 1)


def comparison(distance: Distance) -> Compare:
    """The function from prepared frames (p, n, d) and (p, m, d) to their distances, (p, n, m)."""
    match distance:
        case "angular":
            return angular
        case "euclidean":
            return euclidean
        case "kl_symmetric":
            return kl_symmetric
        case "identical":
            return identical
        case _:
            assert_never(distance)


def angular(x: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float32]:
    """arccos(cos) / pi, from 0 to 1.

    The cosine is summed in float64 and then rounded to float32: that of equal frames is exactly 1,
    so that ties remain ties.
    """
    cosines = np.clip(x @ other.transpose(0, 2, 1), -1, 1).astype(np.float32)
    return np.divide(np.arccos(cosines), np.pi, dtype=np.float32)


def euclidean(x: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float32]:
    """The Euclidean distance."""
    squares = np.empty((len(x), x.shape[1], other.shape[1]), np.float32)
    for row in range(x.shape[1]):
        difference = x[:, row, None] - other
        squares[:, row] = np.einsum("pmd,pmd->pm", difference, difference)
    return np.sqrt(squares)


def kl_symmetric(x: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float32]:
    """1/2 sum (p - q) (log p - log q): the mean of the two Kullback-Leibler divergences."""
    width = x.shape[2] // 2
    sums = np.empty((len(x), x.shape[1], other.shape[1]), np.float32)
    for row in range(x.shape[1]):
        difference = x[:, row, None] - other
        sums[:, row] = np.einsum("pmd,pmd->pm", difference[..., :width], difference[..., width:])
    return np.multiply(sums, 0.5, dtype=np.float32)


def identical(x: NDArray[Any], other: NDArray[Any]) -> NDArray[np.float32]:
    """0 for equal codes, 1 for others."""
    return (x[:, :, None, 0] != other[:, None, :, 0]).astype(np.float32)
