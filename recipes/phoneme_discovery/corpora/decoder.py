"""PocketSphinx's decoder and its dictionary, extended by further pronunciations."""

import re
from pathlib import Path
from typing import Any, Protocol

from speechvq.errors import AlignmentError
from speechvq.extras import needed
from speechvq.input import read_text
from speechvq.limits import ALIGNMENT_BYTES

RATE = 16_000


class Decoder(Protocol):
    """What is used of PocketSphinx's decoder."""

    def lookup_word(self, word: str) -> str | None:
        """The phones of a word; None for an unknown one."""
        ...

    def add_word(self, word: str, phones: str, *, update: bool) -> object:
        """Add a word. Raises RuntimeError for unknown phones."""
        ...

    def set_align_text(self, text: str) -> None:
        """The words to place in the next pass."""
        ...

    def set_alignment(self) -> None:
        """Place phones within the words of the last pass in the next one."""
        ...

    def reinit_feat(self) -> object:
        """Forget earlier audio."""
        ...

    def start_utt(self) -> None:
        """Start a pass."""
        ...

    def process_raw(self, data: bytes, *, full_utt: bool) -> object:
        """Process samples of 16 bits."""
        ...

    def end_utt(self) -> None:
        """End a pass. Raises RuntimeError where the text does not fit."""
        ...

    def get_alignment(self) -> Any:  # noqa: ANN401 - iterables with names
        """Words, each with its `name`; iterating one gives phones with `name` and `start`."""
        ...


def aligner(dictionary: Path | None) -> Decoder:
    """PocketSphinx, with the words of a further dictionary.

    Raises MissingExtra or AlignmentError.
    """
    decoder = pocketsphinx()
    for number, (word, phones) in enumerate(pronunciations(dictionary) if dictionary else (), 1):
        try:
            if decoder.lookup_word(word) is None:
                decoder.add_word(word, phones, update=False)
        except RuntimeError as error:
            raise AlignmentError(
                f"{dictionary}, word {number}: {word!r} cannot be pronounced {phones!r}"
            ) from error
    return decoder


def pocketsphinx() -> Decoder:
    """PocketSphinx with its English model. Raises MissingExtra."""
    with needed("aligning", "eval"):
        from pocketsphinx import Decoder  # pyright: ignore[reportMissingImports]
    # With bestpath, alignments have no times of phones.
    return Decoder(samprate=RATE, lm=None, bestpath=False, loglevel="FATAL")


def pronunciations(path: Path) -> list[tuple[str, str]]:
    """The words and phones of a dictionary like CMU's, without stress. Raises AlignmentError."""
    text = read_text(path, AlignmentError, limit=ALIGNMENT_BYTES, what="dictionary")
    lines = text.split("\n")
    pairs = [line.split(None, 1) for line in lines if line.strip() and not line.startswith(";;;")]
    if any(len(pair) < 2 for pair in pairs):
        raise AlignmentError(
            f"the dictionary {path} has a word without phones: each line needs a word and its "
            "phones"
        )
    return [(word.lower(), re.sub(r"\d", "", phones).strip().upper()) for word, phones in pairs]


def pronounceable(decoder: Decoder, word: str) -> bool:
    """Whether the dictionary has a word; one with 's is added if it has the rest."""
    if decoder.lookup_word(word) is not None:
        return True
    stem = decoder.lookup_word(word.removesuffix("'s")) if word.endswith("'s") else None
    if stem is None:
        return False
    decoder.add_word(word, f"{stem} {genitive(stem.split()[-1])}", update=False)
    return True


def genitive(last: str) -> str:
    """The pronunciation of 's after a phone of English."""
    if last in {"S", "Z", "SH", "ZH", "CH", "JH"}:
        return "IH Z"
    return "S" if last in {"P", "T", "K", "F", "TH"} else "Z"
