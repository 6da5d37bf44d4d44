"""How well words survive: the word error rate of a speech recogniser on decoded speech, beside that on the originals.

    python -m recipes.evaluate.intelligibility eval.jsonl [--corpus librispeech] [--count 20] > intelligibility.md

Data: the utterances of a manifest, whole, at 16 kHz. Each is encoded once and every prefix of the
codebooks decoded. Errors are counted against the `text` of those that have one; where none has,
against what the recogniser hears in the originals.
Recogniser: PocketSphinx with the American English model that its package brings, the same for all.
jiwer counts over all words of the set, capitals and punctuation left out. The recogniser is weak by
today's measure: the differences between rows are the result, not the rows.
"""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

import speechvq
from recipes.evaluate.utterances import chosen, samples, spread, watched
from speechvq.audio.files import Wave
from speechvq.errors import ManifestError, SpeechVQError

try:
    import jiwer
    from pocketsphinx import Decoder
except ModuleNotFoundError as error:
    sys.exit(f"recognising needs {error.name}: pip install 'speechvq[eval]'")

RATE = 16_000


def main(
    manifest: Annotated[Path, typer.Argument(help="Which recordings: one JSON object a line.")],
    corpus: Annotated[str | None, typer.Option(help="Only this corpus.")] = None,
    count: Annotated[
        int | None, typer.Option(help="Only so many files, spread over the speakers.", min=1)
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="A model file instead of the default one.")
    ] = None,
) -> None:
    """Recognise originals and every prefix of the codebooks, as a markdown table."""
    codec = speechvq.load(model)
    every = chosen(manifest, corpus=corpus)
    texts = [one for one in every if words(str(one.facts.get("text", "")))]
    rows = spread(texts or every, count or len(every))
    recogniser = Decoder(samprate=RATE, loglevel="FATAL")
    said: list[str] = []
    heard: list[list[str]] = [[] for _ in range(len(codec.shapes) + 1)]
    for one in watched(rows, "recognising"):
        wave = samples(one, RATE)
        heard[0].append(recognised(recogniser, wave))
        said.append(words(str(one.facts["text"])) if texts else heard[0][-1])
        for depth in range(1, len(heard)):
            heard[depth].append(
                recognised(recogniser, codec.decode(codec.encode(wave, RATE, codebooks=depth)))
            )
    if not any(said):
        raise ManifestError(f"the recogniser hears no words in the recordings of {manifest}")
    source = "their texts" if texts else "what is recognised in the originals"
    print(f"{len(rows)} files, {sum(len(text.split()) for text in said)} words of {source}\n")
    print(
        "| codebooks | codes kbit/s | word error rate % | beyond the originals |\n|---|---|---|---|"
    )
    rates = [100 * jiwer.wer(said, guesses) for guesses in heard]
    for depth, rate in enumerate(rates):
        name, kbps = (
            (str(depth), f"{codec.bitrates[depth - 1] / 1000:.3f}") if depth else ("original", "-")
        )
        print(f"| {name} | {kbps} | {rate:.1f} | {rate - rates[0]:+.1f} |")


def words(text: str) -> str:
    """Lower-case words with single spaces: letters and apostrophes alone."""
    return " ".join(re.findall(r"[a-z']+", text.lower()))


def recognised(recogniser: Decoder, wave: Wave) -> str:
    """What the recogniser hears."""
    recogniser.start_utt()
    recogniser.process_raw((wave.clip(-1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    recogniser.end_utt()
    hypothesis = recogniser.hyp()
    return words(hypothesis.hypstr) if hypothesis else ""


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"intelligibility: {error}")
