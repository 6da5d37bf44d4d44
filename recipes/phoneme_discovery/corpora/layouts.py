"""How corpora lie on disk: for each, where its audio is, who speaks, what is said, and where its phones are.

VCTK 0.80 and 0.92, LibriSpeech (openslr.org/12), TIMIT (LDC93S1 and copies converted to RIFF),
ZeroSpeech 2019 ("TTS without T") and the Mboshi-French parallel corpus
(github.com/besacier/mboshi-french-parallel-corpus). Every function takes the folder that the corpus
begins in and yields what it finds, in the order of names; nothing but text is read.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speechvq.errors import AlignmentError
from speechvq.units.alignments.textgrid import text_of


@dataclass(frozen=True)
class Found:
    """An audio file of a corpus: who speaks (None: unknown), and what else is known, as a manifest says it."""

    audio: Path
    speaker: str | None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """A corpus: how to read it, the files that tell it (as patterns below the folder it begins in), and these in words."""

    read: Callable[[Path], Iterator[Found]]
    signs: tuple[str, ...]
    words: str


def vctk(folder: Path) -> Iterator[Found]:
    """VCTK 0.80 (wav48/p225/p225_001.wav) and 0.92 (wav48_silence_trimmed/p225/p225_001_mic1.flac), also as .wav.

    Of two microphones the first is taken: the second lacks two speakers. Texts are in
    txt/p225/p225_001.txt, for all but p315.
    """
    audio = next(
        path for path in (folder / "wav48_silence_trimmed", folder / "wav48") if path.is_dir()
    )
    for path in sorted(audio.glob("*/*")):
        match = re.fullmatch(r"(\w+?)(?:_mic(\d))?\.(?:wav|flac)", path.name, re.IGNORECASE)
        if match and match[2] in {None, "1"}:
            speaker = path.parent.name
            text = text_in(folder / "txt" / speaker / f"{match[1]}.txt")
            yield Found(path, speaker, {"corpus": "vctk", "name": match[1], **text})


def librispeech(folder: Path) -> Iterator[Found]:
    """One subset of LibriSpeech: 1272/128104/1272-128104-0000.flac, and the texts of a chapter in 1272-128104.trans.txt.

    `split` is the first word of the subset's name: train, dev or test.
    """
    for chapter in sorted(folder.glob("[0-9]*/[0-9]*")):
        lines = (
            text_in(chapter / f"{chapter.parent.name}-{chapter.name}.trans.txt", joined=False)
            .get("text", "")
            .splitlines()
        )
        said = {name: text.strip() for name, _, text in (line.partition(" ") for line in lines)}
        for path in sorted(chapter.glob("*.flac")):
            facts = {
                "corpus": f"librispeech-{folder.name}",
                "split": folder.name.partition("-")[0],
                "text": said.get(path.stem),
            }
            yield Found(
                path, chapter.parent.name, {key: value for key, value in facts.items() if value}
            )


def timit(folder: Path) -> Iterator[Found]:
    """TIMIT: TRAIN/DR1/FCJF0/SI1027.WAV with .PHN and .TXT beside it, in capitals or not; its own split is kept.

    WAV are NIST SPHERE; where a converted SI1027.WAV.wav lies beside it that is taken, as some
    copies broke the originals. The sentences SA1 and SA2 are left out, as in all work on phones:
    all speakers read them.
    """
    for split in sorted(
        path for path in folder.iterdir() if path.name.lower() in {"train", "test"}
    ):
        for speaker in sorted(path for path in split.glob("[Dd][Rr][1-8]/*") if path.is_dir()):
            files = {path.name.lower(): path for path in speaker.iterdir()}
            for name in sorted(
                {
                    match[1]
                    for file in files
                    if (match := re.fullmatch(r"(s[ix]\d+)\.wav(\.wav)?", file))
                }
            ):
                facts = {"corpus": "timit", "split": split.name.lower(), "name": name.upper()}
                if f"{name}.txt" in files:
                    text = text_in(files[f"{name}.txt"]).get("text", "")
                    facts["text"] = re.sub(r"^\d+\s+\d+\s+", "", text)
                if f"{name}.phn" in files:
                    facts["align"] = str(files[f"{name}.phn"].resolve())
                audio = files.get(f"{name}.wav.wav") or files[f"{name}.wav"]
                yield Found(audio, speaker.name.upper(), facts)


def zerospeech2019(folder: Path) -> Iterator[Found]:
    """One language of ZeroSpeech 2019, english or surprise: train/unit, train/voice and test, files SPEAKER_NUMBER.wav.

    Nothing says what is said; `split` is unit, voice or test.
    """
    for part in ("train/unit", "train/voice", "test"):
        for path in sorted((folder / part).glob("*.wav")):
            speaker = path.stem.partition("_")[0]
            yield Found(
                path, speaker, {"corpus": f"zerospeech2019-{folder.name}", "split": Path(part).name}
            )


def mboshi(folder: Path) -> Iterator[Found]:
    """The Mboshi corpus: full_corpus_newsplit/{train,dev}/SPEAKER_....wav, the text in .mb.

    Phones are those of forced_alignments_supervised_spkr, files NAME.txt at any depth with lines of
    "label start end" in
    seconds: a silver standard, as its makers say.
    """
    aligned = {
        path.stem: path
        for path in sorted((folder / "forced_alignments_supervised_spkr").rglob("[!.]*.txt"))
    }
    for split in ("train", "dev"):
        for path in sorted((folder / "full_corpus_newsplit" / split).glob("[!.]*.wav")):
            facts: dict[str, Any] = {"corpus": "mboshi", "split": split, "language": "mdw"}
            facts |= text_in(path.with_suffix(".mb")) or text_in(path.with_suffix(".mb.cleaned"))
            if path.stem in aligned:
                facts["phones"] = label_first(aligned[path.stem])
            yield Found(path, path.stem.partition("_")[0], facts)


LAYOUTS = {
    "vctk": Layout(
        vctk,
        ("wav48_silence_trimmed/*/*.*", "wav48/*/*.*"),
        "wav48 or wav48_silence_trimmed, with a folder for each speaker",
    ),
    "librispeech": Layout(
        librispeech, ("[0-9]*/[0-9]*/*.flac",), "SPEAKER/CHAPTER/*.flac, in numbers, in each subset"
    ),
    "timit": Layout(
        timit,
        tuple(
            f"{part}/[Dd][Rr][1-8]/*/[Ss][IiXx]*.*"
            for part in ("[Tt][Rr][Aa][Ii][Nn]", "[Tt][Ee][Ss][Tt]")
        ),
        "TRAIN or TEST, with DR1 to DR8 and a folder for each speaker in them",
    ),
    "zerospeech2019": Layout(
        zerospeech2019, ("train/unit/*.wav",), "train/unit/*.wav, in english or surprise"
    ),
    "mboshi": Layout(
        mboshi,
        ("full_corpus_newsplit/train/*.wav", "full_corpus_newsplit/dev/*.wav"),
        "full_corpus_newsplit",
    ),
}
"""Which corpora are known."""


def label_first(path: Path) -> list[list[Any]]:
    """[start, end, label] of lines "label start end", in seconds. Raises AlignmentError."""
    intervals: list[list[Any]] = []
    for number, line in enumerate(text_of(path).splitlines(), 1):
        try:
            if line.strip():
                label, start, end = line.split()
                intervals.append([float(start), float(end), label])
        except ValueError as error:
            raise AlignmentError(
                f"{path}, line {number}: needs label, start, end, not {line!r}; fix it there"
            ) from error
    return intervals


def text_in(path: Path, *, joined: bool = True) -> dict[str, str]:
    """{"text": what the file says, in one line if `joined`}; nothing where there is no such file or it is blank.

    Raises AlignmentError for what is not UTF-8.
    """
    text = text_of(path) if path.is_file() else ""
    text = " ".join(text.split()) if joined else text
    return {"text": text} if text.strip() else {}
