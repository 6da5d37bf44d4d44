"""How surprising kinds of sound are to the prior: bits a second of clean speech, damaged speech, and other recordings.

    python -m recipes.evaluate.surprise eval.jsonl [--count 40] [--other music/music.jsonl] [--plot picture.png] > surprise.md

Data: utterances of a manifest of clean speech, at most 8 s of each, as they are; backwards; in
white noise, 10 dB below the speech; in the babble of others, 10 dB below it; white noise as loud as
they are; and recordings of other manifests. `flagged` is the share that takes more bits a second
than `speechvq score` finds usual; `apart` is how often such a recording takes more than a clean one
(the area under the ROC curve), with all codebooks and with the first one alone.
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
"""Of every kind of sound, bits a second (recordings, prefixes)."""


def main(
    manifest: Annotated[Path, typer.Argument(help="Clean speech: one JSON object a line.")],
    corpus: Annotated[str | None, typer.Option(help="Only this corpus.")] = None,
    count: Annotated[
        int, typer.Option(help="So many files of each kind, spread over the speakers.", min=2)
    ] = 40,
    other: Annotated[
        list[Path], typer.Option(help="A manifest of something else; may be given again.")
    ] = [],  # noqa: B006
    plot: Annotated[Path | None, typer.Option(help="A PNG to write.")] = None,
    model: Annotated[
        Path | None, typer.Option(help="A model file instead of the default one.")
    ] = None,
    prior: Annotated[
        Path | None, typer.Option(help="A prior instead of the one that comes along.")
    ] = None,
) -> None:
    """Score kinds of sound, as a markdown table."""
    if plot is not None:
        check_writable(plot, force=True)
    codec, named = speechvq.load(model), load_prior(prior)
    found: dict[str, list[NDArray[np.float64]]] = {}
    for kind, wave in sounds(manifest, corpus, other, count, codec.sample_rate):
        codes = codec.encode(wave)
        bits = [
            score(codec, named, codes.prefix(depth + 1)).mean
            for depth in (0, len(codes.shapes) - 1)
        ]
        found.setdefault(kind, []).append(np.array(bits))
    scores = {kind: np.array(rows) for kind, rows in found.items()}
    usual = (
        (named.anomaly_thresholds[0], named.anomaly_thresholds[-1])
        if named.anomaly_thresholds
        else (np.inf, np.inf)
    )
    report(scores, usual)
    if plot is not None:
        draw(scores, usual[1], plot)


def sounds(
    manifest: Path, corpus: str | None, other: list[Path], count: int, rate: int
) -> Iterator[tuple[str, Wave]]:
    """Kinds and waveforms (t,)."""
    clean, random = chosen(manifest, corpus=corpus, count=count), np.random.default_rng(0)
    for index, one in enumerate(watched(clean, "speech")):
        wave = samples(one, rate, longest=LONGEST)
        white = random.standard_normal(len(wave)).astype(np.float32) * np.sqrt(
            np.square(wave).mean()
        )
        yield "clean speech", wave
        yield "backwards", wave[::-1].copy()
        yield "in babble, 10 dB", wave + 10**-0.5 * babble(clean, index, wave)
        yield "in white noise, 10 dB", wave + 10**-0.5 * white
        yield "white noise", white
    for path in other:
        for one in watched(chosen(path, count=count), path.stem):
            yield path.stem, samples(one, rate, longest=LONGEST)


def report(scores: Scores, usual: tuple[float, float]) -> None:
    """Print the table."""
    clean = scores["clean speech"]
    print(
        "| | files | bits a second | 5 % to 95 % | flagged % | apart % | first codebook: bits a "
        "second | flagged % | apart % |"
    )
    print("|---" * 9 + "|")
    for kind, rows in scores.items():
        cells = [kind, str(len(rows))]
        for column in (1, 0):
            low, high = np.percentile(rows[:, column], [5, 95])
            cells.append(f"{rows[:, column].mean():.0f}")
            cells += [f"{low:.0f} to {high:.0f}"] if column else []
            cells.append(f"{100 * (rows[:, column] > usual[column]).mean():.0f}")
            cells.append(
                "-"
                if kind == "clean speech"
                else f"{100 * above(rows[:, column], clean[:, column]):.0f}"
            )
        print(f"| {' | '.join(cells)} |")


def above(some: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    """How often one of `some` is larger than one of `others`, ties for a half."""
    pairs = some[:, None] - others[None]
    return float((np.sign(pairs) / 2 + 0.5).mean())


def draw(scores: Scores, usual: float, target: Path) -> None:
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
        axis.axvline(usual, color="#b03a2e", linewidth=1)
        axis.set_yticks(range(len(scores)), list(scores))
        axis.invert_yaxis()
        axis.set_xlabel(
            "bits a second under the prior; the line: 95 % of clean speech kept out of its training"
        )
        save(figure, target, 64)


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"surprise: {error}")
