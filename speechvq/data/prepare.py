"""From a folder of recordings to a manifest."""

import json
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

import librosa
import numpy as np

from speechvq.audio.formats import READABLE, UNREADABLE
from speechvq.audio.reading import chunks, inspect
from speechvq.data.folders import LeftOut, Tree, tree
from speechvq.data.manifest import Utterance
from speechvq.errors import AudioError, AudioWarning, ManifestError, OutputError
from speechvq.output import check_writable, new_file

MARGIN = 0.15
"""Seconds of silence kept at both ends."""

BELOW_PEAK = 40
"""Decibels below the loudest frame from which a frame counts as silence."""

LONGEST_TRIMMED = 10
"""Recordings longer than this multiple of the allowed length are not searched for silence."""


@dataclass(frozen=True)
class Survey:
    """What a folder of recordings holds.

    kept: the recordings that can be used
    left_out: those that cannot, and why
    notes: further remarks for the owner, a sentence each
    """

    kept: tuple[Utterance, ...]
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


def check_target(path: Path, below: Tree, *, force: bool) -> None:
    """Raises OutputError for a path that cannot be written, or has the name of a recording."""
    check_writable(path, force=force, sources=below.files)
    if path.suffix.lower() in READABLE | UNREADABLE:
        raise OutputError(f"{path} has the name of audio; end it in .jsonl")


def find_audio(folder: Path) -> Tree:
    """All audio files below a folder, see `tree`. Raises ManifestError when there are none."""
    below = tree(folder, READABLE | UNREADABLE, ManifestError, "give the one that holds the audio")
    if not below.files:
        first = f"; left out {below.left_out[0].path}" if below.left_out else ""
        raise ManifestError(
            f"no audio below {folder}; looked for {', '.join(sorted(READABLE))}{first}"
        )
    return below


def survey(
    folder: Path,
    below: Tree,
    *,
    shortest: float,
    longest: float,
    channel: int | None = None,
    done: Callable[[], None] = lambda: None,
) -> Survey:
    """Check each file: whether it can be used, and why not.

    A file's speaker is the first folder on its way from `folder`; files directly in it have none.
    shortest, longest: seconds of speech
    channel: the one to use of files with several, counted from 1
    done: called after each file
    Silence at both ends is measured and left out through the utterance's `start` and `seconds`.
    Raises ManifestError when nothing can be used.
    """
    if not shortest < longest:
        raise ManifestError(
            f"no speech lasts at least {shortest:g} s and at most {longest:g} s; give other limits"
        )
    kept: list[Utterance] = []
    left_out: list[LeftOut] = []
    with warnings.catch_warnings(record=True) as remarks:
        warnings.simplefilter("always", AudioWarning)
        for path in below.files:
            checked = _checked(folder, path, shortest, longest, channel)
            if isinstance(checked, Utterance):
                kept.append(checked)
            else:
                left_out.append(checked)
            done()
    if not kept:
        _, reason, detail = left_out[0]
        raise ManifestError(
            f"none of {len(left_out)} files below {folder} can be used; the first, "
            f"{left_out[0].path}: {reason}{f' ({detail})' if detail else ''}"
        )
    left_out += below.left_out
    _warn([warning.message for warning in remarks])
    return Survey(tuple(kept), tuple(sorted(left_out)), tuple(_notes(folder, below, kept)))


def _warn(messages: Sequence[Warning | str]) -> None:
    """Pass warnings on, those on audio in a single sentence."""
    on_audio = dict.fromkeys(str(m) for m in messages if isinstance(m, AudioWarning))
    if on_audio:
        first = "; ".join(list(on_audio)[:3])
        more = f"; and {len(on_audio) - 3} more" if len(on_audio) > 3 else ""
        warnings.warn(AudioWarning(f"{first}{more}"), stacklevel=3)
    for message in messages:
        if not isinstance(message, AudioWarning):
            warnings.warn(message, stacklevel=3)


