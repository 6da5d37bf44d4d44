"""Segments of vectors that share a code: duration-penalised dynamic programming, and how heavy its penalty should be.

Kamper and van Niekerk 2021, "Towards unsupervised phone and word segmentation using self-supervised
vector-quantized neural networks": of all ways to cut frames z_1 ... z_n into segments, the one with
the least

    sum over segments of   min_k sum_t ||z_t - e_k||^2  -  w (length - 1)

where e_k is the vector of code k. It needs no training: codes of any model will do, with its
vectors before quantization. The weight w is in units of squared distances, so published ones fit
their own models only; `automatic_weight` finds one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import UnitsError
from speechvq.units.alignments.alignment import Alignment, Interval

Floats = NDArray[np.float64]

LONGEST = 15
"""Frames in a segment at most, as in the paper's code: 300 ms at 50 Hz."""


def squared_distances(vectors: NDArray[np.floating], codebook: NDArray[np.floating]) -> Floats:
    """||z_t - e_k||^2 of every frame and code, (f, k), of vectors (f, d) and a codebook (k, d). Raises UnitsError."""
    if (
        vectors.ndim != 2
        or codebook.ndim != 2
        or vectors.shape[1] != codebook.shape[1]
        or not len(codebook)
    ):
        raise UnitsError(
            f"vectors {vectors.shape} and a codebook {codebook.shape} do not fit: give (f, d) and "
            "(k, d)"
        )
    z, e = vectors.astype(np.float64), codebook.astype(np.float64)
    return np.maximum((z**2).sum(1)[:, None] - 2 * z @ e.T + (e**2).sum(1), 0)


@dataclass(frozen=True, eq=False)
class Costs:
    """Of every segment of an utterance what its best code costs, and which that is: all that a cut needs, whatever its weight.

    costs, codes: (longest, f); row l - 1 is of segments of l frames, column t of those whose last
        frame is t. Costs of segments that would begin before the utterance are infinite.
    """

    costs: Floats
    codes: NDArray[np.int32]

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return self.costs.shape[1]


def segment_costs(distances: Floats, longest: int = LONGEST) -> Costs:
    """The costs of all segments of up to `longest` frames, given squared distances (f, k); of equal codes the smallest.

    Raises UnitsError for no frames, distances that are not finite, and a length below 1.
    """
    if distances.ndim != 2 or not distances.size or not np.isfinite(distances).all():
        raise UnitsError(
            f"distances {distances.shape} cannot be cut: give finite ones of some frames to some "
            "codes, (f, k)"
        )
    if longest < 1:
        raise UnitsError(f"segments of up to {longest} frames cannot be: give 1 or more")
    count = len(distances)
    costs, codes = np.full((longest, count), np.inf), np.zeros((longest, count), np.int32)
    sums, rows = np.zeros((count + 1, distances.shape[1])), np.arange(count)
    for length in range(1, min(longest, count) + 1):
        sums = sums[:-1]  # row i: of the frames from i on
        sums += distances[length - 1 :]
        best = sums.argmin(1)
        codes[length - 1, length - 1 :] = best
        costs[length - 1, length - 1 :] = sums[rows[: len(best)], best]
    return Costs(costs, codes)


@dataclass(frozen=True, eq=False)
class Segments:
    """A cut of an utterance: where segments end, in frames (s,), the last at the utterance's end, and the code of each (s,)."""

    ends: NDArray[np.int64]
    codes: NDArray[np.int64]

    def boundaries(self, rate: float) -> Floats:
        """Where one segment ends and another begins, s, at `rate` frames a second; the utterance's edges are not among them."""
        return self.ends[:-1] / rate

    def frames(self) -> NDArray[np.int64]:
        """The code of every frame, (f,)."""
        return np.repeat(self.codes, np.diff(self.ends, prepend=0))

    def alignment(self, rate: float, tier: str = "segments") -> Alignment:
        """The segments as intervals of a tier, each labelled with its code, at `rate` frames a second."""
        times = np.concatenate([[0], self.ends]) / rate
        rows = zip(times[:-1].tolist(), times[1:].tolist(), self.codes.tolist(), strict=True)
        return Alignment(tuple(Interval(start, end, str(code)) for start, end, code in rows), tier)


