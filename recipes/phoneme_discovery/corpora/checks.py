"""Checks of recordings and their alignments before anything is learned from them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from recipes import script
from recipes.phoneme_discovery.corpora.alignments import Folder, Labels, labels_of, segment
from speechvq.audio.reading import Source, chunks, inspect
from speechvq.data.manifest import Utterance
from speechvq.data.speech import channel_of
from speechvq.errors import AlignmentError, AudioError, ManifestError
from speechvq.units.alignments.alignment import SIL, Alignment, labeled
from speechvq.units.phones.timit import to39, to48

FOLDS = {39: to39, 48: to48, 61: None}
"""Foldings of TIMIT's own labels, by the number of phones they leave."""

BEYOND = 0.05
"""Seconds that an alignment may last longer than its recording; longer ones do not belong to it."""

SHORT = 0.5
"""Seconds that an alignment may end earlier without a remark: the rest is unlabeled."""

QUIETEST = 1e-3
"""Recordings whose samples never exceed this level are silent."""

UNUSABLE = "left out, cannot be used"
"""The remark on audio that is broken, silent, or truncated."""

SHOWN = 3
"""Number of names in a remark."""


@dataclass
class Remarks:
    """Observations that stop nothing: by their kind, the recordings, or a sentence about each."""

    notes: dict[str, list[str]] = field(default_factory=dict)

    def note(self, kind: str, what: str) -> None:
        """Add a remark."""
        self.notes.setdefault(kind, []).append(what)

    def lines(self) -> list[str]:
        """A line for each kind: the number, and the first of them."""
        return [
            f"{kind}: {len(what)} ({'; '.join(what[:SHOWN])}{'; ...' if len(what) > SHOWN else ''})"
            for kind, what in self.notes.items()
        ]


@dataclass(frozen=True)
class Reading:
    """How alignments are found and their labels cleaned, see `CorpusOptions`."""

    folder: Folder | None
    tier: str | None
    inventory: int
    stress: bool


def usable(rows: list[Utterance], reading: Reading, remarks: Remarks) -> list[Utterance]:
    """The usable rows, with clean phones or none; what is wrong with the others is remarked.

    Raises ManifestError when none is usable, AlignmentError when more than half of the alignments
    are not.
    """
    if not any(row.speaker for row in rows):
        raise ManifestError(
            "no speakers are known, which scores by speaker need: make a folder for each "
            "speaker, or give --speaker-pattern"
        )
    refused: list[str] = []
    usable_rows = [
        usable_row
        for row in script.progress(rows, "checking")
        for usable_row in checked_row(row, reading, remarks, refused)
    ]
    if not usable_rows:
        raise ManifestError(
            f"none of {len(rows)} recordings can be used: {'; '.join(remarks.lines())}"
        )
    with_phones = sum("phones" in row.metadata for row in usable_rows)
    if len(refused) > with_phones:
        raise AlignmentError(
            f"{len(refused)} of {len(refused) + with_phones} alignments cannot be used; the "
            f"first: {refused[0]}"
        )
    return usable_rows


def checked_row(
    row: Utterance, reading: Reading, remarks: Remarks, refused: list[str]
) -> Iterator[Utterance]:
    """A row with clean phones or none, if it is usable.

    refused: gets the reason why an alignment is not
    """
    facts = {
        key: value
        for key, value in row.metadata.items()
        if key not in {"phones", "align", "held_out"}
    }
    if not row.speaker:
        remarks.note("left out, of unknown speakers", str(row.audio))
        return
    try:
        source = audio_of(row)
    except AudioError as error:
        remarks.note(UNUSABLE, str(error))
        return
    try:
        labels = labels_of(row, reading.folder, reading.tier)
        if labels is None:
            remarks.note("without an alignment, for training only", str(row.audio))
        else:
            fold = fold_of(row, labels, reading)
            phones = phones_of(
                row, labels, source, stress=reading.stress, fold=fold, remarks=remarks
            )
            if not speaks(phones):
                remarks.note("left out, nothing but silence by its labels", str(row.audio))
                return
            intervals = [
                [round(start, 6), round(end, 6), label] for start, end, label in phones.intervals
            ]
            facts |= {"phones": intervals} | (
                {"align": labels.source} if labels.of_file or reading.folder else {}
            )
    except AlignmentError as error:
        refused.append(str(error))
        remarks.note("with an alignment that cannot be used, for training only", str(error))
    yield replace(row, metadata=facts)


def fold_of(row: Utterance, labels: Labels, reading: Reading) -> Callable[[str], str | None] | None:
    """The folding of a row's labels: only those of TIMIT by its makers are folded."""
    own = row.metadata.get("corpus") == "timit" and labels.source.lower().endswith(".phn")
    return FOLDS[reading.inventory] if own else None


def audio_of(row: Utterance) -> Source:
    """The file of a row, read from end to end.

    Raises AudioError when it is damaged, ends too early, or is silent there; ManifestError.
    """
    source = inspect(row.audio, channel_of(row))
    first, last = row.start, row.start + row.seconds
    if last > source.seconds + BEYOND:
        raise AudioError(
            f"{row.audio} lasts {source.seconds:.3f} s, and its row goes to {last:.3f} s"
        )
    begin, end = round(first * source.rate), round(last * source.rate)
    peak, position = 0.0, 0
    for wave in chunks(source, source.rate):
        within = wave[max(0, begin - position) : max(0, end - position)]
        peak = max(peak, float(np.abs(within).max(initial=0.0)))
        position += len(wave)
    if peak <= QUIETEST:
        raise AudioError(
            f"{row.audio} holds no sound from {row.start:.3f} s on for {row.seconds:.3f} s"
        )
    return source


def phones_of(
    row: Utterance,
    labels: Labels,
    source: Source,
    *,
    stress: bool,
    fold: Callable[[str], str | None] | None,
    remarks: Remarks,
) -> Alignment:
    """The clean labels of a row, with times from its start.

    Raises AlignmentError when they last longer than the recording, say nothing of the row, or are
    unknown to `fold`.
    """
    lasts = source.seconds if labels.of_file else row.seconds
    end = labels.alignment.end
    if end > lasts + BEYOND:
        raise AlignmentError(
            f"{labels.source} goes to {end:.3f} s, and {row.audio} lasts {lasts:.3f} s; is it of "
            "another one?"
        )
    if end < lasts - SHORT:
        remarks.note(
            f"alignments that end more than {SHORT:g} s before the recording", labels.source
        )
    cut = segment(labels.alignment, row.start if labels.of_file else 0.0, row.seconds)
    if cut is None:
        raise AlignmentError(
            f"{labels.source} says nothing of {row.audio} from {row.start:.3f} s on; align it again"
        )
    return labeled(cut, stress=stress, fold=fold)


def speaks(phones: Alignment) -> bool:
    """Whether any label is that of a phone."""
    return any(interval.label != SIL for interval in phones.intervals)
