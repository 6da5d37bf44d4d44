"""Segments of vectors that share a code: duration-penalized dynamic programming (DPDP).

Kamper and van Niekerk 2021, "Towards unsupervised phone and word segmentation using self-supervised
vector-quantized neural networks": of all segmentations of frames z_1 ... z_n, the one with the
least

    sum over segments of   min_k sum_t ||z_t - e_k||^2  -  w (length - 1)

where e_k is the vector of code k. It needs no training: codes of any model will do, with its
vectors before quantization. The weight w is in units of squared distances, so published weights fit
their own models only; `automatic_weight` chooses one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechvq.errors import UnitsError
from speechvq.units.alignments.alignment import Alignment, Interval

Floats = NDArray[np.float64]

LONGEST = 15
"""Longest segment in frames, as in the paper's code: 300 ms at 50 Hz."""


def squared_distances(vectors: NDArray[np.floating], codebook: NDArray[np.floating]) -> Floats:
    """|z_t - e_k||^2 of every frame and code, (f, k), of vectors (f, d) and a codebook (k, d).

    Raises UnitsError.
    """
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
    """The cost of every segment of an utterance under its best code, and that code.

    costs, codes: (longest, f); row l - 1 holds segments of l frames, column t those whose last
        frame is t. Segments that would start before the utterance cost infinity.
    """

    costs: Floats
    codes: NDArray[np.int32]

    @property
    def frames(self) -> int:
        """The number of frames."""
        return self.costs.shape[1]


def segment_costs(distances: Floats, longest: int = LONGEST) -> Costs:
    """The costs of all segments of up to `longest` frames, given squared distances (f, k).

    Of equal codes the smallest is taken. Raises UnitsError for no frames, distances that are not
    finite, and a length below 1.
    """
    if distances.ndim != 2 or not distances.size or not np.isfinite(distances).all():
        raise UnitsError(
            f"distances {distances.shape} cannot be segmented: give finite ones of some frames to "
            "some codes, (f, k)"
        )
    if longest < 1:
        raise UnitsError(f"segments of up to {longest} frames are invalid: give 1 or more")
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
    """A segmentation of an utterance.

    ends: where segments end, in frames (s,), the last at the end of the utterance
    codes: of each segment, (s,)
    """

    ends: NDArray[np.int64]
    codes: NDArray[np.int64]

    def boundaries(self, rate: float) -> Floats:
        """Where one segment ends and the next starts, in seconds, at `rate` frames per second."""
        return self.ends[:-1] / rate

    def frames(self) -> NDArray[np.int64]:
        """The code of every frame, (f,)."""
        return np.repeat(self.codes, np.diff(self.ends, prepend=0))

    def alignment(self, rate: float, tier: str = "segments") -> Alignment:
        """The segments as intervals of a tier, labeled with their codes; `rate` is as above."""
        times = np.concatenate([[0], self.ends]) / rate
        rows = zip(times[:-1].tolist(), times[1:].tolist(), self.codes.tolist(), strict=True)
        return Alignment(tuple(Interval(start, end, str(code)) for start, end, code in rows), tier)


def segment(costs: Costs, weight: float) -> Segments:
    """The cheapest segmentation; of equal ones that whose last segments are longest.

    weight: w, the reward of each further frame in a segment; 0 gives each frame its nearest code, a
        larger weight fewer segments

    Raises UnitsError for weights that are negative or infinite.
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
    """The length of the last segment in the cheapest segmentation up to each frame, (f,).

    Raises UnitsError.
    """
    if not 0 <= weight < np.inf:
        raise UnitsError(f"a weight of {weight:g} is invalid: give a finite one of 0 or more")
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
    """The weight for which utterances together have `target` segments per second.

    utterances: their costs; a sample of a corpus will do, as each of about ten trials segments all
    rate: frames per second
    target: 12 to 13 for phones
    accuracy: tolerance of the number of segments, as a share of the target. That number falls with
        the weight, in steps; where no weight is within the tolerance, the one just above the step
        across the target is returned.

    Raises UnitsError when no weight reaches the target: there are too few segments even without a
    weight, or the longest segments allowed are too short.
    """
    if not utterances or not rate > 0 or not target > 0:
        raise UnitsError(
            f"{len(utterances)} utterances at {rate:g} frames and {target:g} segments per second: "
            "give some of each"
        )
    frames = sum(costs.frames for costs in utterances)
    segments = target * frames / rate
    allowed = accuracy * segments
    most = _count(utterances, 0.0)
    least = sum(-(-costs.frames // costs.costs.shape[0]) for costs in utterances)
    if not least - allowed <= segments <= most + allowed:
        raise UnitsError(
            f"{target:g} segments per second cannot be reached: these utterances have "
            f"{least * rate / frames:.3g} to {most * rate / frames:.3g}; give another target, or "
            "longer segments"
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
    """The number of segments of all utterances together."""
    return sum(len(segment(costs, weight).ends) for costs in utterances)
