"""Sections of a report with sound: examples, and codes to listen to."""

from collections.abc import Sequence

import numpy as np

from speechvq.audio.reading import read_mono
from speechvq.units.features import SAMPLE_RATE
from speechvq.units.phones.phone_table import shares
from speechvq.units.report.example_picture import BEST, example_picture, examples
from speechvq.units.report.page import (
    Cell,
    Html,
    Section,
    figure,
    heading,
    paragraph,
    player,
    table,
)
from speechvq.units.report.scene import Scene
from speechvq.units.report.snippets import (
    GAP,
    LONGEST,
    SHORTEST,
    Snippet,
    code_snippets,
    cut,
    joined,
    segment,
    wav,
)

SNIPPETS = 8
"""Snippets per code."""

HEARD = 4_500_000
"""Bytes of sound at most, a third more in the page; further players are left out."""


def examples_shown(scene: Scene) -> Section:
    """Some recordings with their tiers."""
    words = (
        "From top to bottom, where they are known: the spectrogram, phones, runs of codes with "
        "their numbers, and the segments that were found. Of long recordings the first "
        f"{BEST[1]:g} s are shown."
    )
    parts = list[Html]()
    for example in examples(
        [recording for recording in scene.recordings if len(scene.units.codes[recording.name])]
    ):
        wave = None
        if example.audio is not None:
            wave = segment(
                read_mono(example.audio, SAMPLE_RATE, example.channel),
                Snippet(example, 0.0, min(example.seconds, BEST[1])),
            )
        parts += [heading(f"{example.name}, speaker {example.speaker}")]
        parts += [player(wav(wave), example.name)] if wave is not None else []
        parts += [
            figure(example_picture(example, scene.units, scene.segments.get(example.name), wave))
        ]
    return Section("Examples", (paragraph(words), *parts))


def codes_heard(scene: Scene, count: int) -> Section | None:
    """Players of the most frequent codes that are not silence."""
    frequent = np.argsort(-scene.usage.counts, kind="stable")
    chosen = [
        code for code in frequent.tolist() if scene.usage.counts[code] and not scene.silences[code]
    ][: max(0, count)]
    snippets = {
        code: own
        for code, own in code_snippets(scene.units, scene.recordings, chosen, SNIPPETS).items()
        if own
    }
    if not snippets:
        return None
    waves = iter(cut([snippet for own in snippets.values() for snippet in own]))
    rows, size = list[dict[str, Cell | Html]](), 0
    for code, own in snippets.items():
        sound = wav(joined([next(waves) for _ in own]))
        size += len(sound)
        if size > HEARD:
            break
        rows.append(_heard(scene, code, own, sound))
    which = " that are no silence" if scene.phones else ""
    words = (
        f"The {len(rows)} most frequent codes{which}. Each player has up to {SNIPPETS} of the "
        f"longest runs of its code, by different speakers where there are, {GAP:g} s apart and "
        f"equally loud. Runs shorter than {SHORTEST:g} s are heard in context, of "
        f"those longer than {LONGEST:g} s the middle. A good unit sounds alike in all voices."
    )
    return Section("Listen to a code", (paragraph(words), table(rows)))


def _heard(
    scene: Scene, code: int, snippets: Sequence[Snippet], sound: bytes
) -> dict[str, Cell | Html]:
    """The row of a code."""
    row: dict[str, Cell | Html] = {
        "code": code,
        "% of frames": f"{scene.usage.counts[code] / scene.usage.counts.sum():.1%}",
    }
    if scene.phones:
        most = np.argsort(-scene.phones.counts[code], kind="stable")[:3]
        own = shares(scene.phones.counts)[code]
        row["phones"] = ", ".join(
            f"{scene.phones.labels[phone]} ({own[phone]:.0%})" for phone in most if own[phone]
        )
    speakers = dict.fromkeys(snippet.recording.speaker for snippet in snippets)
    return row | {"": player(sound, f"code {code}"), "speakers": ", ".join(speakers)}