def write_left_out(path: Path, left_out: Sequence[LeftOut], *, force: bool) -> None:
    """Write what is left out and why, one JSON object per line. Raises OutputError."""
    with new_file(path, force=force) as file:
        for item in left_out:
            row = {"path": str(item.path), "reason": item.reason, "detail": item.detail or None}
            file.write(json.dumps({k: v for k, v in row.items() if v is not None}).encode() + b"\n")


def _checked(
    folder: Path, path: Path, shortest: float, longest: float, channel: int | None
) -> Utterance | LeftOut:
    """The utterance of a file, or why it has none."""
    try:
        start, seconds = speech_bounds(path, channel, LONGEST_TRIMMED * longest)
        facts = {} if channel is None else {"channel": channel}
        row = Utterance(path, seconds, _speaker(folder, path), start, facts)
    except ManifestError as error:
        return LeftOut(path, "named as no list can hold", str(error))
    except AudioError as error:
        return LeftOut(path, "cannot be read", str(error).removeprefix(f"{path} "))
    if seconds < shortest:
        return LeftOut(path, f"less than {shortest:g} s of speech", f"{seconds:.2f} s")
    if seconds > longest:
        reason = f"more than {longest:g} s of speech: cut it into sentences"
        return LeftOut(path, reason, f"{seconds:.0f} s")
    return row


def speech_bounds(
    path: Path, channel: int | None = None, most: float = float("inf")
) -> tuple[float, float]:
    """The start and the duration of speech in seconds, with a margin. Raises AudioError.

    most: seconds; all of a longer recording counts as speech
    """
    source = inspect(path, channel)
    if source.seconds > most:
        return 0.0, source.seconds
    wave = np.concatenate(list(chunks(source, source.rate)))
    _, (first, last) = librosa.effects.trim(wave, top_db=BELOW_PEAK, ref=np.max)
    margin = round(MARGIN * source.rate)
    first, last = max(0, first - margin), min(len(wave), last + margin)
    return first / source.rate, (last - first) / source.rate


def _speaker(folder: Path, path: Path) -> str | None:
    """The first folder on the way to a file, in composed Unicode, as macOS decomposes names."""
    parts = path.relative_to(folder).parts
    return normalize("NFC", parts[0]) if len(parts) > 1 else None


def _notes(folder: Path, below: Tree, kept: Sequence[Utterance]) -> Iterator[str]:
    """Remarks on speakers and other files."""
    speakers = {row.speaker for row in kept if row.speaker is not None}
    if count := sum(row.speaker is None for row in kept):
        yield f"{count} files lie in {folder} itself: they have no speaker"
    tops = [path for path in below.folders if path.parent == folder and path != folder]
    if empty := [path.name for path in tops if normalize("NFC", path.name) not in speakers]:
        yield f"{len(empty)} folders hold nothing that is used: {_listed(empty)}"
    if alike := _alike(speakers):
        yield f"speakers whose names differ in case only count as several: {_listed(alike)}"
    if len(tops) - len(speakers) != len(empty):
        yield "folders whose names differ only in how Unicode writes letters are of one speaker"
    if len(speakers) == 1 and len({row.audio.parent for row in kept}) > 1:
        yield (
            f"all recordings are of one speaker, {min(speakers)}; if its folders are speakers, "
            f"give {folder / min(speakers)}"
        )
    suffixes = Counter(path.suffix.lower() or "no suffix" for path in below.others)
    if suffixes:
        kinds = ", ".join(f"{suffix} {count}" for suffix, count in suffixes.most_common(5))
        more = ", ..." if len(suffixes) > 5 else ""
        yield f"{suffixes.total()} other files are no audio by their names: {kinds}{more}"


def _alike(speakers: set[str]) -> list[str]:
    """Names that differ from another in case only."""
    counts = Counter(name.casefold() for name in speakers)
    return sorted(name for name in speakers if counts[name.casefold()] > 1)


def _listed(names: Sequence[str], most: int = 5) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")