def segment(costs: Costs, weight: float) -> Segments:
    """The cheapest cut; of equal ones that whose last segments are longest.

    weight: w, what a frame more in a segment earns; 0 gives each frame its nearest code, more gives
    fewer segments Raises UnitsError for weights below 0 or infinite.
    """
    lengths = _lengths(costs, weight)
    ends = list[int]()
    end = costs.frames
    while end:
        ends.append(end)
        end -= int(lengths[end - 1])
    last = np.array(ends[::-1], np.int64) - 1
    return Segments(last + 1, costs.codes[lengths[last] - 1, last].astype(np.int64))


def _lengths(costs: Costs, weight: float) -> NDArray[np.int64]:
    """Of the cheapest cut of the frames up to each, how long the last segment is, (f,). Raises UnitsError."""
    if not 0 <= weight < np.inf:
        raise UnitsError(f"a weight of {weight:g} cannot be: give a finite one of 0 or more")
    longest, count = costs.costs.shape
    # w (length - 1) summed over segments is w (frames - segments): the same as w for each segment
    paid = np.ascontiguousarray(
        (costs.costs + weight).T[:, ::-1]
    )  # the longest first: argmin takes the first of equals
    best, lengths = np.full(longest + count, np.inf), np.zeros(count, np.int64)
    best[longest - 1] = 0.0  # best[longest - 1 + t] is what the first t frames cost
    for frame in range(count):
        ways = best[frame : frame + longest] + paid[frame]
        chosen = int(ways.argmin())
        best[frame + longest] = ways[chosen]
        lengths[frame] = longest - chosen
    return lengths


def automatic_weight(
    utterances: Sequence[Costs], rate: float, target: float, *, accuracy: float = 0.005
) -> float:
    """The weight for which all utterances together have `target` segments a second; say 12 to 13 for phones.

    utterances: their costs; a sample of a corpus will do, for each of some ten trials cuts them all
    rate: frames a second
    accuracy: how far, as a share of the target, the number of segments may be off. That number
        falls with the weight, in steps; where none is so near, the weight just above the step
        across the target is returned.
    Raises UnitsError when no weight can reach the target: without a weight there are too few
    segments already, or the longest segments allowed are too short.
    """
    if not utterances or not rate > 0 or not target > 0:
        raise UnitsError(
            f"{len(utterances)} utterances at {rate:g} frames and {target:g} segments a second: "
            "give some of each"
        )
    frames = sum(costs.frames for costs in utterances)
    segments = target * frames / rate
    allowed = accuracy * segments
    most = _count(utterances, 0.0)
    least = sum(-(-costs.frames // costs.costs.shape[0]) for costs in utterances)
    if not least - allowed <= segments <= most + allowed:
        raise UnitsError(
            f"{target:g} segments a second cannot be had: these utterances have "
            f"{least * rate / frames:.3g} "
            f"to {most * rate / frames:.3g}; give another target, or longer segments"
        )
    if most <= segments + allowed:
        return 0.0
    low, high = (
        0.0,
        1.0
        + max(costs.frames * costs.costs[np.isfinite(costs.costs)].max() for costs in utterances),
    )
    # no cut costs as much as `high`, so none is worth a segment more
    while high - low > 1e-9 * high:
        weight = (low + high) / 2
        count = _count(utterances, weight)
        if abs(count - segments) <= allowed:
            return float(weight)
        low, high = (weight, high) if count > segments else (low, weight)
    return float(high)


def _count(utterances: Sequence[Costs], weight: float) -> int:
    """How many segments the utterances have together."""
    return sum(len(segment(costs, weight).ends) for costs in utterances)
