"""From a folder of recordings to a manifest."""

from collections.abc import Callable, Sequence
from pathlib import Path

import librosa
import numpy as np

from speechvq.audio.reading import chunks, inspect
from speechvq.data.manifest import Utterance
from speechvq.errors import AudioError, ManifestError

SUFFIXES = {".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff", ".aif"}
MARGIN = 0.15
"""Seconds of silence kept on each side."""

BELOW_PEAK = 40
"""Decibels under the loudest moment from which a moment counts as silence."""


def find_audio(folder: Path) -> list[Path]:
    """All audio files below a folder, sorted. Raises ManifestError when there are none."""
    if not folder.is_dir():
        raise ManifestError(f"{folder} is not a folder; give the one that holds the audio")
    files = sorted(
        path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()
    )
    if not files:
        raise ManifestError(f"no audio below {folder}; looked for {', '.join(sorted(SUFFIXES))}")
    return files


def survey(
    folder: Path,
    files: Sequence[Path],
    *,
    shortest: float,
    longest: float,
    channel: int | None = None,
    done: Callable[[], None] = lambda: None,
) -> tuple[list[Utterance], list[tuple[Path, str]]]:
    """Check every file: what can be used, and what cannot with the reason.

    A file's speaker is the first folder on its way from `folder`; files directly in it have none.
    channel: the one to use of files with several, from 1 on
    Silence at both ends is measured and left out through the utterance's `start` and `seconds`.
    Raises ManifestError when nothing can be used.
    """
    kept, left_out = [], []
    for path in files:
        try:
            start, seconds = speech_bounds(path, channel)
        except AudioError as error:
            left_out.append((path, str(error).removeprefix(f"{path} ")))
        else:
            parts = path.relative_to(folder).parts
            if seconds < shortest:
                left_out.append((path, f"{seconds:.2f} s of speech, less than {shortest:g}"))
            elif seconds > longest:
                left_out.append(
                    (
                        path,
                        f"{seconds:.0f} s of speech, more than {longest:g}; cut it into sentences",
                    )
                )
            else:
                speaker = parts[0] if len(parts) > 1 else None
                facts = {} if channel is None else {"channel": channel}
                kept.append(Utterance(path, seconds, speaker, start, facts))
        done()
    if not kept:
        raise ManifestError(
            f"none of {len(files)} files below {folder} can be used; the first: {left_out[0][1]}"
        )
    return kept, left_out


def speech_bounds(path: Path, channel: int | None = None) -> tuple[float, float]:
    """The start and the duration of speech in seconds, with a margin. Raises AudioError."""
    source = inspect(path, channel)
    rate, wave = source.rate, np.concatenate(list(chunks(source, source.rate)))
    _, (first, last) = librosa.effects.trim(wave, top_db=BELOW_PEAK, ref=np.max)
    first, last = max(0, first - round(MARGIN * rate)), min(len(wave), last + round(MARGIN * rate))
    return first / rate, (last - first) / rate
