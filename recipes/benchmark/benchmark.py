r"""Bit rate, quality and speed of this codec and of others, in one run on this machine.

    python -m recipes.benchmark.benchmark eval.jsonl [--corpus librispeech] \
        [--lyra model_coeffs] [--rdo 1] [--plot plot.png]

Quality: of each utterance of a manifest at most 10 s are used, at 16 kHz. This codec: every number
of codebooks, through the bytes of a code file, all of which count; with --rdo also rate-distortion
optimized codes, in files coded by the prior. Other codecs: those that are installed
(`programs.py`), all bits of their files or packets. All decoded speech is aligned in time, by up to
0.1 s; that and the measures are in `recipes/evaluate`. Neural codecs whose weights cannot be had
offline are timed with random weights, and not scored. Speed and memory: as `speed.py`.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import speechvq
from recipes import script
from recipes.benchmark import speed
from recipes.benchmark.peers import PEERS
from recipes.benchmark.programs import RATE, programs
from recipes.benchmark.speech import clips_or
from recipes.evaluate import measures
from recipes.evaluate.quality import COLUMNS, Scores, limit, means, prefixes
from recipes.evaluate.time_alignment import align
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
from speechvq.audio.reading import Wave
from speechvq.codec.codec import Codec
from speechvq.prior.file import load_prior
from speechvq.prior.rate_distortion import RateDistortion

TICKS = (0.25, 0.5, 1, 2, 4, 8, 16)
"""Of the bit rate axis, in kbit/s."""


def main(
    manifest: ManifestFile,
    corpus: Corpus = None,
    count: Count = None,
    seconds: Annotated[float, typer.Option(help="Use at most this much of each file.")] = 10.0,
    lyra: Annotated[Path | None, typer.Option(help="Folder of Lyra V2's weights.")] = None,
    rounds: Annotated[
        int, typer.Option(help="How often each system is timed; 0: not at all.", min=0)
    ] = 5,
    plot: Annotated[Path | None, typer.Option(help="A picture to write.")] = None,
    rdo: Annotated[
        float | None,
        typer.Option(help="Also rate-distortion optimized codes, with this weight of the rate."),
    ] = None,
    prior: PriorFile = None,
    model: ModelFile = None,
) -> None:
    """Measure this codec and others; print two Markdown tables, and draw quality over bit rate."""
    codec = speechvq.load(model)
    search = None if rdo is None else RateDistortion(load_prior(prior), rdo)
    coders, missing = programs(lyra)
    for sentence in missing:
        print(sentence, file=sys.stderr)
    files = select(manifest, corpus=corpus, count=count)
    rows: dict[str, list[Scores]] = {}
    for utterance in progress(files, "measuring"):
        wave = limit(samples(utterance, RATE, max_seconds=seconds))
        for name, scores in score_codec(codec, wave, search):
            rows.setdefault(name, []).append(scores)
        for name, coder in coders.items():
            decoded, bits = coder(wave)
            scores = measures.scores(wave, align(wave, decoded))
            kbps = bits * RATE / len(wave) / 1000
            rows.setdefault(name, []).append({"kbps": kbps} | scores)
    print(f"{len(files)} files of {manifest.name}{f', {corpus}' if corpus else ''}\n")
    print_header("system", "kbit/s", *measures.NAMES, "failed")
    for name, scores in rows.items():
        print_row(name, *means(scores))
    if plot is not None:
        draw({name: mean_scores(scores) for name, scores in rows.items()}, plot)
    if rounds:
        print()
        speed.report(clips_or([]), rounds, [1, 2], list(PEERS), model)


def score_codec(
    codec: Codec, wave: Wave, search: RateDistortion | None
) -> Iterator[tuple[str, Scores]]:
    """Name and scores of every number of codebooks, also with the search, if there is one."""
    name = f"speechvq {codec.model.name}"
    ways: dict[str, RateDistortion | None] = {name: None}
    if search is not None:
        ways[f"{name} with its prior"] = search
    for label, way in ways.items():
        for depth, scores in enumerate(prefixes(codec, wave, align=align, search=way), 1):
            yield f"{label}, {depth} codebook{'s' * (depth > 1)}", scores


def mean_scores(rows: Iterable[Scores]) -> Scores:
    """The mean of each column over the files where it is finite; NaN where there is none."""
    columns = {name: np.array([row[name] for row in rows]) for name in COLUMNS}
    return {
        name: float(values[np.isfinite(values)].mean()) if np.isfinite(values).any() else np.nan
        for name, values in columns.items()
    }


def draw(points: dict[str, Scores], path: Path) -> None:
    """Draw PESQ-WB, STOI and ESTOI over kbit/s: a line for each family of systems."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    families: dict[str, list[Scores]] = {}
    for name, point in points.items():
        families.setdefault(name.rsplit(", " if "," in name else " ", 1)[0], []).append(point)
    figure, axes = plt.subplots(1, 3, figsize=(13, 4))
    for axis, column in zip(axes, ("PESQ-WB", "STOI", "ESTOI"), strict=True):
        for family, group in families.items():
            own = family.startswith("speechvq")
            ordered = sorted(group, key=lambda point: point["kbps"])
            rates = [point["kbps"] for point in ordered]
            values = [point[column] for point in ordered]
            axis.plot(rates, values, "o-" if own else "s:", label=family, linewidth=1 + own)
        axis.set(xscale="log", xlabel="kbit/s, all bits", title=column)
        axis.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
        axis.minorticks_off()
        axis.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    script.save_figure(figure, path, 110)
    plt.close(figure)


if __name__ == "__main__":
    run(main)
