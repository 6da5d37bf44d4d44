"""A prepared corpus, as `prepare` leaves it in a work folder."""

from pathlib import Path

from recipes.phoneme_discovery.corpora.alignments import inline
from speechvq.audio.reading import Wave
from speechvq.data.manifest import Utterance, read_manifest
from speechvq.data.speech import channel_of, read_utterance
from speechvq.errors import AudioError, ManifestError
from speechvq.units.features import SAMPLE_RATE
from speechvq.units.recordings import Recording


def load_recordings(work: Path) -> list[Recording]:
    """The recordings of a work folder.

    Raises ManifestError or AlignmentError when nothing was prepared there.
    """
    return [
        Recording(
            name=str(row.metadata["name"]),
            speaker=str(row.speaker),
            seconds=row.seconds,
            phones=inline(row) if "phones" in row.metadata else None,
            audio=row.audio,
            start=row.start,
            channel=channel_of(row),
        )
        for row in prepared(work)
    ]


def held_out_of(work: Path) -> frozenset[str]:
    """The names of the held-out recordings. Raises ManifestError when nothing was prepared."""
    return frozenset(
        str(row.metadata["name"]) for row in prepared(work) if row.metadata.get("held_out")
    )


def prepared(work: Path) -> list[Utterance]:
    """The rows of WORK/manifest.jsonl. Raises ManifestError."""
    path = work / "manifest.jsonl"
    rows = read_manifest(path)
    if not all(row.speaker and "name" in row.metadata for row in rows):
        raise ManifestError(
            f"{path} has rows without a name or a speaker; prepare it again with --force"
        )
    return rows


def load_wave(recording: Recording) -> Wave:
    """The samples of a recording at 16 kHz, (t,). Raises AudioError, or ManifestError."""
    if recording.audio is None:
        raise AudioError(f"{recording.name} has no audio file")
    place = Utterance(
        recording.audio,
        recording.seconds,
        start=recording.start,
        metadata={"channel": recording.channel},
        place=recording.name,
    )
    return read_utterance(place, SAMPLE_RATE)
