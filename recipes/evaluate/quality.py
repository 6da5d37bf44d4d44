r"""Quality and size: measures of decoded speech against the size of the code file.

    python -m recipes.evaluate.quality eval.jsonl \
        [--corpus librispeech] [--by sex] [--noise 10] [--align] > quality.md

Of each utterance of a manifest at most 10 s are used, at 16 kHz. Each is encoded with one codebook,
two ... and all, written to the bytes of a code file, read back and decoded. "file kbit/s" are all
bytes of that file (header, speaker embedding and checksum included) over the duration of the
recording, "codes kbit/s" the nominal bit rate of the codebooks. Measures are those of
`measures.py`, means over files; those that failed are left out and counted.

--align first aligns the decoded speech in time (`time_alignment.py`), as comparisons with codecs
that have a delay do. --by groups by another key of the manifest than the corpus. --noise adds
babble noise, the sum of other recordings of the manifest, at a signal-to-noise ratio in dB;
decoded speech is then compared with the noisy recording.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

import numpy as np
import typer

import speechvq
from recipes.evaluate import measures
from recipes.evaluate.time_alignment import align as time_align
from recipes.evaluate.utterances import metadata, samples, select
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
from speechvq.codec.codec import Codec
from speechvq.codes import dump, parse
from speechvq.data.manifest import Utterance
from speechvq.prior.integer.coder import PriorCoder
from speechvq.prior.rate_distortion import RateDistortion

COLUMNS = ("kbps", *measures.NAMES)
PEAK = 0.98
"""Recordings whose samples go beyond +-1 with the noise are scaled to this peak."""

Scores = dict[str, float]
"""What was measured of one file, by column."""


def main(
    manifest: ManifestFile,
    corpus: Corpus = None,
    count: Count = None,
    seconds: Annotated[float, typer.Option(help="Use at most this much of each file.")] = 10.0,
    by: Annotated[str, typer.Option(help="The key of the manifest to group by.")] = "corpus",
    noise: Annotated[
        float | None, typer.Option(help="Add babble noise at this signal-to-noise ratio in dB.")
    ] = None,
    model: ModelFile = None,
    align: Annotated[
        bool, typer.Option("--align", help="Align decoded speech in time before comparing.")
    ] = False,
) -> None:
    """Measure every prefix of the codebooks over a manifest; print a Markdown table."""
    codec = speechvq.load(model)
    files = select(manifest, corpus=corpus, count=count)
    groups: dict[str, list[list[Scores]]] = {}
    for index, utterance in enumerate(progress(files, "measuring")):
        wave = samples(utterance, measures.RATE, max_seconds=seconds)
        if noise is not None:
            wave = add_noise(wave, babble(files, index, wave), noise)
        row = prefixes(codec, limit(wave), align=time_align if align else None)
        groups.setdefault(metadata(utterance, by), []).append(row)
    if len(groups) > 1:
        groups["all"] = [row for rows in groups.values() for row in rows]
    print_header(by, "files", "codebooks", "codes kbit/s", "file kbit/s", *measures.NAMES, "failed")
    for name, rows in groups.items():
        for index, bit_rate in enumerate(codec.bitrates):
            cells = means([row[index] for row in rows])
            print_row(name, len(rows), index + 1, f"{bit_rate / 1000:.3f}", *cells)


def limit(wave: Wave) -> Wave:
    """The waveform (t,), scaled to a peak of 0.98 if it goes beyond."""
    return wave / max(1.0, float(np.abs(wave).max()) / PEAK)


def add_noise(wave: Wave, noise: Wave, snr: float) -> Wave:
    """A waveform with noise of the same power (t,) at a signal-to-noise ratio in dB."""
    return (wave + 10 ** (-snr / 20) * noise).astype(np.float32)


def babble(files: Sequence[Utterance], index: int, wave: Wave) -> Wave:
    """Babble noise (t,): six other recordings, spread over the list, with the power of `wave`."""
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
) -> list[Scores]:
    """File size and measures of a waveform (t,) with each number of codebooks, from one to all.

    align: of recording and decoded speech, the latter aligned
    search: rate-distortion optimized codes, written with the search's prior; they are not read
      back, which takes long
    """
    rows, coders = [], [] if search is None else [PriorCoder(search.prior)]
    for n_codebooks in range(1, len(codec.shapes) + 1):
        codes = codec.encode(wave, measures.RATE, codebooks=n_codebooks, search=search)
        data = dump(codes, coders)
        decoded = codec.decode(codes if coders else parse(data)).clip(-1, 1)
        decoded = align(wave, decoded) if align else decoded
        kbps = 8 * len(data) / codes.seconds / 1000
        rows.append({"kbps": kbps} | measures.scores(wave, decoded))
    return rows


def means(rows: Sequence[Scores]) -> list[str]:
    """Cells of a table: means over the files where a measure succeeded, and the failures."""
    columns = [np.array([row[name] for row in rows]) for name in COLUMNS]
    finite = [column[np.isfinite(column)] for column in columns]
    failed = sum(len(column) for column in columns) - sum(len(column) for column in finite)
    cells = [f"{column.mean() if len(column) else np.nan:.3f}" for column in finite]
    return [*cells, str(failed)]


if __name__ == "__main__":
    run(main)
