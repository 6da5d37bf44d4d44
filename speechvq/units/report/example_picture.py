"""The picture of a recording: its spectrogram above its phones, codes and segments."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from speechvq.audio.reading import Wave
from speechvq.units.alignments.alignment import from_codes
from speechvq.units.boundaries.segmentation import Segments
from speechvq.units.features import RATE, SAMPLE_RATE, log_mel
from speechvq.units.recordings import Recording, Units
from speechvq.units.report.drawing import COLORS, Picture, drawn, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Strip = Sequence[tuple[float, float, str]]

BEST = (2.0, 5.0)
"""Preferred duration of an example in seconds; of longer ones only the start is shown."""

WIDTH = 13.0
"""Width in inches, such that the number of a code of 20 ms is readable."""

BANDS = 80
HERTZ = (250, 500, 1000, 2000, 4000, 6000)


def examples(recordings: Sequence[Recording], count: int = 3) -> list[Recording]:
    """Recordings to show, of different speakers, with durations near the middle of `BEST`.

    Recordings with audio are preferred, then those with phones; ties are broken by name.
    """
    middle = sum(BEST) / 2
    ordered = sorted(
        recordings,
        key=lambda recording: (
            recording.audio is None,
            recording.phones is None,
            abs(recording.seconds - middle),
            recording.name,
        ),
    )
    firsts = {recording.speaker: recording for recording in reversed(ordered)}
    different = [recording for recording in ordered if firsts[recording.speaker] is recording]
    return (different + [recording for recording in ordered if recording not in different])[:count]


def example_picture(
    recording: Recording, units: Units, segments: Segments | None, wave: Wave | None
) -> Picture:
    """Tiers of phones, codes and segments, below the spectrogram of samples at 16 kHz if given."""
    seconds = min(recording.seconds, BEST[1])
    codes = units.codes[recording.name]
    strips: dict[str, Strip] = {}
    if recording.phones is not None:
        strips["phones"] = recording.phones.intervals
    if len(codes):
        strips["codes"] = from_codes(codes, 1 / units.rate, "codes").intervals
    if segments is not None and len(segments.ends):
        strips["segments"] = _segment_strip(segments, units.rate)
    mel = log_mel(wave, BANDS) if wave is not None else None

    def draw(figure: "Figure") -> None:
        tall = [] if mel is None else [3.0]
        heights = [0.32 if name == "phones" else 0.62 for name in strips]
        grid = figure.subplots(
            len(tall) + len(strips), 1, sharex=True, squeeze=False, height_ratios=[*tall, *heights]
        )[:, 0]
        if mel is not None:
            _spectrogram(grid[0], mel, recording)
        for axes, (name, strip), color in zip(
            grid[len(tall) :], strips.items(), COLORS, strict=False
        ):
            _strip(
                axes,
                name,
                [interval for interval in strip if interval[0] < seconds],
                seconds,
                color,
            )
        grid[-1].set(xlabel="s", xlim=(0, seconds))

    shown = ", ".join([*(["spectrogram"] if mel is not None else []), *strips])
    return drawn(
        WIDTH,
        (3.0 if mel is not None else 0.0) + 0.7 + 0.6 * len(strips),
        f"{recording.name}: {shown}.",
        draw,
        wide=True,
    )


def _segment_strip(segments: Segments, rate: float) -> Strip:
    """Segments as intervals labeled with their codes."""
    edges = np.concatenate([[0], segments.ends]) / rate
    return [
        (a, b, str(code))
        for a, b, code in zip(edges[:-1].tolist(), edges[1:].tolist(), segments.codes, strict=True)
    ]


def _spectrogram(axes: "Axes", mel: NDArray[np.float32], recording: Recording) -> None:
    """The spectrogram in shades of gray, with the edges of phones in color."""
    from librosa import mel_frequencies

    loudest = float(mel.max())
    extent = (0, len(mel) / RATE, 0, mel.shape[1])
    axes.imshow(
        mel.T,
        cmap="Greys",
        vmin=loudest - 12,
        vmax=loudest,
        origin="lower",
        aspect="auto",
        extent=extent,
    )
    if recording.phones is not None:
        edges = sorted(
            {time for start, end, _ in recording.phones.intervals for time in (start, end)}
        )
        axes.vlines(edges, 0, mel.shape[1], color=COLORS[0], linewidth=0.7)
    axes.set_yticks(
        np.interp(
            HERTZ,
            mel_frequencies(mel.shape[1] + 2, fmax=SAMPLE_RATE / 2)[1:-1],
            np.arange(mel.shape[1]) + 0.5,
        )
    )
    axes.set_yticklabels([str(hertz) for hertz in HERTZ])
    axes.set(ylabel="Hz")
    axes.tick_params(bottom=False)


def _strip(axes: "Axes", name: str, intervals: Strip, seconds: float, color: str) -> None:
    """Labels between edges; those of short intervals upright and in rows, so that none overlap."""
    room = WIDTH * 0.93 / seconds  # inches for a second
    upright = name != "phones"
    rows = _rows([(end - start) * room for start, end, _ in intervals]) if upright else 1
    edges = sorted({time for start, end, _ in intervals for time in (start, end)})
    axes.vlines(edges, 0, 1, color=color, linewidth=0.8)
    for place, (start, end, label) in enumerate(intervals):
        text = short(label, 5)
        small = not upright and (end - start) * room < 0.085 * len(text)
        axes.text(
            (start + min(end, seconds)) / 2,
            (place % rows + 0.5) / rows,
            text,
            ha="center",
            va="center",
            fontsize=5.5 if small else 7 if upright else 8.5,
            rotation=90 if upright else 0,
            clip_on=True,
            in_layout=False,
        )
    axes.set(ylim=(0, 1), yticks=[])
    axes.set_ylabel(name, rotation=0, ha="right", va="center")
    axes.tick_params(bottom=False)


def _rows(widths: Sequence[float]) -> int:
    """The number of rows of upright labels that intervals of these widths in inches need."""
    return int(np.clip(np.ceil(0.09 / max(min(widths, default=1.0), 1e-3)), 1, 2))
