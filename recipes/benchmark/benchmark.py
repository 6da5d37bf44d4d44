"""Rate, quality and speed of this codec and its peers, in one run on this machine.

    python -m recipes.benchmark.benchmark eval.jsonl [--corpus librispeech] [--lyra model_coeffs] [--rdo 1] [--plot plot.png]

Quality: the utterances of a manifest, at most 10 s of each, at 16 kHz. Ours: every number of
codebooks, through the bytes of a code file, all of which count; with --rdo also files written with the
prior, of codes chosen with this weight of the rate.
Peers: those that are installed (`programs.py`), all bits of their files or packets. A constant
delay of up to 0.1 s is taken out of every system alike; that and the measures are in
`recipes/evaluate`. Neural peers whose weights cannot be had offline are timed with random weights,
and not scored.
Speed and memory: as `speed.py`.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

import speechvq
from recipes.benchmark import speed
from recipes.benchmark.peers import PEERS
from recipes.benchmark.programs import RATE, programs
from recipes.benchmark.speech import clips_or
from recipes.evaluate import measures
from recipes.evaluate.quality import prefixes
from recipes.evaluate.time_alignment import aligned
from recipes.evaluate.utterances import chosen, samples, watched
from speechvq.audio.files import Wave
from speechvq.codec.codec import Codec
from speechvq.errors import SpeechVQError
from speechvq.prior.file import load_prior
from speechvq.prior.rate_distortion import RateDistortion

Points = dict[str, list[dict[str, float]]]
"""By system, what was measured of each file."""


def main(
    manifest: Annotated[Path, typer.Argument(help="Which recordings: one JSON object a line.")],
    corpus: Annotated[str | None, typer.Option(help="Only this corpus.")] = None,
    count: Annotated[
        int | None, typer.Option(help="Only so many files, spread over the speakers.", min=1)
    ] = None,
    seconds: Annotated[float, typer.Option(help="Use at most so much of each file.")] = 10.0,
    lyra: Annotated[Path | None, typer.Option(help="Folder of Lyra V2's weights.")] = None,
    rounds: Annotated[
        int, typer.Option(help="How often each system is timed; 0: not at all.", min=0)
    ] = 5,
    plot: Annotated[Path | None, typer.Option(help="Picture to write.")] = None,
    rdo: Annotated[
        float | None,
        typer.Option(help="Also our files with the prior, codes chosen with this weight."),
    ] = None,
    prior: Annotated[Path | None, typer.Option(help="A prior instead of the default one.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="A model file instead of the default one.")
    ] = None,
) -> None:
    """Measure ours and the peers, as two markdown tables, and draw quality over rate."""
    codec = speechvq.load(model)
    search = None if rdo is None else RateDistortion(load_prior(prior), rdo)
    peers, missing = programs(lyra)
    for sentence in missing:
        print(sentence, file=sys.stderr)
    files = chosen(manifest, corpus=corpus, count=count)
    points: Points = {}
    for one in watched(files, "measuring"):
        wave = samples(one, RATE, longest=seconds)
        wave = wave / max(1.0, float(np.abs(wave).max()) / 0.98)
        for name, row in ours(codec, wave, search):
            points.setdefault(name, []).append(row)
        for name, code in peers.items():
            decoded, bits = code(wave)
            row = {"kbps": bits * RATE / len(wave) / 1000} | measures.scores(
                wave, aligned(wave, decoded)
            )
            points.setdefault(name, []).append(row)
    print(f"{len(files)} files of {manifest.name}{f', {corpus}' if corpus else ''}\n")
    print(f"| system | kbit/s | {' | '.join(measures.NAMES)} | failed |")
    print("|---" * (len(measures.NAMES) + 3) + "|")
    for name, rows in points.items():
        cells = [f"{mean(row[column] for row in rows):.3f}" for column in ("kbps", *measures.NAMES)]
        failed = sum(not np.isfinite(value) for row in rows for value in row.values())
        print(f"| {name} | {' | '.join(cells)} | {failed} |", flush=True)
    if plot is not None:
        picture(
            {
                name: {column: mean(row[column] for row in rows) for column in rows[0]}
                for name, rows in points.items()
            },
            plot,
        )
    if rounds:
        print()
        for line in speed.table(clips_or([]), rounds, [1, 2], list(PEERS), model):
            print(line, flush=True)


def ours(
    codec: Codec, wave: Wave, search: RateDistortion | None
) -> Iterator[tuple[str, dict[str, float]]]:
    """Name and measures of every number of codebooks: plain files, and those of a search for cheap codes, if there is one."""
    plain = f"speechvq {codec.model.name}"
    for name, way in ((plain, None), (f"{plain} with its prior", search))[
        : 1 if search is None else 2
    ]:
        for depth, row in enumerate(prefixes(codec, wave, align=aligned, search=way), 1):
            yield f"{name}, {depth} codebook{'s' * (depth > 1)}", row


def mean(values: Iterable[float]) -> float:
    """Over those that are numbers."""
    there = [value for value in values if np.isfinite(value)]
    return float(np.mean(there)) if there else float("nan")


def picture(points: dict[str, dict[str, float]], path: Path) -> None:
    """PESQ-WB, STOI and ESTOI over kbit/s: ours as a line, the peers as points of families."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    families: dict[str, list[dict[str, float]]] = {}
    for name, point in points.items():
        families.setdefault(name.rsplit(", " if "," in name else " ", 1)[0], []).append(point)
    figure, axes = plt.subplots(1, 3, figsize=(13, 4))
    for plane, column in zip(axes, ("PESQ-WB", "STOI", "ESTOI"), strict=True):
        for family, group in families.items():
            mine = family.startswith("speechvq")
            ordered = sorted(group, key=lambda point: point["kbps"])
            rates, values = (
                [point["kbps"] for point in ordered],
                [point[column] for point in ordered],
            )
            plane.plot(
                rates, values, "o-" if mine else "s:", label=family, linewidth=2 if mine else 1
            )
        plane.set(xscale="log", xlabel="kbit/s, all bits", title=column)
        plane.set_xticks([0.25, 0.5, 1, 2, 4, 8, 16], ["0.25", "0.5", "1", "2", "4", "8", "16"])
        plane.minorticks_off()
        plane.grid(alpha=0.3)
    axes[0].legend(fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"benchmark: {error}")
