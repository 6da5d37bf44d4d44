"""Codebook utilization: used codewords, perplexity and entropy of every codebook.

    python -m recipes.evaluate.usage eval.jsonl [--corpus librispeech] > usage.md

All recordings of a manifest are encoded. Perplexity is 2 to the entropy of the codewords'
frequencies, between 1 and the codebook size. The entropy is underestimated where there are few
codes for the size of the codebook, say fewer than 50 per codeword.
"""

import sys

import numpy as np
from numpy.typing import NDArray

import speechvq
from recipes.evaluate.utterances import samples, select
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


def main(
    manifest: ManifestFile, corpus: Corpus = None, count: Count = None, model: ModelFile = None
) -> None:
    """Count the codes of every codebook over a manifest; print a Markdown table."""
    codec = speechvq.load(model)
    counts = [np.zeros(shape.size, np.int64) for shape in codec.shapes]
    utterances = select(manifest, corpus=corpus, count=count)
    for utterance in progress(utterances, "encoding"):
        codes = codec.encode(samples(utterance, codec.sample_rate))
        for index, (shape, row) in enumerate(zip(codes.shapes, codes.codebooks, strict=True)):
            counts[index] += np.bincount(row, minlength=shape.size)
    print_header(
        "codebook",
        "Hz",
        "codes",
        "codewords",
        "used %",
        "perplexity",
        "perplexity / codewords",
        "entropy bits",
        "nominal bits",
    )
    entropy_rate = 0.0
    for index, (shape, total) in enumerate(zip(codec.shapes, counts, strict=True)):
        bits, codes_per_second = entropy(total), codec.sample_rate / shape.hop
        entropy_rate += bits * codes_per_second
        used, perplexity = 100 * np.count_nonzero(total) / shape.size, 2**bits
        print_row(
            index,
            f"{codes_per_second:g}",
            total.sum(),
            shape.size,
            f"{used:.1f}",
            f"{perplexity:.1f}",
            f"{perplexity / shape.size:.3f}",
            f"{bits:.2f}",
            shape.bits,
        )
    hours = sum(utterance.seconds for utterance in utterances) / 3600
    print(
        f"{len(utterances)} files, {hours:.2f} h; all codebooks: "
        f"{codec.bitrates[-1] / 1000:.3f} kbit/s nominal, "
        f"{entropy_rate / 1000:.3f} kbit/s of entropy",
        file=sys.stderr,
    )


def entropy(counts: NDArray[np.int64]) -> float:
    """Entropy in bits of the codewords' frequencies; counts: (size,)."""
    frequencies = counts[counts > 0] / counts.sum()
    return float(-(frequencies * np.log2(frequencies)).sum())


if __name__ == "__main__":
    run(main)
