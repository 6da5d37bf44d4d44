r"""Intelligibility: the word error rate of a speech recognizer on decoded speech and originals.

    python -m recipes.evaluate.intelligibility eval.jsonl \
        [--corpus librispeech] [--count 20] > intelligibility.md

Each recording of a manifest is encoded with one codebook, two ... and all, and decoded. Errors are
counted against the `text` of those that have one; where none has, against what is recognized
in the originals. The recognizer is PocketSphinx with the American English model of its package.
jiwer counts over all words of the set, without case and punctuation. The recognizer is weak by
today's standards: the differences between rows are the result, not the rows.
"""

import re

import numpy as np

import speechvq
from recipes.evaluate.utterances import samples, select, spread
from recipes.script import (
    Corpus,
    Count,
    ManifestFile,
    ModelFile,
    print_header,
    print_row,
    progress,
    run,
)
from speechvq.audio.reading import Wave
from speechvq.errors import ManifestError
from speechvq.extras import needed

RATE = 16_000


class Recognizer:
    """PocketSphinx: a waveform to words. Raises MissingExtra."""

    def __init__(self) -> None:
        with needed("the evaluation", "eval"):
            from pocketsphinx import Decoder  # pyright: ignore[reportMissingImports]
        self._decoder = Decoder(samprate=RATE, loglevel="FATAL")

    def __call__(self, wave: Wave) -> str:
        """The words of a waveform (t,) at 16 kHz."""
        self._decoder.start_utt()
        self._decoder.process_raw(pcm(wave), full_utt=True)
        self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return words(hypothesis.hypstr) if hypothesis else ""


def main(
    manifest: ManifestFile, corpus: Corpus = None, count: Count = None, model: ModelFile = None
) -> None:
    """Recognize originals and every prefix of the codebooks; print a Markdown table."""
    codec, recognize = speechvq.load(model), Recognizer()
    utterances = select(manifest, corpus=corpus)
    with_text = [utterance for utterance in utterances if words(text_of(utterance.metadata))]
    rows = spread(with_text or utterances, count or len(utterances))
    references: list[str] = []
    hypotheses: list[list[str]] = [[] for _ in range(len(codec.shapes) + 1)]
    for utterance in progress(rows, "recognizing"):
        wave = samples(utterance, RATE)
        hypotheses[0].append(recognize(wave))
        references.append(words(text_of(utterance.metadata)) if with_text else hypotheses[0][-1])
        for n_codebooks in range(1, len(hypotheses)):
            decoded = codec.decode(codec.encode(wave, RATE, codebooks=n_codebooks))
            hypotheses[n_codebooks].append(recognize(decoded))
    if not any(references):
        raise ManifestError(f"no words are recognized in the recordings of {manifest}")
    source = "their texts" if with_text else "what is recognized in the originals"
    n_words = sum(len(reference.split()) for reference in references)
    print(f"{len(rows)} files, {n_words} words of {source}\n")
    print_header("codebooks", "codes kbit/s", "word error rate %", "above the originals")
    rates = [100 * word_error_rate(references, guesses) for guesses in hypotheses]
    for n_codebooks, rate in enumerate(rates):
        kbps = f"{codec.bitrates[n_codebooks - 1] / 1000:.3f}" if n_codebooks else "-"
        print_row(n_codebooks or "original", kbps, f"{rate:.1f}", f"{rate - rates[0]:+.1f}")


def text_of(facts: dict) -> str:
    """The text that a manifest gives of an utterance, or an empty string."""
    return str(facts.get("text", ""))


def words(text: str) -> str:
    """Lower-case words with single spaces: letters and apostrophes only."""
    return " ".join(re.findall(r"[a-z']+", text.lower()))


def word_error_rate(references: list[str], hypotheses: list[str]) -> float:
    """Word errors over all references, as a fraction of their words. Raises MissingExtra."""
    with needed("the evaluation", "eval"):
        import jiwer  # pyright: ignore[reportMissingImports]
    return float(jiwer.wer(references, hypotheses))


def pcm(wave: Wave) -> bytes:
    """A waveform (t,) as 16-bit samples."""
    return (np.clip(wave, -1, 1) * 32767).astype("<i2").tobytes()


if __name__ == "__main__":
    run(main)
