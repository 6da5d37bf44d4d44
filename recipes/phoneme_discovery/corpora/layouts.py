"""The layouts of corpora: where each has its audio, speakers, texts and phones.

VCTK 0.80 and 0.92, LibriSpeech (openslr.org/12), TIMIT (LDC93S1 and copies converted to RIFF),
ZeroSpeech 2019 ("TTS without T") and the Mboshi-French parallel corpus
(github.com/besacier/mboshi-french-parallel-corpus). Every function takes the folder that the corpus
starts in and yields its files in the order of names; only text is read.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speechvq.units.alignments.text import number_of, rows_of, text_of


@dataclass(frozen=True)
class Entry:
    """An audio file of a corpus: its speaker (None: unknown), and metadata, as in a manifest."""

    audio: Path
    speaker: str | None
    metadata: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Layout:
    """The layout of a corpus.

    read: yields its entries
    signs: patterns of files by which it is recognized, below the folder it starts in
    words: these in words
    """

    read: Callable[[Path], Iterator[Entry]]
    signs: tuple[str, ...]
    words: str


def vctk(folder: Path) -> Iterator[Entry]:
    """VCTK 0.80 (wav48/p225/p225_001.wav) and 0.92 (wav48_silence_trimmed/p225/p225_001_mic1.flac).

    0.92 may also be in .wav. Of two microphones the first is taken, because the second lacks two
    speakers. Texts are in txt/p225/p225_001.txt, for all except p315.
    """
    audio = next(
        path for path in (folder / "wav48_silence_trimmed", folder / "wav48") if path.is_dir()
    )
    for path in sorted(audio.glob("*/*")):
        match = re.fullmatch(r"(\w+?)(?:_mic(\d))?\.(?:wav|flac)", path.name, re.IGNORECASE)
        if match and match[2] in {None, "1"}:
            speaker = path.parent.name
            text = text_in(folder / "txt" / speaker / f"{match[1]}.txt")
            yield Entry(path, speaker, {"corpus": "vctk", "name": match[1], **text})


def librispeech(folder: Path) -> Iterator[Entry]:
    """A subset of LibriSpeech: 1272/128104/1272-128104-0000.flac, texts in 1272-128104.trans.txt.

    `split` is the first word of the subset's name: train, dev or test.
    """
    for chapter in sorted(folder.glob("[0-9]*/[0-9]*")):
        lines = (
            text_in(chapter / f"{chapter.parent.name}-{chapter.name}.trans.txt", joined=False)
            .get("text", "")
            .splitlines()
        )
        texts = {name: text.strip() for name, _, text in (line.partition(" ") for line in lines)}
        for path in sorted(chapter.glob("*.flac")):
            facts = {
                "corpus": f"librispeech-{folder.name}",
                "split": folder.name.partition("-")[0],
                "text": texts.get(path.stem),
            }
            yield Entry(
                path, chapter.parent.name, {key: value for key, value in facts.items() if value}
            )


def timit(folder: Path) -> Iterator[Entry]:
    """TIMIT: TRAIN/DR1/FCJF0/SI1027.WAV with .PHN and .TXT, in upper or lower case; its own split.

    WAV are NIST SPHERE; a converted SI1027.WAV.wav next to it is preferred, because some copies
    damaged the originals. The sentences SA1 and SA2 are left out, as in all work on phones: all
    speakers read them.
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
                yield Entry(audio, speaker.name.upper(), facts)


def zerospeech2019(folder: Path) -> Iterator[Entry]:
    """A language of ZeroSpeech 2019, english or surprise: train/unit, train/voice and test.

    Files are SPEAKER_NUMBER.wav without transcripts; `split` is unit, voice or test.
    """
    for part in ("train/unit", "train/voice", "test"):
        for path in sorted((folder / part).glob("*.wav")):
            speaker = path.stem.partition("_")[0]
            yield Entry(
                path, speaker, {"corpus": f"zerospeech2019-{folder.name}", "split": Path(part).name}
            )


def mboshi(folder: Path) -> Iterator[Entry]:
    """The Mboshi corpus: full_corpus_newsplit/{train,dev}/SPEAKER_....wav, the text in .mb.

    Phones are those of forced_alignments_supervised_spkr, files NAME.txt at any depth with lines of
    "label start end" in seconds: a silver standard, as its makers say.
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
            yield Entry(path, path.stem.partition("_")[0], facts)


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
"""The known corpora."""


def label_first(path: Path) -> list[list[Any]]:
    """[start, end, label] of lines "label start end", in seconds. Raises AlignmentError."""
    intervals: list[list[Any]] = []
    for where, (label, start, end) in rows_of(path, "label, start, end"):
        intervals.append([number_of(start, where), number_of(end, where), label])
    return intervals


def text_in(path: Path, *, joined: bool = True) -> dict[str, str]:
    """{"text": the content of a file, in one line if `joined`}; empty without file or text.

    Raises AlignmentError for what is not UTF-8.
    """
    text = text_of(path) if path.is_file() else ""
    text = " ".join(text.split()) if joined else text
    return {"text": text} if text.strip() else {}
