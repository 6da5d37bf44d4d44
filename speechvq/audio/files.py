"""Audio files of any sample rate and channel count that soundfile knows, as one channel.

Long files are read and written in chunks through one resampler: memory does not grow with length.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from speechvq.errors import AudioError, OutputError
from speechvq.output import new_file

Wave = NDArray[np.float32]

SHORTEST = 0.1
"""Seconds; a shorter recording holds too little speech."""

SILENCE = 1e-5
"""Peak (full scale 1) below which a recording is silent: -100 dB."""

CHUNK_SECONDS = 10
"""Seconds of audio read at a time."""

UNKNOWN = 2**63 - 1
"""What libsndfile says of a FLAC file without a length."""

SYSTEM_ERROR = 2
"""What libsndfile calls any refusal of the operating system."""

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
"""Format and subtype of each suffix. Other formats cannot keep every rate, or write two files."""


@dataclass(frozen=True)
class Source:
    """An audio file that can be read: its rate in Hz, channels, and length in samples."""

    path: Path
    rate: int
    channels: int
    samples: int

    @property
    def seconds(self) -> float:
        """Length of the file."""
        return self.samples / self.rate


def inspect(path: str | Path) -> Source:
    """The facts of an audio file. Raises AudioError if it cannot be read, or is too short."""
    path = Path(path)
    try:
        if path.is_dir():
            raise AudioError(f"{path} is a folder; give an audio file")
        if not path.exists():
            raise AudioError(f"there is no file {path}")
        if not path.is_file():
            raise AudioError(f"{path} is a device or a pipe; give an audio file")
        if path.stat().st_size == 0:
            raise AudioError(f"{path} is empty")
        with soundfile.SoundFile(path) as file:
            source = Source(path, file.samplerate, file.channels, file.frames)
    except UnicodeEncodeError as error:
        raise AudioError(
            f"{str(path)!r} is a name that is not UTF-8, which soundfile cannot open; rename it"
        ) from error
    except (soundfile.LibsndfileError, OSError, TypeError) as error:
        reason = (
            (getattr(error, "error_string", None) or getattr(error, "strerror", None) or str(error))
            .strip()
            .rstrip(".")
        )
        known = "wav, flac, ogg, opus, mp3, aiff and more"
        raise AudioError(
            f"{path} is not audio that can be read ({reason}); known formats: {known}"
        ) from error
    if source.samples == UNKNOWN:
        raise AudioError(
            f"{path} does not say how long it is, as if written through a pipe; convert it to "
            ".wav first"
        )
    if source.seconds < SHORTEST:
        raise AudioError(
            f"{path} holds {source.samples} samples ({source.seconds:.3f} s); at least {SHORTEST} "
            "s are needed"
        )
    return source


def chunks(source: Source, sample_rate: int) -> Iterator[Wave]:
    """The samples at another rate, in chunks of some seconds, with the channels averaged.

    Raises AudioError at a sample that is not a finite number, a file that ends early, and at the
    end if all was silence.
    """
    resampler = None
    if source.rate != sample_rate:
        resampler = soxr.ResampleStream(source.rate, sample_rate, 1, dtype="float32")
    peak, seen = 0.0, 0
    try:
        for mono in _blocks(source):
            if not np.isfinite(mono).all():
                second = (seen + int(np.argmin(np.isfinite(mono)))) / source.rate
                raise AudioError(
                    f"{source.path} holds a sample that is not a finite number at {second:.3f} s; "
                    "repair the file"
                )
            peak, seen = max(peak, float(np.abs(mono).max(initial=0.0))), seen + len(mono)
            last = seen >= source.samples
            yield mono if resampler is None else resampler.resample_chunk(mono, last=last)
    except soundfile.LibsndfileError as error:
        raise AudioError(
            f"{source.path} cannot be read beyond {seen / source.rate:.1f} s: {error}"
        ) from error
    if seen != source.samples:
        raise AudioError(
            f"{source.path} ends after {seen} of {source.samples} samples; it is truncated"
        )
    if peak < SILENCE:
        raise AudioError(
            f"{source.path} is silent from beginning to end; there is nothing to encode"
        )


def _blocks(source: Source) -> Iterator[Wave]:
    """Chunks of some seconds at the file's own rate, with the channels averaged."""
    with soundfile.SoundFile(source.path) as file:
        # soundfile.blocks would hand out old samples again where a file ends early
        while len(block := file.read(CHUNK_SECONDS * source.rate, dtype="float32", always_2d=True)):
            yield block.mean(1)


def read_mono(path: str | Path, sample_rate: int) -> Wave:
    """All samples (t,) at a rate, with the channels averaged. Raises AudioError."""
    return np.concatenate(list(chunks(inspect(path), sample_rate)))


def check_format(path: Path, rate: int) -> tuple[str, str]:
    """The format and subtype that soundfile writes for this name.

    Raises OutputError for a name that says no format, and for a rate that the format cannot have.
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
    path: Path, waves: Iterable[Wave], sample_rate: int, *, rate: int, samples: int
) -> None:
    """Write chunks of a waveform at `sample_rate` as a file of exactly `samples` samples at `rate`.

    Raises OutputError, and leaves nothing behind, when it cannot be written.
    """
    kind, subtype = check_format(path, rate)
    resampler = (
        soxr.ResampleStream(sample_rate, rate, 1, dtype="float32") if rate != sample_rate else None
    )
    left = samples
    with new_file(path) as partial:
        try:
            with soundfile.SoundFile(partial, "w", rate, 1, subtype, format=kind) as file:
                for wave in waves:
                    at_rate = wave if resampler is None else resampler.resample_chunk(wave)
                    file.write(at_rate[:left].clip(-1, 1))
                    left -= len(at_rate[:left])
                if resampler is not None and left:
                    rest = resampler.resample_chunk(np.zeros(0, np.float32), last=True)[:left]
                    file.write(rest.clip(-1, 1))
                    left -= len(rest)
                file.write(np.zeros(left, np.float32))
        except soundfile.LibsndfileError as error:
            reason = (
                "the system refuses; is the disk full?"
                if error.code == SYSTEM_ERROR
                else error.error_string
            )
            raise OutputError(f"cannot write {path}: {reason}") from error
