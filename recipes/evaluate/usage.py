"""How much of every codebook is used: codewords, perplexity and entropy of the hard codes.

    python -m recipes.evaluate.usage eval.jsonl [--corpus librispeech] > usage.md

Data: all audio of a manifest, through `codec.encode`. Perplexity is 2 to the entropy of how often
each codeword occurs, between 1 and the number of codewords. Where a codebook has seen few codes for its
codewords, say under 50 for each, entropy comes out too low.
"""

import sys
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

import speechvq
from recipes.evaluate.utterances import chosen, samples, watched
from speechvq.errors import SpeechVQError


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
    """Count the codes of every codebook over a manifest, as a markdown table."""
    codec = speechvq.load(model)
    counts = [np.zeros(codebook.size, np.int64) for codebook in codec.shapes]
    utterances = chosen(manifest, corpus=corpus, count=count)
    for one in watched(utterances, "encoding"):
        codes = codec.encode(samples(one, codec.sample_rate))
        more = [
            np.bincount(row, minlength=codebook.size)
            for codebook, row in zip(codes.shapes, codes.codebooks, strict=True)
        ]
        counts = [total + new for total, new in zip(counts, more, strict=True)]
    print(
        "| codebook | Hz | codes seen | codewords | used % | perplexity | perplexity / codewords | "
        "entropy bits | nominal bits |"
    )
    print("|---" * 9 + "|")
    rate = 0.0
    for number, (codebook, total) in enumerate(zip(codec.shapes, counts, strict=True)):
        bits = entropy(total)
        rate += bits * codec.sample_rate / codebook.hop
        used, size = 100 * np.count_nonzero(total) / codebook.size, 2**bits
        cells = [
            f"{codec.sample_rate / codebook.hop:g}",
            str(total.sum()),
            str(codebook.size),
            f"{used:.1f}",
        ]
        cells += [f"{size:.1f}", f"{size / codebook.size:.3f}", f"{bits:.2f}", str(codebook.bits)]
        print(f"| {number} | {' | '.join(cells)} |")
    hours = sum(one.seconds for one in utterances) / 3600
    print(
        f"{len(utterances)} files, {hours:.2f} h; all codebooks: {codec.bitrates[-1] / 1000:.3f} kbit/s",
        end="",
        file=sys.stderr,
    )
    print(f" nominal, {rate / 1000:.3f} kbit/s of entropy", file=sys.stderr)


def entropy(counts: NDArray[np.int64]) -> float:
    """Entropy in bits of how often each codeword occurs."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"usage: {error}")
