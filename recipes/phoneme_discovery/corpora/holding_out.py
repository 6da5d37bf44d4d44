"""The recordings that are held out: nothing is learned from them, and scores are of them."""

from collections import Counter
from collections.abc import Sequence

from recipes.phoneme_discovery.corpora.checks import Remarks
from speechvq.data.manifest import Utterance
from speechvq.data.split import evenly_spaced, hold_out
from speechvq.errors import UnitsError


def held_out_rows(
    rows: Sequence[Utterance], speakers: Sequence[str], share: float, remarks: Remarks
) -> list[bool]:
    """Whether each row is held out. Rows that have "phones" are scored, or all if none has.

    speakers: to hold out; without any, the speakers of the corpus's own test (or else dev) split
        if these are in no other split, otherwise a share of the scored speakers, at even distances
        in their sorted names
    share: of speakers, or of recordings where only one speaker is scored, which is remarked

    Raises UnitsError for speakers that do not exist, and when scored recordings would not be on
    both sides.
    """
    check_held_out(rows, speakers, share)
    counts = Counter(str(row.speaker) for row in rows)
    for name in sorted(name for name, count in counts.items() if count == 1):
        remarks.note("speakers with one recording", name)
    scored = [row for row in rows if "phones" in row.metadata] or list(rows)
    scored_speakers = sorted({str(row.speaker) for row in scored})
    out = set(speakers) or own_split(rows, scored_speakers)
    if not out and len(scored_speakers) < 2:
        return by_recording(rows, scored, share, remarks)
    out = out or set(hold_out(scored_speakers, share, evenly_spaced))
    for side, what in (
        (out.intersection(scored_speakers), "nothing"),
        (set(scored_speakers) - out, "everything"),
    ):
        if not side:
            raise UnitsError(
                f"{what} that could be scored is of the held-out speakers, "
                f"{shortened(sorted(out))}; hold out others"
            )
    return [row.speaker in out for row in rows]


def check_held_out(rows: Sequence[Utterance], speakers: Sequence[str], share: float) -> None:
    """Raises UnitsError for speakers that do not exist and a share that cannot be held out."""
    known = {row.speaker for row in rows if row.speaker}
    for name in speakers:
        if name not in known:
            raise UnitsError(
                f"there is no speaker {name!r} to hold out; there are {shortened(sorted(known))}"
            )
    if not 0 < share < 1:
        raise UnitsError(f"a share of {share:g} cannot be held out: give one between 0 and 1")


def own_split(rows: Sequence[Utterance], scored: Sequence[str]) -> set[str]:
    """The speakers of the test split, or else of dev, if they are in no other split.

    Empty also if scored speakers would not be on both sides.
    """
    for split in ("test", "dev"):
        inside = {str(row.speaker) for row in rows if row.metadata.get("split") == split}
        outside = {str(row.speaker) for row in rows if row.metadata.get("split") != split}
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
    """Hold out a share of the scored recordings. Raises UnitsError when there are not two."""
    if len(scored) < 2:
        raise UnitsError(
            f"{scored[0].audio} is the only recording that could be scored; two are needed, "
            "better many"
        )
    remarks.note(
        "held out by recordings, as only one speaker could be scored; --speaker-pattern tells more",
        str(scored[0].speaker),
    )
    out = {id(row) for row in hold_out(scored, share, evenly_spaced)}
    return [id(row) in out for row in rows]


def shortened(names: Sequence[str], most: int = 10) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
