r"""Anomaly scores: bits per second under the prior of clean speech, degraded speech and others.

    python -m recipes.evaluate.anomaly eval.jsonl \
        [--count 40] [--other music/music.jsonl] [--plot picture.png] > anomaly.md

Of each utterance of a manifest of clean speech at most 8 s are used: as they are; reversed; in
white noise at 10 dB; in babble noise of others at 10 dB; and white noise of the same power. To
these come the recordings of other manifests. "flagged" is the share above the prior's threshold, as
`speechvq score` uses it; "AUC" is the area under the ROC curve in percent: how often such a
recording takes more bits than a clean one; both with all codebooks and with the first one alone.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

import speechvq
from recipes.evaluate.quality import add_noise, babble
from recipes.evaluate.utterances import samples, select
from recipes.script import (
    Corpus,
    ManifestFile,
    ModelFile,
    PriorFile,
    print_header,
    print_row,
    progress,
    run,
)
from speechvq.audio.reading import Wave
from speechvq.output import check_writable
from speechvq.prior.file import load_prior
from speechvq.prior.score import score

MAX_SECONDS = 8.0
SNR = 10.0
"""Signal-to-noise ratio of noisy speech in dB."""
CLEAN = "clean speech"
Scores = dict[str, NDArray[np.float64]]
"""For each kind of sound, bits per second (recordings, 2): first codebook, all codebooks."""


def main(
    manifest: ManifestFile,
    corpus: Corpus = None,
    count: Annotated[
        int, typer.Option(help="Number of files of each kind, spread over the speakers.", min=2)
    ] = 40,
    other: Annotated[
        list[Path], typer.Option(help="A manifest of other sounds; may be given again.")
    ] = [],  # noqa: B006
    plot: Annotated[Path | None, typer.Option(help="A PNG file to write.")] = None,
    model: ModelFile = None,
    prior: PriorFile = None,
) -> None:
    """Score kinds of sound; print a Markdown table."""
    if plot is not None:
        check_writable(plot, force=True)
    codec, prior_model = speechvq.load(model), load_prior(prior)
    rows: dict[str, list[list[float]]] = {}
    for kind, wave in sounds(manifest, corpus, other, count, codec.sample_rate):
        codes = codec.encode(wave)
        depths = (1, len(codes.shapes))
        bits = [score(codec, prior_model, codes.prefix(depth)).mean for depth in depths]
        rows.setdefault(kind, []).append(bits)
    scores = {kind: np.array(bits) for kind, bits in rows.items()}
    thresholds = prior_model.anomaly_thresholds or (np.inf,)
    report(scores, (thresholds[0], thresholds[-1]))
    if plot is not None:
        draw(scores, thresholds[-1], plot)


def sounds(
    manifest: Path, corpus: str | None, others: list[Path], count: int, rate: int
) -> Iterator[tuple[str, Wave]]:
    """Kinds of sound and waveforms (t,)."""
    clean, random = select(manifest, corpus=corpus, count=count), np.random.default_rng(0)
    for index, utterance in enumerate(progress(clean, "speech")):
        wave = samples(utterance, rate, max_seconds=MAX_SECONDS)
        power = np.sqrt(np.square(wave).mean())
        white = random.standard_normal(len(wave)).astype(np.float32) * power
        yield CLEAN, wave
        yield "reversed", wave[::-1].copy()
        yield "in babble noise, 10 dB", add_noise(wave, babble(clean, index, wave), SNR)
        yield "in white noise, 10 dB", add_noise(wave, white, SNR)
        yield "white noise", white
    for path in others:
        for utterance in progress(select(path, count=count), path.stem):
            yield path.stem, samples(utterance, rate, max_seconds=MAX_SECONDS)


def report(scores: Scores, thresholds: tuple[float, float]) -> None:
    """Print the table. thresholds: with the first codebook and with all."""
    columns = ("bits per second", "flagged %", "AUC %")
    first = [f"first codebook: {columns[0]}", *columns[1:]]
    print_header("", "files", columns[0], "5 % to 95 %", *columns[1:], *first)
    for kind, bits in scores.items():
        low, high = np.percentile(bits[:, 1], [5, 95])
        cells = []
        for depth in (1, 0):
            flagged = 100 * (bits[:, depth] > thresholds[depth]).mean()
            area = f"{100 * auc(bits[:, depth], scores[CLEAN][:, depth]):.0f}"
            cells += [
                f"{bits[:, depth].mean():.0f}",
                f"{flagged:.0f}",
                "-" if kind == CLEAN else area,
            ]
        print_row(kind, len(bits), cells[0], f"{low:.0f} to {high:.0f}", *cells[1:])


def auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Area under the ROC curve of scores (n,) and (m,); ties count half."""
    differences = positive[:, None] - negative[None]
    return float((np.sign(differences) / 2 + 0.5).mean())


def draw(scores: Scores, threshold: float, target: Path) -> None:
    """A row for every kind of sound, a point for every recording."""
    from matplotlib import pyplot as plt

    from recipes.evaluate.picture import save, style

    random = np.random.default_rng(0)
    with style():
        size = (9, 0.6 * len(scores) + 1.2)
        figure, axis = plt.subplots(figsize=size, dpi=100, layout="constrained")
        for position, bits in enumerate(scores.values()):
            y = position + random.uniform(-0.2, 0.2, len(bits))
            axis.plot(bits[:, 1], y, ".", color="#1f5fa8", alpha=0.7)
        if np.isfinite(threshold):
            axis.axvline(threshold, color="#b03a2e", linewidth=1)
        axis.set_yticks(range(len(scores)), list(scores))
        axis.invert_yaxis()
        axis.set_xlabel(
            "bits per second under the prior; the line: 95 % of held-out clean speech lies below"
        )
        save(figure, target, 64)


if __name__ == "__main__":
    run(main)
