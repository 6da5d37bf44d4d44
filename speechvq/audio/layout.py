"""What an audio file is made of: the streams that libsndfile shall read, and what is wrong with it.

What a file holds decides, never its name.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO, cast

from speechvq.audio import containers, flac, mpeg, ogg, sound
from speechvq.audio.pieces import Piece, Pieces


@dataclass(frozen=True)
class Stream:
    """A recording within a file.

    pieces: where it is; `endless`: see `Pieces`
    samples: of each channel, where that is known without libsndfile
    """

    pieces: tuple[Piece, ...]
    endless: bool = False
    samples: int | None = None


@dataclass(frozen=True)
class Layout:
    """The streams of a file, one after the other, and what must be said of it.

    cut: the end is missing; `told`: how much longer it would be whole, as a factor, if known
    unknown: nothing says how long it is
    ends: its end is marked, so that its length need not be said
    lost: MPEG frames that the file tells of and does not hold, in samples
    foreign: bytes among or behind the sound that are not read
    more: something follows the sound, which may be sound, too
    """

    streams: tuple[Stream, ...]
    cut: bool = False
    told: float | None = None
    unknown: bool = False
    ends: bool = False
    lost: int = 0
    foreign: int = 0
    more: bool = False
    mpeg: bool = False

    def remarks(self, samples: int, rate: int) -> Iterator[str]:
        """What must be said, given the length that was found."""
        seconds = samples / rate
        whole = f"the {seconds:.2f} s that are there are read"
        if self.unknown:
            yield (
                "does not say how long it is, as if written into a pipe or never finished; all "
                f"{seconds:.2f} s up to its end are read, and nothing says whether more is missing"
            )
        elif self.told is not None:
            yield f"is cut off: its header tells of {self.told * seconds:.2f} s; {whole}"
        elif self.lost:
            yield f"is cut off: it tells of {seconds + self.lost / rate:.2f} s; {whole}"
        elif self.cut:
            yield f"is cut off: its end is missing; {whole}"
        if self.foreign:
            yield (
                f"holds {self.foreign} bytes among or behind its sound that are no sound, or are "
                "damaged; they are left out"
            )
        if self.more:
            yield (
                f"goes on behind the {seconds:.2f} s that its header tells of; the rest is left out"
            )


def layout(file: BinaryIO, size: int, name: str) -> Layout:
    """What a file is made of. Raises AudioError for what cannot be read whole."""
    start = 0
    while (end := mpeg.id3_end(_bytes(file, start, 10))) is not None and start + end < size:
        start += end
    head = _bytes(file, start, 8)
    if head.startswith(ogg.MAGIC):
        pages = ogg.read(file, start, size, name)
        return Layout(tuple(Stream(pieces) for pieces in pages.streams), cut=pages.cut, ends=True)
    if head.startswith(flac.MARK):
        places = tuple(flac.streams(file, start, size))
        more = any(flac.goes_on(file, *place) for place in places)
        return Layout(tuple(Stream((place,)) for place in places), more=more)
    untagged = cast("BinaryIO", Pieces(file, ((start, size),))) if start else file
    kinds = (containers.read, sound.read)
    for found in filter(None, (read(untagged, size - start, name) for read in kinds)):
        return _shifted(_of_sound(untagged, found, name), start)
    found = of_mpeg(file, start, size, name)
    if found is None and (start or mpeg.looks_like(head)):
        return Layout(())  # libmpg123 would find something
    return found or Layout((Stream(((0, size),)),))


def _of_sound(file: BinaryIO, found: sound.Sound, name: str) -> Layout:
    inner = None if found.mpeg is None else of_mpeg(file, *found.mpeg, name)
    whole, told = inner or Layout((Stream(found.pieces),)), found.told
    return replace(
        whole,
        told=told / found.found if told is not None and told > found.found > 0 else None,
        unknown=told is None,
        foreign=whole.foreign + found.behind,
    )


def _shifted(found: Layout, start: int) -> Layout:
    """The layout of a file that begins later in another."""
    streams = (
        replace(
            stream,
            pieces=tuple(
                piece if isinstance(piece, bytes) else (piece[0] + start, piece[1] + start)
                for piece in stream.pieces
            ),
        )
        for stream in found.streams
    )
    return replace(found, streams=tuple(streams))


def of_mpeg(file: BinaryIO, start: int, size: int, name: str) -> Layout | None:
    """What MPEG frames between two places make up; None where there are none. Raises AudioError."""
    found = mpeg.read(file, start, size, name)
    if found is None:
        return None
    streams = (
        Stream(stream.pieces)
        if stream.trusted
        else Stream(stream.pieces, endless=True, samples=stream.samples)
        for stream in found.streams
    )
    return Layout(tuple(streams), cut=found.cut, lost=found.lost, foreign=found.foreign, mpeg=True)


def _bytes(file: BinaryIO, place: int, count: int) -> bytes:
    file.seek(place)
    return file.read(count)
