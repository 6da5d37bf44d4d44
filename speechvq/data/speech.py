"""The speech of an utterance: its segment of its file, of the channel that its manifest names."""

from speechvq.audio.reading import Wave, read_mono
from speechvq.data.manifest import Utterance
from speechvq.errors import ManifestError
from speechvq.limits import whole_number

CHANNELS = range(1, 1025)
"""Possible values of "channel": libsndfile reads no more."""

TOLERANCE = 0.1
"""Seconds that a file may be shorter than its manifest says, because that rounds."""


def channel_of(row: Utterance) -> int | None:
    """The channel that a manifest names, counted from 1. Raises ManifestError for other values."""
    channel = row.metadata.get("channel")
    if channel is None:
        return None
    return whole_number(channel, CHANNELS, ManifestError, f'{row.place or row.audio}: "channel"')


def read_utterance(row: Utterance, sample_rate: int) -> Wave:
    """The samples (t,) of an utterance at a rate.

    Raises AudioError, and ManifestError for a file that ends before its utterance and for an
    impossible channel.
    """
    wave = read_mono(row.audio, sample_rate, channel_of(row))
    if len(wave) < (row.start + row.seconds - TOLERANCE) * sample_rate:
        raise ManifestError(
            f"{row.place or 'an utterance'}: {row.audio} lasts {len(wave) / sample_rate:.3f} s, "
            f"and its utterance would end at {row.start + row.seconds:.3f} s; run `speechvq "
            "prepare` again, or fix it there"
        )
    first = round(row.start * sample_rate)
    return wave[first : first + round(row.seconds * sample_rate)]
