"""Audio files of one channel, written in chunks: memory does not grow with length."""

import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import soundfile
import soxr

from speechvq.audio.reading import Wave
from speechvq.audio.sink import new_sound
from speechvq.errors import AudioWarning, OutputError

MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
OPUS_RATES = (8000, 12000, 16000, 24000, 48000)
VORBIS_LIMIT = 200_000
"""Hz; libsndfile 1.2.2 crashes above."""

FLAC_LIMIT = 65_535
"""Hz; up to 655,350 in steps of 10."""

FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "oga": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "aif": ("AIFF", "PCM_16"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "PCM_16"),
    "caf": ("CAF", "PCM_16"),
    "w64": ("W64", "PCM_16"),
    "rf64": ("RF64", "PCM_16"),
}
"""Format and subtype by suffix. Other formats cannot hold all rates, or consist of two files."""


def check_format(path: Path, rate: int) -> tuple[str, str]:
    """The format and subtype that soundfile writes for this name.

    Raises OutputError for an unknown suffix, and for a rate that the format cannot have.
    """
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in FORMATS:
        raise OutputError(
            f"cannot tell an audio format from {path.name!r}; end the name in .wav, .flac, .ogg, "
            ".opus or .mp3"
        )
    kind, subtype = FORMATS[suffix]
    possible = {
        "OPUS": rate in OPUS_RATES,
        "MPEG_LAYER_III": rate in MP3_RATES,
        "VORBIS": rate <= VORBIS_LIMIT,
    }
    if not possible.get(
        subtype,
        kind != "FLAC" or rate <= FLAC_LIMIT or (rate % 10 == 0 and rate <= 10 * FLAC_LIMIT),
    ):
        raise OutputError(f"a .{suffix} file cannot have {rate} Hz; end the name in .wav")
    return kind, subtype


def write_mono(
    path: Path,
    waves: Iterable[Wave],
    sample_rate: int,
    *,
    rate: int,
    samples: int,
    force: bool = False,
) -> None:
    """Write chunks of a waveform at `sample_rate` as a file of exactly `samples` samples at `rate`.

    Samples beyond full scale are clipped, with an `AudioWarning`. An existing
    file is replaced only with `force`. Raises OutputError, and then leaves no file behind.
    """
    kind, subtype = check_format(path, rate)
    resampler = (
        soxr.ResampleStream(sample_rate, rate, 1, dtype="float32") if rate != sample_rate else None
    )
    left, clipped = samples, 0
    with new_sound(path, rate, kind, subtype, force=force) as file:
        for wave in waves:
            at_rate = wave if resampler is None else resampler.resample_chunk(wave)
            clipped += _write(file, at_rate[:left])
            left -= len(at_rate[:left])
        if resampler is not None and left:
            rest = resampler.resample_chunk(np.zeros(0, np.float32), last=True)[:left]
            clipped += _write(file, rest)
            left -= len(rest)
        file.write(np.zeros(left, np.float32))
    if clipped:
        warnings.warn(
            AudioWarning(
                f"{path}: {clipped} of {samples} samples are beyond full scale and were clipped; "
                "`codec.decode` in Python gives them as they are, to be made quieter"
            ),
            stacklevel=2,
        )


def _write(file: soundfile.SoundFile, wave: Wave) -> int:
    """Write samples, clipped to full scale; return how many were beyond it."""
    file.write(wave.clip(-1, 1))
    return int(np.count_nonzero(np.abs(wave) > 1))
