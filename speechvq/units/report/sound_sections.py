"""Sections of a report with sound: examples, and codes to listen to."""

from collections.abc import Sequence

import numpy as np

from speechvq.audio.files import read_mono
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
    stretch,
    wav,
)

SNIPPETS = 8
"""For each code."""

HEARD = 4_500_000
"""Bytes of sound at most, which are a third more in the page; players that would make it more are left out."""


def examples_shown(scene: Scene) -> Section:
    """Some recordings with all that was found in them."""
    words = (
        "From top to bottom, where they are known: the spectrogram, phones, runs of codes with "
        "their numbers, and the segments "
        f"that were found. Of long recordings the first {BEST[1]:g} s are shown."
    )
    parts = list[Html]()
    for one in examples([one for one in scene.recordings if len(scene.units.codes[one.name])]):
        wave = None
        if one.audio is not None:
            wave = stretch(
                read_mono(one.audio, SAMPLE_RATE), Snippet(one, 0.0, min(one.seconds, BEST[1]))
            )
        parts += [heading(f"{one.name}, speaker {one.speaker}")]
        parts += [player(wav(wave), one.name)] if wave is not None else []
        parts += [figure(example_picture(one, scene.units, scene.segments.get(one.name), wave))]
    return Section("Examples", (paragraph(words), *parts))


def codes_heard(scene: Scene, count: int) -> Section | None:
    """The most frequent codes that are no silence, to listen to."""
    frequent = np.argsort(-scene.usage.counts, kind="stable")
    wanted = [
        code for code in frequent.tolist() if scene.usage.counts[code] and not scene.silences[code]
    ][: max(0, count)]
    found = {
        code: own
        for code, own in code_snippets(scene.units, scene.recordings, wanted, SNIPPETS).items()
        if own
    }
    if not found:
        return None
    waves = iter(cut([one for own in found.values() for one in own]))
    rows, size = list[dict[str, Cell | Html]](), 0
    for code, own in found.items():
        sound = wav(joined([next(waves) for _ in own]))
        size += len(sound)
        if size > HEARD:
            break
        rows.append(_heard(scene, code, own, sound))
    which = " that are no silence" if scene.phones else ""
    words = (
        f"The {len(rows)} most frequent codes{which}. Each player has up to {SNIPPETS} of the "
        "longest runs of its code, "
        f"by different speakers where there are, {GAP:g} s apart and equally loud. Runs shorter "
        f"than {SHORTEST:g} s are heard "
        f"with what lies around them, of those longer than {LONGEST:g} s the middle. A good unit "
        "sounds alike in all voices."
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
            f"{scene.phones.labels[one]} ({own[one]:.0%})" for one in most if own[one]
        )
    speakers = dict.fromkeys(one.recording.speaker for one in snippets)
    return row | {"": player(sound, f"code {code}"), "speakers": ", ".join(speakers)}
