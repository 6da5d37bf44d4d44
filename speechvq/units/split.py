"""The recordings that a map from codes to phones is fitted on, and those that it is scored on."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from speechvq.data.split import drawn, hold_out
from speechvq.errors import UnitsError
from speechvq.units.recordings import Recording


@dataclass(frozen=True)
class Split:
    """Recordings to fit on and to score.

    fit, score: their names
    unseen_speakers: whether no speaker of `score` is in `fit`
    """

    fit: tuple[str, ...]
    score: tuple[str, ...]
    unseen_speakers: bool


def split_speakers(
    recordings: Sequence[Recording],
    share: float = 1 / 3,
    *,
    held_out: Sequence[str] = (),
    seed: int = 0,
) -> Split:
    """Hold out speakers, or with one speaker only, recordings; their order makes no difference.

    share: of the speakers, or recordings, to score, rounded, at least one and not all
    held_out: the speakers to score in place of a share
    seed: of the draw

    Raises UnitsError for fewer than two recordings or repeated names, a share that is not between 0
    and 1, and speakers to hold out that do not exist or that leave no others.
    """
    names = sorted(recording.name for recording in recordings)
    if len(names) < 2:
        raise UnitsError(
            "a map is fitted on some recordings and scored on others; give two at least"
        )
    if twice := [name for name, other in pairwise(names) if name == other]:
        raise UnitsError(f"two recordings are called {twice[0]}; rename one")
    if not 0 < share < 1:
        raise UnitsError(f"a share of {share:g} cannot be held out: give one between 0 and 1")
    random = np.random.default_rng(seed)
    speakers = sorted({recording.speaker for recording in recordings})
    if held_out:
        kept = _named(held_out, speakers)
    elif len(speakers) > 1:
        kept = set(hold_out(speakers, share, drawn(random)))
    else:
        score = set(hold_out(names, share, drawn(random)))
        return Split(
            tuple(name for name in names if name not in score),
            tuple(sorted(score)),
            unseen_speakers=False,
        )
    owners = {recording.name: recording.speaker for recording in recordings}
    fit, score = (
        [name for name in names if (owners[name] in kept) is scored] for scored in (False, True)
    )
    return Split(tuple(fit), tuple(score), unseen_speakers=True)


def _named(held_out: Sequence[str], speakers: Sequence[str]) -> set[str]:
    """The speakers to hold out. Raises UnitsError."""
    if unknown := sorted(set(held_out) - set(speakers)):
        shown = ", ".join(speakers[:8]) + (", ..." if len(speakers) > 8 else "")
        raise UnitsError(
            f"there is no speaker {', '.join(unknown)}, so they cannot be held out; speakers are "
            f"{shown}"
        )
    if set(held_out) == set(speakers):
        raise UnitsError(
            f"all {len(speakers)} speakers are held out, and none is left to fit the map on; hold "
            "out fewer"
        )
    return set(held_out)
