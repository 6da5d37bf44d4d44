"""How large code files are: in fixed width, by the static tables, by the prior, beside what the prior promises.

    python -m recipes.evaluate.file_sizes eval.jsonl [--corpus librispeech] [--count 20] > sizes.md

Data: the utterances of a manifest, at most `--longest` seconds of each. Every file is written as
`speechvq encode` would write it, and its bytes are counted; files of the prior are read again and
must give their codes back. The promise is minus the logarithm to the base 2 of the probability of
the codes under the prior, in floating point, and what of a file is not codes. Coding and reading
are timed for all codebooks, in CPU seconds of this process for a second of audio; the network that
makes the codes is not in it.
"""

import sys
import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import speechvq
from recipes.evaluate.utterances import chosen, samples, watched
from speechvq.codes import Codes, dump, header, parse
from speechvq.codes.file import overhead
from speechvq.errors import CodesError, SpeechVQError
from speechvq.prior.file import Prior, load_prior
from speechvq.prior.integer.coder import PriorCoder
from speechvq.prior.score import score

COLUMNS = ("fixed width", "tables", "WaveNet", "its promise")


def main(
    manifest: Annotated[Path, typer.Argument(help="Which recordings: one JSON object a line.")],
    corpus: Annotated[str | None, typer.Option(help="Only this corpus.")] = None,
    count: Annotated[
        int | None, typer.Option(help="Only so many files, spread over the speakers.", min=1)
    ] = None,
    longest: Annotated[float, typer.Option(help="At most so many seconds of each file.")] = 10.0,
    model: Annotated[
        Path | None, typer.Option(help="A model file instead of the default one.")
    ] = None,
    prior: Annotated[
        Path | None, typer.Option(help="A prior instead of the one that comes along.")
    ] = None,
) -> None:
    """Write files of every prefix of the codebooks in every coding, as a markdown table of kbit/s."""
    codec, named = speechvq.load(model), load_prior(prior)
    coder = PriorCoder(named)
    rows = chosen(manifest, corpus=corpus, count=count)
    totals, seconds, spent = np.zeros((len(codec.shapes), len(COLUMNS))), 0.0, np.zeros(2)
    for one in watched(rows, "coding"):
        wave = samples(one, codec.sample_rate, longest=longest)
        for depth in range(len(codec.shapes)):
            codes = codec.encode(wave, codebooks=depth + 1)
            totals[depth] += sizes(codes, coder, named, score(codec, named, codes).bits_per_code)
        seconds += codes.seconds
        spent += times(codes, coder)
    kbps = 8 * totals / seconds / 1000
    print(
        f"| codebooks | {' | '.join(COLUMNS)} | WaveNet below tables % | files beyond the promise % "
        f"|\n|---{'|---' * 6}|"
    )
    for depth, row in enumerate(kbps):
        below, beyond = 100 * (1 - row[2] / row[1]), 100 * (row[2] / row[3] - 1)
        print(
            f"| {depth + 1} | {' | '.join(f'{one:.3f}' for one in row)} | {below:.1f} | "
            f"{beyond:.2f} |"
        )
    print(
        f"\n{len(rows)} files, {seconds:.0f} s. CPU seconds for a second of audio: coding "
        f"{spent[0] / seconds:.3f}, ",
        end="",
    )
    print(f"reading {spent[1] / seconds:.3f}")


def sizes(codes: Codes, coder: PriorCoder, prior: Prior, promised: np.ndarray) -> list[float]:
    """Bytes of a file in every column; promised: bits a code of each codebook."""
    plain = header.of(codes)
    packed = sum(
        len(codebook) * shape.bits
        for codebook, shape in zip(codes.codebooks, codes.shapes, strict=True)
    )
    by_prior = overhead(header.of(codes, coder.coding, prior.digest))
    expected = (
        sum(len(codebook) * cost for codebook, cost in zip(codes.codebooks, promised, strict=True))
        / 8
    )
    return [
        overhead(plain) + -(-packed // 8),
        len(dump(codes)),
        len(dump(codes, [coder])),
        by_prior + expected,
    ]


def times(codes: Codes, coder: PriorCoder) -> list[float]:
    """CPU seconds of writing and of reading; raises CodesError when something else is read."""
    begun = time.process_time()
    data = dump(codes, [coder])
    written = time.process_time()
    if parse(data, coders=[coder]) != codes:
        raise CodesError("a file gave other codes back than those that it was made of")
    return [written - begun, time.process_time() - written]


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"file_sizes: {error}")
