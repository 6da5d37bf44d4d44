"""Anomaly scores: bits per second under the prior of clean and damaged speech and other sounds.

    python -m recipes.evaluate.anomaly eval.jsonl [--count 40] [--other music/music.jsonl]
        [--plot picture.png] > anomaly.md

Data: utterances of a manifest of clean speech, at most 8 s of each, unchanged; reversed; in white
noise, 10 dB below the speech; in the babble of others, 10 dB below it; white noise as loud as they
are; and recordings of other manifests. `flagged` is the share above the threshold of `speechvq
score`; `AUC` is the area under the ROC curve against clean speech, with all codebooks and with the
first one alone.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

import speechvq
from recipes.evaluate.quality import babble
from recipes.evaluate.utterances import chosen, samples, watched
from speechvq.audio.files import Wave
from speechvq.errors import SpeechVQError
from speechvq.output import check_writable
from speechvq.prior.file import load_prior
from speechvq.prior.score import score

LONGEST = 8.0
Scores = dict[str, NDArray[np.float64]]
"""Bits per second of every kind of sound, (recordings, prefixes)."""


def main(
    manifest: Annotated[Path, typer.Argument(help="Clean speech: one JSON object per line.")],
    corpus: Annotated[str | None, typer.Option(help="Only this corpus.")] = None,
    count: Annotated[
        int, typer.Option(help="Number of files of each kind, spread over the speakers.", min=2)
    ] = 40,
    other: Annotated[
        list[Path],
        typer.Option(help="A manifest of other recordings; may be given more than once."),
    ] = [],  # noqa: B006
    plot: Annotated[Path | None, typer.Option(help="A PNG to write.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="A model file instead of the default one.")
    ] = None,
    prior: Annotated[
        Path | None, typer.Option(help="A prior file instead of the default one.")
    ] = None,
) -> None:
    """Score kinds of sound, as a Markdown table."""
    if plot is not None:
        check_writable(plot, force=True)
    codec, model_prior = speechvq.load(model), load_prior(prior)
    rows: dict[str, list[NDArray[np.float64]]] = {}
    for kind, wave in sounds(manifest, corpus, other, count, codec.sample_rate):
        codes = codec.encode(wave)
        bits = [
            score(codec, model_prior, codes.prefix(depth + 1)).mean
            for depth in (0, len(codes.shapes) - 1)
        ]
        rows.setdefault(kind, []).append(np.array(bits))
    scores = {kind: np.array(bits) for kind, bits in rows.items()}
    thresholds = (
        (model_prior.anomaly_thresholds[0], model_prior.anomaly_thresholds[-1])
        if model_prior.anomaly_thresholds
        else (np.inf, np.inf)
    )
    report(scores, thresholds)
    if plot is not None:
        draw(scores, thresholds[1], plot)


def sounds(
    manifest: Path, corpus: str | None, other: list[Path], count: int, rate: int
) -> Iterator[tuple[str, Wave]]:
    """Kinds and waveforms (t,)."""
    clean, random = chosen(manifest, corpus=corpus, count=count), np.random.default_rng(0)
    for index, utterance in enumerate(watched(clean, "speech")):
        wave = samples(utterance, rate, longest=LONGEST)
        white = random.standard_normal(len(wave)).astype(np.float32) * np.sqrt(
            np.square(wave).mean()
        )
        yield "clean speech", wave
        yield "reversed", wave[::-1].copy()
        yield "in babble noise, 10 dB", wave + 10**-0.5 * babble(clean, index, wave)
        yield "in white noise, 10 dB", wave + 10**-0.5 * white
        yield "white noise", white
    for path in other:
        for utterance in watched(chosen(path, count=count), path.stem):
            yield path.stem, samples(utterance, rate, longest=LONGEST)


def report(scores: Scores, thresholds: tuple[float, float]) -> None:
    """Print the table."""
    clean = scores["clean speech"]
    print(
        "| | files | bits per second | 5 % to 95 % | flagged % | AUC % "
        "| first codebook: bits per second | flagged % | AUC % |"
    )
    print("|---" * 9 + "|")
    for kind, rows in scores.items():
        cells = [kind, str(len(rows))]
        for column in (1, 0):
            low, high = np.percentile(rows[:, column], [5, 95])
            cells.append(f"{rows[:, column].mean():.0f}")
            cells += [f"{low:.0f} to {high:.0f}"] if column else []
            cells.append(f"{100 * (rows[:, column] > thresholds[column]).mean():.0f}")
            cells.append(
                "-"
                if kind == "clean speech"
                else f"{100 * auc(rows[:, column], clean[:, column]):.0f}"
            )
        print(f"| {' | '.join(cells)} |")


def auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    """Area under the ROC curve: share of positive scores above negative ones, ties counted half."""
    differences = positive[:, None] - negative[None]
    return float((np.sign(differences) / 2 + 0.5).mean())


def draw(scores: Scores, threshold: float, target: Path) -> None:
    """A point for every recording, a row for every kind."""
    from recipes.evaluate.picture import mpl, plt, save

    random = np.random.default_rng(0)
    with mpl.rc_context(
        {
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.edgecolor": "#888888",
            "font.size": 11,
        }
    ):
        figure, axis = plt.subplots(
            figsize=(9, 0.6 * len(scores) + 1.2), dpi=100, layout="constrained"
        )
        for place, rows in enumerate(scores.values()):
            axis.plot(
                rows[:, 1],
                place + random.uniform(-0.2, 0.2, len(rows)),
                ".",
                color="#1f5fa8",
                alpha=0.7,
            )
        axis.axvline(threshold, color="#b03a2e", linewidth=1)
        axis.set_yticks(range(len(scores)), list(scores))
        axis.invert_yaxis()
        axis.set_xlabel("bits per second under the prior; line: 95th percentile of held-out speech")
        save(figure, target, 64)


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"anomaly: {error}")
