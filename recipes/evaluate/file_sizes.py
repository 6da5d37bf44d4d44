"""File sizes: fixed width, static tables and the prior, beside the ideal code length.

    python -m recipes.evaluate.file_sizes eval.jsonl [--corpus librispeech] [--count 20] > sizes.md

Of each utterance of a manifest at most `--seconds` are used. Every file is written as `speechvq
encode` would write it, and its bytes are counted; files coded by the prior are read again and must
give the same codes. The ideal code length is the negative log2-likelihood of the codes under the
prior in floating point, plus the bytes of a file that hold no codes. Coding and reading are timed
for all codebooks, in CPU seconds of this process per second of audio; encoding and decoding by the
network are not included.
"""

import time
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

import speechvq
from recipes.evaluate.utterances import samples, select
from recipes.script import (
    Corpus,
    Count,
    ManifestFile,
    ModelFile,
    PriorFile,
    print_header,
    print_row,
    progress,
    run,
)
from speechvq.codes import Codes, dump, header, parse
from speechvq.codes.file import overhead
from speechvq.errors import CodesError
from speechvq.prior.file import load_prior
from speechvq.prior.integer.coder import PriorCoder
from speechvq.prior.score import score

COLUMNS = ("fixed width", "tables", "WaveNet", "ideal code length")


def main(
    manifest: ManifestFile,
    corpus: Corpus = None,
    count: Count = None,
    seconds: Annotated[float, typer.Option(help="Use at most this much of each file.")] = 10.0,
    model: ModelFile = None,
    prior: PriorFile = None,
) -> None:
    """Write files of every prefix of the codebooks; print a Markdown table of kbit/s."""
    codec, prior_model = speechvq.load(model), load_prior(prior)
    coder = PriorCoder(prior_model)
    files = select(manifest, corpus=corpus, count=count)
    totals, total_seconds = np.zeros((len(codec.shapes), len(COLUMNS))), 0.0
    cpu_seconds = np.zeros(2)
    for utterance in progress(files, "coding"):
        wave = samples(utterance, codec.sample_rate, max_seconds=seconds)
        for index in range(len(codec.shapes)):
            codes = codec.encode(wave, codebooks=index + 1)
            totals[index] += sizes(codes, coder, score(codec, prior_model, codes).bits_per_code)
        codes = codec.encode(wave)
        total_seconds += codes.seconds
        cpu_seconds += times(codes, coder)
    print_header(
        "codebooks", *COLUMNS, "WaveNet below tables %", "files above the ideal code length %"
    )
    for index, row in enumerate(8 * totals / total_seconds / 1000):
        saved, above = 100 * (1 - row[2] / row[1]), 100 * (row[2] / row[3] - 1)
        print_row(index + 1, *(f"{kbps:.3f}" for kbps in row), f"{saved:.1f}", f"{above:.2f}")
    coding, reading = cpu_seconds / total_seconds
    print(
        f"\n{len(files)} files, {total_seconds:.0f} s. CPU seconds per second of audio: coding "
        f"{coding:.3f}, reading {reading:.3f}"
    )


def sizes(codes: Codes, coder: PriorCoder, bits_per_code: NDArray[np.float64]) -> list[float]:
    """Bytes of a file in every column; bits_per_code: under the prior, of each codebook."""
    pairs = list(zip(codes.codebooks, codes.shapes, strict=True))
    packed = -(-sum(len(row) * shape.bits for row, shape in pairs) // 8)
    ideal = sum(len(row) * bits for row, bits in zip(codes.codebooks, bits_per_code, strict=True))
    return [
        overhead(header.header_of(codes)) + packed,
        len(dump(codes)),
        len(dump(codes, [coder])),
        overhead(header.header_of(codes, coder.coding, coder.digest)) + ideal / 8,
    ]


def times(codes: Codes, coder: PriorCoder) -> list[float]:
    """CPU seconds of writing and of reading. Raises CodesError when other codes are read."""
    start = time.process_time()
    data = dump(codes, [coder])
    written = time.process_time()
    if parse(data, coders=[coder]) != codes:
        raise CodesError("a file does not give back the codes from which it was written")
    return [written - start, time.process_time() - written]


if __name__ == "__main__":
    run(main)
