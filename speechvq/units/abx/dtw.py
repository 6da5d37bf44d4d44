"""Dynamic time warping distances of sequences of frames, for many pairs at once.

As in Libri-Light (`eval/ABX_src/dtw.pyx`), ZeroSpeech 2021 and fastabx: steps (1, 0), (0, 1) and
(1, 1) of equal weight; the cost of the cheapest path in float32, divided by the number of its
frames. Where several paths are equally cheap, that number depends on the choice: traced back from
the end, the diagonal precedes left (j - 1), and left precedes up (i - 1).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.intp]
Compare = Callable[[NDArray[Any], NDArray[Any]], NDArray[np.float32]]
"""From frames (p, n, d) and (p, m, d) to the distances of all pairs of frames, (p, n, m)."""

ROOM = 1 << 21  # numbers that a batch of pairs may hold
STEP = 4  # lengths are rounded up to multiples of this, so that few shapes occur


@dataclass(frozen=True)
class Sequences:
    """Concatenated sequences of frames.

    frames: of all of them, (n, d)
    starts: where each starts, (s,)
    lengths: number of frames of each, (s,), at least 1
    """

    frames: NDArray[Any]
    starts: Indices
    lengths: Indices

    def padded(self, chosen: Indices, length: int) -> NDArray[Any]:
        """The chosen sequences, (p, length, d); what follows their own ends is undefined."""
        places = self.starts[chosen, None] + np.arange(length)
        return self.frames[np.minimum(places, len(self.frames) - 1)]


def dtw(distances: NDArray[np.float32], rows: Indices, columns: Indices) -> NDArray[np.float32]:
    """The normalized cost of the cheapest path through each matrix of frame distances, (p,).

    distances: (p, n, m), of which matrix i counts up to rows[i] and columns[i]
    rows, columns: (p,), from 1 to n and m

    Costs are computed along anti-diagonals, for all pairs together, and with them the length of the
    path: the step back from a place depends on the costs of its three neighbors only, so it is
    known as soon as they are.
    """
    pairs, height, width = distances.shape
    steps = np.ascontiguousarray(distances.transpose(1, 2, 0))
    # Row i + 1 of these is row i of the matrix, on the anti-diagonal before and on the one before
    # that; row 0 is outside.
    before, earlier = np.full((2, height + 1, pairs), np.inf, np.float32)
    lengths, lengths_earlier = np.zeros((2, height + 1, pairs), np.int32)
    earlier[0] = 0  # the path begins outside, diagonally before its first frame
    result = np.empty(pairs, np.float32)
    for diagonal in range(height + width - 1):
        low, high = max(0, diagonal - width + 1), min(height, diagonal + 1)
        here = np.arange(low, high)
        up, left, corner = before[low:high], before[low + 1 : high + 1], earlier[low:high]
        cheapest = np.minimum(np.minimum(left, up), corner)
        longer = np.where(left <= up, lengths[low + 1 : high + 1], lengths[low:high])
        length = np.where(corner <= cheapest, lengths_earlier[low:high], longer) + 1
        before, earlier = np.full_like(before, np.inf), before
        lengths, lengths_earlier = np.zeros_like(lengths), lengths
        before[low + 1 : high + 1] = steps[here, diagonal - here] + cheapest
        lengths[low + 1 : high + 1] = length
        done = np.flatnonzero(rows + columns - 2 == diagonal)
        result[done] = before[rows[done], done] / lengths[rows[done], done].astype(np.float32)
    return result


def pair_distances(
    sequences: Sequences, first: Indices, second: Indices, compare: Compare
) -> NDArray[np.float32]:
    """The distance of every pair of sequences, (p,).

    first, second: indices in `sequences`, (p,): rows and columns of the warping matrix
    compare: gives the distances of frames
    """
    result = np.empty(len(first), np.float32)
    for batch in _batches(sequences, first, second):
        rows, columns = sequences.lengths[first[batch]], sequences.lengths[second[batch]]
        first_frames = sequences.padded(first[batch], int(rows.max()))
        other = sequences.padded(second[batch], int(columns.max()))
        result[batch] = dtw(compare(first_frames, other), rows, columns)
    return result


def _batches(sequences: Sequences, first: Indices, second: Indices) -> Iterator[Indices]:
    """Indices of pairs of similar lengths, in batches that fit into memory."""
    heights, widths = (-(-sequences.lengths[which] // STEP) * STEP for which in (first, second))
    order = np.lexsort((widths, heights))
    shapes = np.stack([heights, widths], 1)[order]
    ends = np.flatnonzero((shapes[1:] != shapes[:-1]).any(1)) + 1
    for alike in np.split(order, ends):
        if len(alike):
            height, width = int(heights[alike[0]]), int(widths[alike[0]])
            count = max(
                1, ROOM // max(height * width, (height + width) * sequences.frames.shape[1])
            )
            yield from (alike[start : start + count] for start in range(0, len(alike), count))
