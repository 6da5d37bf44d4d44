"""Discover units in a corpus, from its folder to a report.

    python -m recipes.phoneme_discovery.run CORPUS WORK [--align DIR] [--train more.jsonl]

CORPUS and its options are those of `corpora.prepare`. Networks are trained on the recordings that
are not held out, and on those of --train, which need no phones; clusters are fitted, and mapped to
phones, on the former alone. WORK gets

    report.html                  tables, pictures and codes to listen to, in one file
    results.md, .csv, .json      the scores of all systems
    boundaries.csv               the scores of their boundaries
    textgrids/                   phones, codes and segments of held-out recordings, for Praat
    manifest.jsonl               the prepared corpus
    spectra/, models/, units/, scores/

Nothing that is finished is repeated: an interrupted run resumes with the same command.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from recipes import script
from recipes.phoneme_discovery.corpora.options import (
    Align,
    CorpusOptions,
    CorpusPath,
    HeldOut,
    Inventory,
    Name,
    Pattern,
    Share,
    Stress,
    Tier,
    Work,
)
from recipes.phoneme_discovery.corpora.prepare import prepare, summary
from recipes.phoneme_discovery.corpora.prepared import held_out_of, load_wave
from recipes.phoneme_discovery.inputs import (
    check_device,
    check_models,
    check_plan,
    check_unseen,
    more_speech,
)
from recipes.phoneme_discovery.made_units import all_units
from recipes.phoneme_discovery.models.speech import speech_of
from recipes.phoneme_discovery.plan import Plan, read_plan
from recipes.phoneme_discovery.reporting import notes_of, report
from recipes.phoneme_discovery.scoring import scored
from recipes.phoneme_discovery.systems import Discovery
from speechvq.units.evaluation.tables import comparison
from speechvq.units.recordings import Recording

HERE = Path(__file__).parent


def main(
    corpus: CorpusPath,
    work: Work,
    name: Name = None,
    align: Align = None,
    train: Annotated[
        Path | None, typer.Option(help="A manifest of more speech to train on, without labels.")
    ] = None,
    held_out: HeldOut = None,
    share: Share = 0.33,
    tier: Tier = None,
    inventory: Inventory = 39,
    stress: Stress = False,
    pattern: Pattern = None,
    models: Annotated[
        Path | None,
        typer.Option(
            help="The work folder of a finished run with networks to use; nothing is trained."
        ),
    ] = None,
    config: Annotated[Path, typer.Option(help="The plan, a TOML file.")] = HERE / "discovery.toml",
    codec: Annotated[
        bool, typer.Option(help="Score codebook 0 of the default codec as well.")
    ] = True,
    device: Annotated[str, typer.Option(help="Where networks are trained: cpu, or cuda.")] = "cpu",
) -> None:
    """Prepare, train, encode, evaluate and report."""
    plan = read_plan(config)
    check_device(device)
    if models:
        check_models(plan, models, train)
    options = CorpusOptions(
        name, align, tuple(held_out or ()), share, tier, inventory, stress, pattern
    )
    recordings = prepare(corpus, work, options)
    print(summary(recordings, held_out_of(work)), file=sys.stderr)
    more = more_speech(train, recordings) if train else []
    if models:
        check_unseen(recordings, held_out_of(work), models)
    check_plan(plan, recordings, more, work, models)
    run = discovery(plan, work, recordings, more, device, models)
    systems = all_units(run, work, codec=codec)
    results = scored(run, work, systems)
    report(work, corpus, systems, results, notes_of(run, results, train, models))
    print(f"{results.text()}\n{comparison(results.scores)}\n{work / 'report.html'}")


def discovery(
    plan: Plan,
    work: Path,
    recordings: Sequence[Recording],
    more: Sequence[Recording],
    device: str,
    models: Path | None,
) -> Discovery:
    """Read the speech; held-out recordings are not trained on. Raises UnitsError and AudioError."""
    held_out = held_out_of(work)
    own = [recording for recording in recordings if recording.name not in held_out]
    corpus = speech_of(recordings, load_wave, work / "spectra")
    training = None if models else speech_of([*own, *more], load_wave, work / "spectra")
    names = set(corpus.names)
    fit = tuple(recording.name for recording in own if recording.name in names)
    return Discovery(plan, (models or work) / "models", training, corpus, fit, device)


if __name__ == "__main__":
    script.run(main)
