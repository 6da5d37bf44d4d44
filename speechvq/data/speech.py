"""The speech of an utterance: its segment of its file, of the channel that its manifest names."""

from speechvq.audio.reading import Wave, read_mono
from speechvq.data.manifest import Utterance
from speechvq.errors import AudioError, ManifestError
from speechvq.limits import whole

CHANNELS = range(1, 1025)
"""What "channel" may be: libsndfile reads no more."""

TOLERANCE = 0.1
"""Seconds that a file may be shorter than its manifest says, which rounds."""


def read_utterance(row: Utterance, sample_rate: int) -> Wave:
    """The samples (t,) of an utterance at a rate.

    Raises AudioError, also for a file that ends before its utterance does, and ManifestError for
    a channel that cannot be.
    """
    channel = row.metadata.get("channel")
    if channel is not None:
        channel = whole(channel, CHANNELS, ManifestError, f'the "channel" of {row.audio}')
    wave = read_mono(row.audio, sample_rate, channel)
    if len(wave) < (row.start + row.seconds - TOLERANCE) * sample_rate:
        raise AudioError(
            f"{row.audio} lasts {len(wave) / sample_rate:.2f} s, and its manifest goes to "
            f"{row.start + row.seconds:.2f} s; make the manifest again"
        )
    first = round(row.start * sample_rate)
    return wave[first : first + round(row.seconds * sample_rate)]
