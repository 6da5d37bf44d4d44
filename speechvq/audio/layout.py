"""What an audio file is made of: the streams that libsndfile shall read, and their faults.

The content of a file decides, never its name.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from speechvq.audio import containers, flac, mpeg, ogg, sound
from speechvq.audio.pieces import Piece, Pieces, read_at


@dataclass(frozen=True)
class Stream:
    """A recording within a file.

    pieces: its bytes; `endless`: see `Pieces`
    samples: its length in samples per channel, where that is known without libsndfile
    """

    pieces: tuple[Piece, ...]
    endless: bool = False
    samples: int | None = None


@dataclass(frozen=True)
class Layout:
    """The streams of a file, one after the other, and its faults.

    cut: the end is missing
    declared: the length by the header, as a multiple of the actual one, if it is longer
    unknown: the length is stored nowhere
    end_marked: the end of the sound is marked, so no stored length is needed
    lost: samples of declared MPEG frames that the file does not hold
    foreign: bytes among or behind the sound that are not read
    more: further bytes, perhaps of sound, follow the declared end of a FLAC stream
    mpeg: the streams are MPEG frames
    """

    streams: tuple[Stream, ...]
    cut: bool = False
    declared: float | None = None
    unknown: bool = False
    end_marked: bool = False
    lost: int = 0
    foreign: int = 0
    more: bool = False
    mpeg: bool = False

    def remarks(self, samples: int, rate: int) -> Iterator[str]:
        """A sentence for each fault, without its subject, given the length that can be read."""
        seconds = samples / rate
        held = f"it holds {seconds:.2f} s, which are read"
        if self.unknown:
            yield (
                "does not say how long it is, as if it was written into a pipe or never finished; "
                f"the {seconds:.2f} s up to its end are read, and more may be missing"
            )
        elif self.declared is not None:
            yield f"is cut off: its header declares {self.declared * seconds:.2f} s, and {held}"
        elif self.lost:
            yield f"is cut off: its header declares {seconds + self.lost / rate:.2f} s, and {held}"
        elif self.cut:
            yield f"is cut off: its end is missing, and {held}"
        if self.foreign:
            yield (
                f"holds {self.foreign} bytes among or behind its sound that are damaged or no "
                "sound; they are left out"
            )
        if self.more:
            yield (
                f"goes on after the {seconds:.2f} s that its header declares; the rest is left out"
            )


def layout(file: BinaryIO, size: int, name: str) -> Layout:
    """What a file is made of, and how it is to be read.

    size: of the file in bytes; `name`: what messages call it
    Raises AudioError for damage within the sound, and for recordings that cannot be joined.
    """
    start = 0
    while (end := mpeg.id3_end(read_at(file, start, 10))) is not None and start + end < size:
        start += end
    head = read_at(file, start, 8)
    if head.startswith(ogg.MAGIC):
        pages = ogg.read(file, start, size, name)
        return Layout(
            tuple(Stream(pieces) for pieces in pages.streams), cut=pages.cut, end_marked=True
        )
    if head.startswith(flac.MARK):
        places = tuple(flac.streams(file, start, size))
        more = any(flac.goes_on(file, *place) for place in places)
        return Layout(tuple(Stream((place,)) for place in places), more=more)
    untagged = cast("BinaryIO", Pieces(file, ((start, size),))) if start else file
    for read in (containers.read, sound.read):
        if (content := read(untagged, size - start, name)) is not None:
            return _shifted(_of_sound(untagged, content, name), start)
    frames = _of_mpeg(file, start, size, name)
    if frames is None and (start or mpeg.looks_like(head)):
        return Layout(())  # libmpg123 would take noise for frames
    return frames or Layout((Stream(((0, size),)),))


def _of_sound(file: BinaryIO, content: sound.Sound, name: str) -> Layout:
    """The layout of a file with a header, within which there may be MPEG frames."""
    frames = None if content.mpeg is None else _of_mpeg(file, *content.mpeg, name)
    inner = frames or Layout((Stream(content.pieces),))
    declared, present = content.declared, content.present
    return replace(
        inner,
        declared=declared / present if declared is not None and declared > present > 0 else None,
        unknown=declared is None,
        foreign=inner.foreign + content.trailing,
    )


def _shifted(inner: Layout, start: int) -> Layout:
    """A layout with all its offsets moved by `start` bytes."""
    streams = (
        replace(
            stream,
            pieces=tuple(
                piece if isinstance(piece, bytes) else (piece[0] + start, piece[1] + start)
                for piece in stream.pieces
            ),
        )
        for stream in inner.streams
    )
    return replace(inner, streams=tuple(streams))


def _of_mpeg(file: BinaryIO, start: int, size: int, name: str) -> Layout | None:
    """The layout of the MPEG frames between two offsets; None without any. Raises AudioError."""
    frames = mpeg.read(file, start, size, name)
    if frames is None:
        return None
    streams = (
        Stream(stream.pieces)
        if stream.trusted
        else Stream(stream.pieces, endless=True, samples=stream.samples)
        for stream in frames.streams
    )
    return Layout(
        tuple(streams), cut=frames.cut, lost=frames.lost, foreign=frames.foreign, mpeg=True
    )
