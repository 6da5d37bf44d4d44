"""The codes of many recordings, concatenated: what a prior is trained on."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechvq.arrays import read_arrays
from speechvq.codes import CodebookShape, Codes, ModelId, read_codes
from speechvq.codes.coder import Coder
from speechvq.codes.record import CodeArrays
from speechvq.data.folders import tree
from speechvq.data.manifest import Utterance
from speechvq.data.split import Spoken, spoken
from speechvq.errors import CodesError
from speechvq.output import new_file


@dataclass(frozen=True)
class Tokens:
    """Codes of recordings, all made by one model.

    model: the model that made them
    shapes: the codebooks' shapes, coarse first
    codebooks: for each codebook, the codes (n,) of all recordings, one recording after the other
    frames: number of codes of the coarsest codebook in each recording
    speaker_embeddings: (recordings, bytes), packed
    voices: the speaker of each recording; an empty string where unknown
    corpora, texts: of each recording, likewise; neither is saved
    """

    model: ModelId
    shapes: tuple[CodebookShape, ...]
    codebooks: CodeArrays
    frames: NDArray[np.int64]
    speaker_embeddings: NDArray[np.uint8]
    voices: tuple[str, ...]
    corpora: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frames)

    @cached_property
    def ends(self) -> NDArray[np.int64]:
        """Where each recording ends in the coarsest codebook."""
        return np.cumsum(self.frames)

    def recording(self, index: int) -> CodeArrays:
        """The codes (n_l,) of one recording, of every codebook."""
        end = int(self.ends[index])
        start = end - int(self.frames[index])
        ratios = [self.shapes[0].hop // shape.hop for shape in self.shapes]
        return tuple(
            codes[start * ratio : end * ratio]
            for codes, ratio in zip(self.codebooks, ratios, strict=True)
        )

    def recordings(self) -> Iterator[CodeArrays]:
        """The codes of every recording, in order."""
        return map(self.recording, range(len(self)))

    @property
    def digest(self) -> str:
        """Hash of all codes and of the recordings' lengths, 16 hexadecimal digits."""
        digest = hashlib.sha256(self.frames.tobytes())
        for codes in self.codebooks:
            digest.update(np.ascontiguousarray(codes).tobytes())
        return digest.hexdigest()[:16]

    def seconds(self, sample_rate: int) -> float:
        """Total length in seconds."""
        return float(self.frames.sum()) * self.shapes[0].hop / sample_rate

    def spoken(self, sample_rate: int) -> list[Spoken]:
        """What the hold-out rule knows of each recording."""
        unknown = ("",) * len(self)
        seconds = (self.frames * self.shapes[0].hop / sample_rate).tolist()
        facts = zip(
            seconds, self.voices, self.corpora or unknown, self.texts or unknown, strict=True
        )
        return [
            Spoken(length, voice or None, corpus or None, text or None)
            for length, voice, corpus, text in facts
        ]

    def described_by(self, rows: Sequence[Utterance]) -> "Tokens":
        """The same with the corpora and texts of a manifest's rows, one for each recording."""
        facts = [spoken(row) for row in rows]
        return replace(
            self,
            corpora=tuple(row.corpus or "" for row in facts),
            texts=tuple(row.text or "" for row in facts),
        )

    def select(self, mask: NDArray[np.bool_]) -> "Tokens":
        """Only the recordings where `mask` (recordings,) is true."""
        codebooks = tuple(
            codes[np.repeat(mask, self.frames * (self.shapes[0].hop // shape.hop))]
            for codes, shape in zip(self.codebooks, self.shapes, strict=True)
        )
        voices, corpora, texts = (
            tuple(compress(names, mask)) for names in (self.voices, self.corpora, self.texts)
        )
        frames, embeddings = self.frames[mask], self.speaker_embeddings[mask]
        return Tokens(
            self.model, self.shapes, codebooks, frames, embeddings, voices, corpora, texts
        )

    def save(self, path: Path, *, force: bool = False) -> None:
        """Write a NumPy archive; replace one only with `force`. Raises OutputError."""
        arrays: dict[str, Any] = {
            "model": np.array(self.model.name),
            "digest": np.frombuffer(self.model.digest, np.uint8),
            "shapes": np.array([(shape.hop, shape.size) for shape in self.shapes]),
            "frames": self.frames,
            "speaker_embeddings": self.speaker_embeddings,
            "voices": np.array(self.voices, dtype=np.str_),
        }
        arrays |= {f"codebook{index}": codes for index, codes in enumerate(self.codebooks)}
        with new_file(path, force=force) as file:
            np.savez(file, allow_pickle=False, **arrays)


def load_tokens(path: Path) -> Tokens:
    """Read what `Tokens.save` wrote. Raises CodesError."""
    advice = "delete it, then it is made again"
    arrays = read_arrays(path, CodesError, what="file of tokens", advice=advice)
    try:
        shapes = tuple(CodebookShape(*map(int, pair)) for pair in arrays["shapes"])
        tokens = Tokens(
            ModelId(str(arrays["model"]), arrays["digest"].tobytes()),
            shapes,
            tuple(arrays[f"codebook{index}"] for index in range(len(shapes))),
            arrays["frames"],
            arrays["speaker_embeddings"],
            tuple(map(str, arrays["voices"])),
        )
        _check(tokens)
    except (CodesError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise CodesError(f"{path} is not a file of tokens: {error}; {advice}") from error
    return tokens


def _check(tokens: Tokens) -> None:
    """Raise ValueError unless all arrays are codes of the same recordings."""
    frames, embeddings = tokens.frames, tokens.speaker_embeddings
    if (
        not tokens.shapes
        or (frames.dtype, frames.ndim) != (np.int64, 1)
        or (embeddings.dtype, embeddings.ndim) != (np.uint8, 2)
        or any((codes.dtype, codes.ndim) != (np.uint16, 1) for codes in tokens.codebooks)
    ):
        raise ValueError("its arrays are of other types")
    coarse, hop = sum(frames.tolist()), tokens.shapes[0].hop
    lengths = [coarse * hop // shape.hop for shape in tokens.shapes]
    counts = {len(frames), len(embeddings), len(tokens.voices)}
    if [len(codes) for codes in tokens.codebooks] != lengths or len(counts) > 1:
        raise ValueError("its arrays differ in length")
    if frames.min(initial=1) < 1:
        raise ValueError("it has a recording without codes")
    for codes, shape in zip(tokens.codebooks, tokens.shapes, strict=True):
        if codes.max(initial=0) >= shape.size:
            raise ValueError(f"it has a code beyond a codebook of {shape.size} codewords")


def gather(recordings: Iterable[Codes], voices: Sequence[str], names: Sequence[str]) -> Tokens:
    """Tokens of recordings. voices, names: of each recording; names are for messages.

    Raises CodesError where there are no recordings, and where one is of another model or of other
    codebooks than the first.
    """
    rows: list[Codes] = []
    for codes, name in zip(recordings, names, strict=True):
        first = rows[0] if rows else codes
        if codes.model != first.model:
            raise CodesError(
                f"{name} was made by {codes.model}, {names[0]} by {first.model}: give codes of "
                "one model"
            )
        if codes.shapes != first.shapes:
            raise CodesError(
                f"{name} has {len(codes.shapes)} codebooks, {names[0]} has {len(first.shapes)}: "
                "give codes with the same codebooks"
            )
        if len(codes.speaker_embedding) != len(first.speaker_embedding):
            raise CodesError(
                f"the speaker embeddings of {name} and {names[0]} differ in length: give codes of "
                "one model"
            )
        rows.append(codes)
    if not rows:
        raise CodesError(
            "there are no codes to train on: give code files, folders of them, or a manifest"
        )
    codebooks = tuple(
        np.concatenate(column) for column in zip(*(codes.codebooks for codes in rows), strict=True)
    )
    frames = np.array([codes.frames[0] for codes in rows], np.int64)
    embeddings = np.stack([np.frombuffer(codes.speaker_embedding, np.uint8) for codes in rows])
    return Tokens(rows[0].model, rows[0].shapes, codebooks, frames, embeddings, tuple(voices))


def from_files(paths: Sequence[Path], coders: Sequence[Coder] = ()) -> Tokens:
    """Tokens of code files, and of all code files in folders.

    The voice of a file is the first folder below the given one; for a file that lies in the given
    folder itself, and where several paths are given, it is that folder. coders: which may have
    coded the files, beside the bundled tables. Raises CodesError and its subclasses.
    """
    voices: dict[Path, str] = {}
    met = set[Path]()
    for path in paths:
        advice = "give code files or folders of them"
        below = tree(path, {".codes"}, CodesError, advice).files if path.is_dir() else [path]
        for file in below:
            inside = file.relative_to(path).parts[:-1] if path.is_dir() else ()
            fallback = path.name if path.is_dir() and len(paths) > 1 else ""
            if (place := file.resolve()) not in met:  # which names no file where a pipe is given
                met.add(place)
                voices[file] = inside[0] if inside else fallback
    return gather(
        (read_codes(file, coders) for file in voices),
        list(voices.values()),
        [str(file) for file in voices],
    )
