"""What every prefix of the layers sounds like and what it costs: quality against the size of the code file.

    python recipes/evaluate/quality.py eval.jsonl [--corpus librispeech] [--count 50] [--align] > quality.md

Data: the utterances of a manifest, at most 10 s of each, at 16 kHz. Each is encoded once; every prefix of the layers is
written to the bytes of a code file, read back and decoded. "file kbit/s" are all bytes of that file (header, speaker vector
and checksum included) over the length of the recording, "codes kbit/s" the nominal rate of the layers. Measures are those of
`measures.py`, means over files; those that failed are left out and counted. --align first shifts the decoded sound to where
it correlates best, as comparisons with codecs that have a delay do.
"""

import sys
from pathlib import Path
from typing import Annotated

import measures
import numpy as np
import typer
from utterances import chosen, corpus_of, samples, watched

import speechvq
from speechvq.audio import Wave
from speechvq.codec import Codec
from speechvq.codes import dump, parse
from speechvq.errors import SpeechVQError

COLUMNS = ("kbps", *measures.NAMES)

Row = dict[str, float]


def main(
    manifest: Annotated[Path, typer.Argument(help="Which recordings: one JSON object a line.")],
    corpus: Annotated[str | None, typer.Option(help="Only this corpus.")] = None,
    count: Annotated[int | None, typer.Option(help="Only so many files, spread over the speakers.", min=1)] = None,
    seconds: Annotated[float, typer.Option(help="Use at most so much of each file.")] = 10.0,
    model: Annotated[Path | None, typer.Option(help="A model file instead of the default one.")] = None,
    align: Annotated[bool, typer.Option("--align", help="Take out a delay, as if there were one.")] = False,
) -> None:
    """Measure every prefix of the layers over a manifest, as a markdown table by corpus."""
    codec = speechvq.load(model)
    rows: dict[str, list[list[Row]]] = {}
    for one in watched(chosen(manifest, corpus=corpus, count=count), "measuring"):
        wave = samples(one, measures.RATE, longest=seconds)
        wave = wave / max(1.0, float(np.abs(wave).max()) / 0.98)
        rows.setdefault(corpus_of(one), []).append(prefixes(codec, wave, align=align))
    groups = [*rows.items(), ("all", [file for files in rows.values() for file in files])]
    print(f"| corpus | files | layers | codes kbit/s | file kbit/s | {' | '.join(measures.NAMES)} | failed |")
    print("|---" * (len(measures.NAMES) + 6) + "|")
    for name, files in groups if len(rows) > 1 else groups[:1]:
        for depth, rate in enumerate(codec.rates, 1):
            line = table_row([file[depth - 1] for file in files])
            print(f"| {name} | {len(files)} | {depth} | {rate / 1000:.3f} | {line} |", flush=True)


def prefixes(codec: Codec, wave: Wave, *, align: bool) -> list[Row]:
    """Size and scores of every prefix, from one layer to all."""
    codes = codec.encode(wave, measures.RATE)
    found = []
    for depth in range(1, len(codes.table) + 1):
        data = dump(codes.prefix(depth))
        decoded = codec.decode(parse(data)).clip(-1, 1)
        decoded = measures.aligned(wave, decoded) if align else decoded
        found.append({"kbps": 8 * len(data) / codes.seconds / 1000} | measures.scores(wave, decoded))
    return found


def table_row(files: list[Row]) -> str:
    """Means over the files where a measure succeeded, and how many measures failed."""
    columns = [np.array([file[name] for file in files]) for name in COLUMNS]
    means = [column[np.isfinite(column)].mean() if np.isfinite(column).any() else np.nan for column in columns]
    failed = sum(int((~np.isfinite(column)).sum()) for column in columns)
    return " | ".join([*(f"{mean:.3f}" for mean in means), str(failed)])


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"quality: {error}")
