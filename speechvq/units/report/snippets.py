"""Audio examples of a code: some of its runs by different speakers, cut out and joined.

A run of one or two frames is too short to hear, so its context is included up to a tenth of a
second. Of each speaker the longest runs come first: in them the sound of a code is steady.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import chain, groupby, zip_longest
from typing import NamedTuple

import numpy as np
import soundfile

from speechvq.audio.reading import Wave, read_mono
from speechvq.units.features import SAMPLE_RATE
from speechvq.units.recordings import Recording, Units
from speechvq.units.usage.rates import runs

SHORTEST = 0.1
"""Shortest snippet in seconds, where the recording is that long."""

LONGEST = 0.5
"""Longest snippet in seconds: of longer runs the middle is taken."""

GAP = 0.25
"""Seconds of silence between snippets."""

FADE = 0.005
"""Seconds of fade-in and fade-out, within the snippet."""

PEAK = 0.5
"""Peak level of each snippet, so that all are about equally loud; full scale is 1."""

GAIN = 10.0
"""Largest gain: 20 dB. What is nearly silent stays quiet."""


@dataclass(frozen=True)
class Snippet:
    """A segment of a recording, from `start` to `end` in seconds."""

    recording: Recording
    start: float
    end: float


class _Run(NamedTuple):
    """A run of a code: minus its length in frames, so that the longest sort first; its place."""

    length: int
    name: str
    start: int
    recording: Recording


def code_snippets(
    units: Units, recordings: Sequence[Recording], chosen: Sequence[int], count: int
) -> dict[int, list[Snippet]]:
    """Up to `count` snippets of each of some codes, from recordings that have audio.

    Speakers take turns in the order of their names, each with its longest remaining run, the first
    of equals.
    """
    runs_of: dict[int, dict[str, list[_Run]]] = {code: {} for code in chosen}
    for recording in recordings:
        if recording.audio is None:
            continue
        codes, lengths = runs(units.codes[recording.name])
        starts = np.cumsum(lengths) - lengths
        for code, length, start in zip(
            codes.tolist(), lengths.tolist(), starts.tolist(), strict=True
        ):
            if code in runs_of:
                runs_of[code].setdefault(recording.speaker, []).append(
                    _Run(-length, recording.name, start, recording)
                )
    return {
        code: [_snippet(run, units.rate) for run in _turns(speakers)[:count]]
        for code, speakers in runs_of.items()
    }


def _turns(speakers: Mapping[str, list[_Run]]) -> list[_Run]:
    """The first run of every speaker, then the second of every speaker, and so on."""
    ordered = (sorted(speakers[speaker]) for speaker in sorted(speakers))
    return [run for run in chain.from_iterable(zip_longest(*ordered)) if run is not None]


def _snippet(run: _Run, rate: float) -> Snippet:
    """A snippet around the middle of a run, long enough to hear, within the recording."""
    middle, seconds = (
        (run.start - run.length / 2) / rate,
        min(max(-run.length / rate, SHORTEST), LONGEST),
    )
    first = max(0.0, min(middle - seconds / 2, run.recording.seconds - seconds))
    return Snippet(run.recording, first, first + seconds)


def cut(snippets: Sequence[Snippet]) -> list[Wave]:
    """The samples (t,) of each snippet at 16 kHz, equally loud, faded in and out.

    Each file is read once. Raises AudioError.
    """

    def source(place: int) -> tuple[str, int]:
        recording = snippets[place].recording
        if recording.audio is None:
            raise ValueError("a snippet of a recording without audio")
        return str(recording.audio), recording.channel or 0

    waves: dict[int, Wave] = {}
    for (audio, channel), own in groupby(sorted(range(len(snippets)), key=source), key=source):
        wave = read_mono(audio, SAMPLE_RATE, channel or None)
        waves |= {place: _faded(segment(wave, snippets[place])) for place in own}
    return [waves[place] for place in range(len(snippets))]


def segment(wave: Wave, snippet: Snippet) -> Wave:
    """The samples of a snippet from those of the whole file at 16 kHz."""
    start, end = (
        round((snippet.recording.start + time) * SAMPLE_RATE)
        for time in (snippet.start, snippet.end)
    )
    return wave[start:end]


def _faded(wave: Wave) -> Wave:
    """A copy at the common level, faded in and out so that it does not click."""
    loud = wave * min(GAIN, PEAK / max(float(np.abs(wave).max(initial=0.0)), 1e-9))
    edge = min(round(FADE * SAMPLE_RATE), len(wave) // 2)
    ramp = np.sin(np.linspace(0, np.pi / 2, edge, dtype=np.float32)) ** 2
    loud[:edge] *= ramp
    loud[len(loud) - edge :] *= ramp[::-1]
    return loud


def joined(waves: Sequence[Wave]) -> Wave:
    """Waves one after the other with gaps in between."""
    gap = np.zeros(round(GAP * SAMPLE_RATE), np.float32)
    return (
        np.concatenate([part for wave in waves for part in (gap, wave)][1:])
        if waves
        else np.zeros(0, np.float32)
    )


def wav(wave: Wave) -> bytes:
    """A WAV file of 16 bits at 16 kHz.

    It is the format that every browser plays, and the only one whose bytes do not depend on an
    encoder's version. FLAC would save a third of about 2 MB, and Vorbis, which not every Safari
    plays, most of it.
    """
    buffer = BytesIO()
    soundfile.write(buffer, wave.clip(-1, 1), SAMPLE_RATE, format="WAV", subtype="PCM_16")
    return buffer.getvalue()
