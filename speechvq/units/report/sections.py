"""Sections of a report with numbers, each with a sentence on how to read it; None if empty."""

from collections.abc import Iterator, Sequence

import numpy as np

from speechvq.units.evaluation.published import SOURCE, ZEROSPEECH_2019
from speechvq.units.phones.phone_table import PhoneTable, phone_recalls, phone_table
from speechvq.units.report.matrices import heat_map, transition_map
from speechvq.units.report.page import (
    Cell,
    Html,
    Row,
    Section,
    figure,
    heading,
    meter,
    paragraph,
    table,
)
from speechvq.units.report.plots import codebook_plane, length_histogram, rates_and_abx, usage_curve
from speechvq.units.report.scene import Scene
from speechvq.units.usage.transitions import length_shares, phone_seconds, run_seconds, transitions


def summary(tables: Sequence[tuple[str, Sequence[Row]]]) -> Section | None:
    """The tables of the caller."""
    if not tables:
        return None
    words = paragraph(
        "A row for each system, a column for each measure; the best of a column is bold where one "
        "is marked."
    )
    parts = [part for name, rows in tables for part in (heading(name), table(rows))]
    return Section("Scores", (words, *parts))


def phones(scene: Scene) -> Iterator[Section]:
    """The heat map, and the table of phones."""
    if not scene.phones:
        return
    words = (
        "A column is a code, a row a phone; the darker, the larger the phone's share of the "
        "frames with that code. A code that is one phone is one dark field on the staircase; a "
        "column that is dark twice confuses two phones. Codes with few frames look clearer than "
        "they are."
    )
    left_out = scene.usage.used - len(scene.order)
    more = [paragraph(f"{left_out} rare or unlabeled codes are left out.")] if left_out else []
    yield Section(
        "Phones of each code",
        (paragraph(words), *more, figure(heat_map(scene.phones, scene.order))),
    )
    fitted = phone_table(scene.units, scene.others)
    yield Section("How well each phone is found", tuple(_recalls(scene.phones, fitted)))


def _recalls(phones: PhoneTable, fitted: PhoneTable | None) -> Iterator[Html]:
    """Recall and most frequent codes of each phone."""
    made_from = (
        "from recordings that are not scored"
        if fitted
        else "from the scored recordings themselves, which overestimates recall"
    )
    yield paragraph(
        "Each code is taken for the phone that it most often goes with; recall is the share of a "
        f"phone's frames that this gets right. The map is made {made_from}."
    )
    rows: list[dict[str, Cell | Html]] = []
    for recall, kind in zip(phone_recalls(phones, fitted or phones), phones.manners, strict=True):
        codes = ", ".join(f"{code} ({share:.0%})" for code, share in recall.codes)
        row = {
            "phone": recall.label,
            "manner": kind,
            "frames": recall.frames,
            "recall": f"{recall.recall:.2f}",
            "": meter(recall.recall),
        }
        rows.append(row | {"most frequent codes": codes})
    yield table(rows)


def usage(scene: Scene) -> Section:
    """Frequencies of codes."""
    use = scene.usage
    words = (
        f"{use.used} of {scene.units.size} codes occur. Their perplexity is {use.perplexity:.1f}: "
        "that many codes, all used equally often, would tell as much. The most frequent one has "
        f"{use.top:.1%} of frames."
    )
    return Section("How often codes are used", (paragraph(words), figure(usage_curve(use.counts))))


def order(scene: Scene) -> Section | None:
    """Transitions between codes."""
    counts = transitions(scene.codes, scene.order)
    if not counts.any():
        return None
    by = "as in the heat map of phones" if scene.phones else "by how often they are used"
    words = (
        f"A row is a code, a column the code of the run that follows; both are ordered {by}. Dark "
        "fields are sequences that are frequent; the diagonal is empty, for a run ends where "
        "another code begins."
    )
    best = scene.phones.best if scene.phones else None
    return Section(
        "Which code follows which",
        (paragraph(words), figure(transition_map(counts, scene.order, best))),
    )


def lengths(scene: Scene) -> Section | None:
    """Lengths of runs, segments and phones."""
    frame, silences = 1 / scene.units.rate, scene.silences
    seconds = {"runs of a code": run_seconds(scene.codes, scene.units.rate, silences)}
    if scene.segments:
        cuts = [(cut.codes, np.diff(cut.ends, prepend=0)) for cut in scene.segments.values()]
        seconds["segments"] = np.concatenate(
            [lengths[~silences[codes]] / scene.units.rate for codes, lengths in cuts]
        )
    if scene.phones:
        seconds["phones"] = phone_seconds(scene.recordings)
    longest = max(
        [5, *(int(np.quantile(each, 0.99) / frame) + 1 for each in seconds.values() if len(each))]
    )
    middles = ", ".join(
        f"{name} {1000 * each.mean():.0f} ms" for name, each in seconds.items() if len(each)
    )
    words = (
        f"Units as long as phones would lie on their curve. On average last: {middles}. "
        f"{'Silence is left out. ' if scene.phones else ''}The last bin holds all that is longer."
    )
    curves = {
        name: length_shares(each, frame, longest) for name, each in seconds.items() if len(each)
    }
    return (
        Section("How long units last", (paragraph(words), figure(length_histogram(curves, frame))))
        if curves
        else None
    )


def codebook(scene: Scene) -> Section | None:
    """The codebook in the plane."""
    if scene.units.codewords is None or scene.usage.used < 2:
        return None
    words = (
        "The vectors of the codes that occur, on the two axes along which they differ most; "
        "large marks are frequent codes."
    )
    if scene.phones:
        words += (
            " Color and shape are the manner of the most likely phone; named is the most "
            "frequent code of each phone."
        )
    picture = codebook_plane(scene.units.codewords, scene.phones, scene.usage.counts)
    return Section("Codes in their space", (paragraph(words), figure(picture)))


def published(points: Sequence[tuple[str, float, float]]) -> Section | None:
    """Our systems next to published ones."""
    if not points:
        return None
    words = (
        "The nearer to the lower left corner, the more a unit tells phones apart for the bits "
        "it costs."
    )
    source = (
        f"Gray points: {SOURCE}. They were scored on other speech with another set of items, so "
        "where points lie to each other is for orientation only."
    )
    rows: list[Row] = [
        {
            "key": system.key,
            "system": system.system,
            "bit/s": system.bitrate,
            "ABX error, %": f"{100 * system.abx:.2f}",
        }
        for system in ZEROSPEECH_2019
    ]
    return Section(
        "Bit rate and ABX error",
        (paragraph(words), figure(rates_and_abx(points)), paragraph(source), table(rows)),
    )
