"""Which recordings nothing is learned from: those that scores are of."""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

from recipes.phoneme_discovery.corpora.checks import Remarks
from speechvq.data.manifest import Utterance
from speechvq.errors import UnitsError

T = TypeVar("T")


def held_out(
    rows: Sequence[Utterance], speakers_given: Sequence[str], share: float, remarks: Remarks
) -> list[bool]:
    """Whether each row is held out; rows that have "phones" are scored, or all if none has.

    wanted: the speakers to hold out. None: those of the corpus's own test or else dev split, if
        nobody is in it and outside, and else a share of the scored speakers, spread evenly over
        their sorted names
    A single scored speaker is held out by recordings instead, with a remark.
    Raises UnitsError for speakers that do not exist, and when scored recordings would not be on
    both sides.
    """
    check_wanted(rows, speakers_given, share)
    counts = Counter(str(row.speaker) for row in rows)
    for name in sorted(name for name, count in counts.items() if count == 1):
        remarks.note("speakers with one recording", name)
    scored = [row for row in rows if "phones" in row.facts] or list(rows)
    speakers = sorted({str(row.speaker) for row in scored})
    out = set(speakers_given) or own_split(rows, speakers)
    if not out and len(speakers) < 2:
        return by_recording(rows, scored, share, remarks)
    out = out or set(spread(speakers, share))
    for side, what in (
        (out.intersection(speakers), "nothing"),
        (set(speakers) - out, "everything"),
    ):
        if not side:
            raise UnitsError(
                f"{what} that could be scored is of the speakers held out, "
                f"{shortened(sorted(out))}; hold out others"
            )
    return [row.speaker in out for row in rows]


def check_wanted(rows: Sequence[Utterance], speakers_given: Sequence[str], share: float) -> None:
    """Raises UnitsError for speakers that do not exist and a share that cannot be held out."""
    speakers = {row.speaker for row in rows if row.speaker}
    for name in speakers_given:
        if name not in speakers:
            raise UnitsError(
                f"there is no speaker {name!r} to hold out; there are {shortened(sorted(speakers))}"
            )
    if not 0 < share < 1:
        raise UnitsError(f"a share of {share:g} cannot be held out: give one between 0 and 1")


def own_split(rows: Sequence[Utterance], scored: Sequence[str]) -> set[str]:
    """The speakers of the test split, or of dev, if there are scored ones in and outside and nobody is both; else nobody."""
    for split in ("test", "dev"):
        inside = {str(row.speaker) for row in rows if row.facts.get("split") == split}
        outside = {str(row.speaker) for row in rows if row.facts.get("split") != split}
        if (
            inside.isdisjoint(outside)
            and inside.intersection(scored)
            and outside.intersection(scored)
        ):
            return inside
    return set()


def by_recording(
    rows: Sequence[Utterance], scored: Sequence[Utterance], share: float, remarks: Remarks
) -> list[bool]:
    """A share of the scored recordings. Raises UnitsError when there are not two."""
    if len(scored) < 2:
        raise UnitsError(
            f"{scored[0].audio} is the only recording that could be scored; two are needed, "
            "better many"
        )
    remarks.note(
        "held out by recordings, as only one speaker could be scored; --speaker-pattern tells more",
        str(scored[0].speaker),
    )
    out = {id(row) for row in spread(scored, share)}
    return [id(row) in out for row in rows]


def spread(items: Sequence[T], share: float) -> list[T]:
    """A share of two items or more, at least one and not all, at even distances."""
    count = min(max(1, round(share * len(items))), len(items) - 1)
    return [items[(2 * place + 1) * len(items) // (2 * count)] for place in range(count)]


def shortened(names: Sequence[str], most: int = 10) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
