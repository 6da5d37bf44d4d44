"""What every prefix of the codebooks sounds like and what it costs: quality against the size of the code file.

    python -m recipes.evaluate.quality eval.jsonl [--corpus librispeech] [--by sex] [--noise 10] [--align] > quality.md

Data: the utterances of a manifest, at most 10 s of each, at 16 kHz. Each is encoded with one codebook,
two, ... and all; what comes is written to the bytes of a code file, read back and decoded. "file
kbit/s" are all bytes of that file (header, speaker vector and checksum included) over the length of
the recording, "codes kbit/s" the nominal rate of the codebooks. Measures are those of `measures.py`,
means over files; those that failed are left out and counted. --align first shifts the decoded sound
to where it agrees best (`time_alignment.py`), as comparisons with codecs that have a delay do. --by groups
by another key of the manifest than the corpus. --noise adds speech babble, so many decibels below
the recording: the sum of other recordings of the manifest; the noisy sound is then what decoded
sound is compared with.
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import speechvq
from recipes.evaluate import measures
from recipes.evaluate.time_alignment import aligned
from recipes.evaluate.utterances import chosen, fact, samples, watched
from speechvq.audio.files import Wave
from speechvq.codec.codec import Codec
from speechvq.codes import dump, parse
from speechvq.data.manifest import Utterance
from speechvq.errors import SpeechVQError
from speechvq.prior.integer.coder import PriorCoder
from speechvq.prior.rate_distortion import RateDistortion

COLUMNS = ("kbps", *measures.NAMES)

Row = dict[str, float]


def main(
    manifest: Annotated[Path, typer.Argument(help="Which recordings: one JSON object a line.")],
    corpus: Annotated[str | None, typer.Option(help="Only this corpus.")] = None,
    count: Annotated[
        int | None, typer.Option(help="Only so many files, spread over the speakers.", min=1)
    ] = None,
    seconds: Annotated[float, typer.Option(help="Use at most so much of each file.")] = 10.0,
    by: Annotated[
        str, typer.Option(help="What rows are grouped by, a key of the manifest.")
    ] = "corpus",
    noise: Annotated[
        float | None, typer.Option(help="Add babble, so many dB below the recording.")
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="A model file instead of the default one.")
    ] = None,
    align: Annotated[
        bool, typer.Option("--align", help="Take out a delay, as if there were one.")
    ] = False,
) -> None:
    """Measure every prefix of the codebooks over a manifest, as a markdown table by corpus."""
    codec = speechvq.load(model)
    rows: dict[str, list[list[Row]]] = {}
    files = chosen(manifest, corpus=corpus, count=count)
    for index, one in enumerate(watched(files, "measuring")):
        wave = samples(one, measures.RATE, longest=seconds)
        if noise is not None:
            wave = wave + 10 ** (-noise / 20) * babble(files, index, wave)
        wave = wave / max(1.0, float(np.abs(wave).max()) / 0.98)
        rows.setdefault(fact(one, by), []).append(
            prefixes(codec, wave, align=aligned if align else None)
        )
    groups = [*rows.items(), ("all", [file for files in rows.values() for file in files])]
    print(
        f"| {by} | files | codebooks | codes kbit/s | file kbit/s | {' | '.join(measures.NAMES)} | "
        "failed |"
    )
    print("|---" * (len(measures.NAMES) + 6) + "|")
    for name, files in groups if len(rows) > 1 else groups[:1]:
        for depth, rate in enumerate(codec.bitrates, 1):
            line = table_row([file[depth - 1] for file in files])
            print(f"| {name} | {len(files)} | {depth} | {rate / 1000:.3f} | {line} |", flush=True)


def babble(files: Sequence[Utterance], index: int, wave: Wave) -> Wave:
    """Six other recordings, spread over the list, as one sound as long and as strong as `wave`."""
    total = np.zeros_like(wave)
    for step in range(1, 7):
        other = samples(files[(index + step * max(1, len(files) // 7)) % len(files)], measures.RATE)
        other = np.resize(other, len(wave))
        total += other / max(1e-5, float(np.sqrt(np.mean(other**2))))
    return total * float(np.sqrt(np.mean(wave**2)) / max(1e-5, np.sqrt(np.mean(total**2))))


def prefixes(
    codec: Codec,
    wave: Wave,
    *,
    align: Callable[[Wave, Wave], Wave] | None = None,
    search: RateDistortion | None = None,
) -> list[Row]:
    """Size and scores of every number of codebooks, from one to all.

    align: of recording and decoded sound, the latter shifted
    search: codes are chosen by it and written with its prior; they are not read back, which takes
      time
    """
    found, coders = [], [] if search is None else [PriorCoder(search.prior)]
    for depth in range(1, len(codec.shapes) + 1):
        codes = codec.encode(wave, measures.RATE, codebooks=depth, search=search)
        data = dump(codes, coders)
        decoded = codec.decode(codes if coders else parse(data)).clip(-1, 1)
        decoded = align(wave, decoded) if align else decoded
        found.append(
            {"kbps": 8 * len(data) / codes.seconds / 1000} | measures.scores(wave, decoded)
        )
    return found


def table_row(files: list[Row]) -> str:
    """Means over the files where a measure succeeded, and how many measures failed."""
    columns = [np.array([file[name] for file in files]) for name in COLUMNS]
    means = [
        column[np.isfinite(column)].mean() if np.isfinite(column).any() else np.nan
        for column in columns
    ]
    failed = sum(int((~np.isfinite(column)).sum()) for column in columns)
    return " | ".join([*(f"{mean:.3f}" for mean in means), str(failed)])


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"quality: {error}")
