"""The codes of many recordings, end to end: what a prior is fitted to. From code files, and to and from one file."""

import hashlib
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechvq.codes import CodebookShape, Codes, ModelId, read_codes
from speechvq.codes.coder import Coder
from speechvq.errors import CodesError
from speechvq.output import new_file

CodeArrays = tuple[NDArray[np.uint16], ...]


@dataclass(frozen=True)
class Tokens:
    """Codes of recordings of one model.

    model: which weights made them
    shapes: the codebooks' shapes, coarse first
    codebooks: of each codebook, the codes (n,) of all recordings one after the other
    frames: how many codes of the coarsest codebook each recording has
    speakers: (recordings, bytes), packed speaker vectors
    voices: who speaks in each recording; an empty text where that is not known
    """

    model: ModelId
    shapes: tuple[CodebookShape, ...]
    codebooks: CodeArrays
    frames: NDArray[np.int64]
    speakers: NDArray[np.uint8]
    voices: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.frames)

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """Where each recording ends in the coarsest codebook."""
        return np.cumsum(self.frames)

    def recording(self, index: int) -> CodeArrays:
        """The codes of one recording."""
        last = int(self.ends[index])
        first = last - int(self.frames[index])
        ratios = [self.shapes[0].hop // codebook.hop for codebook in self.shapes]
        return tuple(
            codebook[first * r : last * r]
            for codebook, r in zip(self.codebooks, ratios, strict=True)
        )

    def recordings(self) -> Iterator[CodeArrays]:
        """All of them, in order."""
        return map(self.recording, range(len(self)))

    @property
    def digest(self) -> str:
        """Of all codes and where recordings begin, in 16 letters."""
        found = hashlib.sha256(self.frames.tobytes())
        for codebook in self.codebooks:
            found.update(np.ascontiguousarray(codebook).tobytes())
        return found.hexdigest()[:16]

    def seconds(self, sample_rate: int) -> float:
        """How long all of it is."""
        return float(self.frames.sum()) * self.shapes[0].hop / sample_rate

    def chosen(self, keep: NDArray[np.bool_]) -> "Tokens":
        """Only the recordings where `keep` is true."""
        codebooks = tuple(
            codebook[np.repeat(keep, self.frames * (self.shapes[0].hop // shape.hop))]
            for codebook, shape in zip(self.codebooks, self.shapes, strict=True)
        )
        voices = tuple(voice for voice, kept in zip(self.voices, keep, strict=True) if kept)
        return Tokens(
            self.model, self.shapes, codebooks, self.frames[keep], self.speakers[keep], voices
        )

    def save(self, path: Path) -> None:
        """Write a NumPy archive. Raises OutputError."""
        arrays: dict[str, Any] = {
            f"codebook{index}": codebook for index, codebook in enumerate(self.codebooks)
        }
        arrays |= {
            "model": np.array(self.model.name),
            "digest": np.frombuffer(self.model.digest, np.uint8),
        }
        arrays |= {"table": np.array([(codebook.hop, codebook.size) for codebook in self.shapes])}
        arrays |= {
            "frames": self.frames,
            "speakers": self.speakers,
            "voices": np.array(self.voices, dtype=np.str_),
        }
        with new_file(path) as partial, partial.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **arrays)


def load(path: Path) -> Tokens:
    """Read what `Tokens.save` wrote. Raises CodesError."""
    try:
        with np.load(path, allow_pickle=False) as file:
            shapes = tuple(CodebookShape(int(hop), int(size)) for hop, size in file["table"])
            model = ModelId(str(file["model"]), file["digest"].tobytes())
            codebooks = tuple(file[f"codebook{index}"] for index in range(len(shapes)))
            return _fitting(
                Tokens(
                    model,
                    shapes,
                    codebooks,
                    file["frames"],
                    file["speakers"],
                    tuple(map(str, file["voices"])),
                )
            )
    except (
        OSError,
        EOFError,
        ValueError,
        KeyError,
        ArithmeticError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise CodesError(
            f"{path} is not a file of tokens: {error}; delete it to have it made again"
        ) from error


def _fitting(tokens: Tokens) -> Tokens:
    """The same. Raises ValueError when its parts do not fit each other."""
    lengths = [
        int(tokens.frames.sum()) * tokens.shapes[0].hop // codebook.hop
        for codebook in tokens.shapes
    ]
    counts = {len(tokens.frames), len(tokens.speakers), len(tokens.voices)}
    if [len(codebook) for codebook in tokens.codebooks] != lengths or len(counts) > 1:
        raise ValueError("its parts do not fit each other")
    return tokens


def gathered(recordings: Iterable[Codes], voices: Sequence[str], names: Sequence[str]) -> Tokens:
    """Tokens of recordings, the voice and, for messages, the name of each.

    Raises CodesError for none at all, or when one was made by another model or has other codebooks
    than the first.
    """
    every: list[Codes] = []
    for codes, name in zip(recordings, names, strict=True):
        first = every[0] if every else codes
        if codes.model != first.model:
            raise CodesError(
                f"{name} was made by {codes.model}, {names[0]} by {first.model}: give codes of "
                "one model"
            )
        if codes.shapes != first.shapes:
            raise CodesError(
                f"{name} has {len(codes.shapes)} codebooks, {names[0]} has {len(first.shapes)}: give "
                "codes of equal codebooks"
            )
        if len(codes.speaker) != len(first.speaker):
            raise CodesError(
                f"the speaker vectors of {name} and {names[0]} differ in length: give codes of "
                "one model"
            )
        every.append(codes)
    if not every:
        raise CodesError(
            "there are no codes to learn from: give code files, folders of them, or a manifest"
        )
    codebooks = tuple(
        np.concatenate(column) for column in zip(*(codes.codebooks for codes in every), strict=True)
    )
    frames = np.array([codes.frames[0] for codes in every], np.int64)
    speakers = np.stack([np.frombuffer(codes.speaker, np.uint8) for codes in every])
    return Tokens(every[0].model, every[0].shapes, codebooks, frames, speakers, tuple(voices))


def from_files(paths: Sequence[Path], coders: Sequence[Coder] = ()) -> Tokens:
    """Tokens of code files, and of those in folders: the first folder below a given one is the voice, or else that one itself.

    coders: that may have coded them, beside the tables that come along
    Raises NotACodesFile and its like.
    """
    voices: dict[Path, str] = {}
    for path in paths:
        for file in sorted(path.rglob("*.codes")) if path.is_dir() else [path]:
            inside = file.relative_to(path).parts[:-1] if path.is_dir() else ()
            own = inside[0] if inside else path.name if path.is_dir() and len(paths) > 1 else ""
            voices.setdefault(file.resolve(), own)
    return gathered(
        (read_codes(file, coders) for file in voices),
        list(voices.values()),
        [str(file) for file in voices],
    )
