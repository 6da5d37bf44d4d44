r"""Speaker probe: how well a linear probe names the speaker from the codes of each codebook.

    python -m recipes.evaluate.speaker_probe units_english.jsonl [--each 24] [--seconds 5] \
        [--results probe.json] > speaker_probe.md

Of each speaker of a manifest with enough recordings the same number is used, the beginning of each.
Codes are read back from the bytes of a code file. A recording is described by how often it has each
codeword of a codebook (the square roots of the shares, so that rare codewords count); a logistic
regression, a linear probe, is fitted to some of the recordings and names the speakers of the
others, in four folds, so that each recording is held out once and each speaker is in every fold. In
brackets are 95 % intervals by the bootstrap over speakers. "chance" is what guessing reaches. The
last rows are the content codebooks together, which are what a conversion keeps, all codebooks, and
for comparison the mean log-mel spectrum of the recordings. For codes without any trace of the
voice the probe is at chance, also where the speakers say different things often enough.
"""

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

import speechvq
from recipes.evaluate import intervals
from recipes.evaluate.measures import RATE, log_mel
from recipes.evaluate.results import Results
from recipes.evaluate.utterances import samples, select
from recipes.script import (
    Corpus,
    ManifestFile,
    ModelFile,
    ResultsFile,
    print_header,
    print_row,
    progress,
    run,
)
from speechvq.codec.codec import Codec
from speechvq.codes import dump, parse
from speechvq.codes.record import CodeArrays
from speechvq.data.manifest import Utterance
from speechvq.data.split import evenly_spaced
from speechvq.errors import ManifestError
from speechvq.extras import needed

FOLDS = 4
Features = NDArray[np.float64]
"""(recordings, dimensions)"""


def main(
    manifest: ManifestFile,
    corpus: Corpus = None,
    each: Annotated[
        int, typer.Option(help="Recordings of each speaker; who has fewer is left out.", min=FOLDS)
    ] = 24,
    seconds: Annotated[float, typer.Option(help="Use this much of each recording.")] = 5.0,
    min_seconds: Annotated[
        float, typer.Option(help="Leave out recordings shorter than this.")
    ] = 3.0,
    model: ModelFile = None,
    results: ResultsFile = None,
) -> None:
    """Name speakers from codes; print a Markdown table with intervals."""
    codec = speechvq.load(model)
    settings = {
        "measure": "speaker probe",
        "model": str(codec.model),
        "each": each,
        "seconds": seconds,
        "min_seconds": min_seconds,
    }
    kept = Results(results, settings)  # the table alone: encoding is quick
    chosen = balanced(select(manifest, corpus=corpus, min_seconds=min_seconds), each)
    codes, spectra = list[CodeArrays](), list[Features]()
    for utterance in progress(chosen, "encoding"):
        wave = samples(utterance, RATE, max_seconds=seconds)
        codes.append(parse(dump(codec.encode(wave, RATE))).codebooks)
        spectra.append(log_mel(wave).mean(1).astype(np.float64))
    speakers = [str(utterance.speaker) for utterance in chosen]
    table: list[dict[str, Any]] = []
    print_header("codebooks", "speakers named, %", "recordings")
    for name, features in described(codec, codes, np.array(spectra)).items():
        named = accuracy(identified(features, speakers), speakers)
        table.append({"codebooks": name} | vars(named))
        print_row(name, named.text(1), len(speakers))
    print_row("chance", f"{100 / len(set(speakers)):.1f}", "-")
    kept.finish(table)
    print(f"\n{len(set(speakers))} speakers; intervals: 95 %, bootstrap over speakers.")


def balanced(rows: list[Utterance], each: int) -> list[Utterance]:
    """The same number of recordings, spread evenly, of every speaker who has enough.

    Raises ManifestError where these are fewer than two.
    """
    own: dict[str, list[Utterance]] = {}
    for row in rows:
        if row.speaker is not None:
            own.setdefault(row.speaker, []).append(row)
    enough = [own[name] for name in sorted(own) if len(own[name]) >= each]
    if len(enough) < 2:
        raise ManifestError(
            f"{len(enough)} speakers have {each} recordings that are long enough: two are needed; "
            "lower --each or --min-seconds"
        )
    return [row for own_rows in enough for row in evenly_spaced(own_rows, each)]


def described(codec: Codec, codes: Sequence[CodeArrays], spectra: Features) -> dict[str, Features]:
    """Features of all recordings, by the name of their row of the table."""
    sizes = [shape.size for shape in codec.shapes]
    rows = {
        str(index): np.sqrt(
            [np.bincount(books[index], minlength=size) / len(books[index]) for books in codes]
        )
        for index, size in enumerate(sizes)
    }
    content = list(rows.values())[: codec.content_codebooks]
    together = {
        f"content, {len(content)} together": np.concatenate(content, 1),
        f"all {len(sizes)} together": np.concatenate(list(rows.values()), 1),
    }
    return rows | together | {"mean spectrum": standardized(spectra)}


def standardized(features: Features) -> Features:
    """Zero mean and unit variance in every dimension; no speaker's name is used for it."""
    deviation = features.std(0)
    return (features - features.mean(0)) / np.where(deviation > 0, deviation, 1)


def identified(features: Features, speakers: list[str]) -> NDArray[np.bool_]:
    """Of which recordings the speaker is named, each held out once. Raises MissingExtra."""
    with needed("the speaker probe", "train"):
        from sklearn.linear_model import LogisticRegression
        from sklearn.model_selection import StratifiedKFold, cross_val_predict
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=0)
    model = LogisticRegression(C=10.0, max_iter=2000)
    names = np.array(speakers)
    return cross_val_predict(model, features, names, cv=folds) == names


def accuracy(right: NDArray[np.bool_], speakers: list[str]) -> intervals.Interval:
    """The share of recordings in percent, and its interval over speakers."""
    names = np.array(speakers)
    return intervals.mean([(100.0 * right[names == name]).tolist() for name in sorted(set(names))])


if __name__ == "__main__":
    run(main)
