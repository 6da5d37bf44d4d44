"""The command `speechvq units`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speechvq.cli.options import (
    Force,
    Model,
    PriorFile,
    Quiet,
    coders,
    prior_of_files,
    source_files,
)
from speechvq.cli.streams import say, show_lines
from speechvq.errors import ConfigError, UnitsError

if TYPE_CHECKING:
    from speechvq.units.inputs import Inputs
    from speechvq.units.recordings import Units


def units(
    sources: Annotated[
        list[Path],
        typer.Argument(
            help="Code files, folders of them, .units, .npy or .km files.", metavar="IN..."
        ),
    ],
    align: Annotated[
        Path,
        typer.Option(help="The folder of alignments, which have the names of the recordings."),
    ],
    codebook: Annotated[
        str, typer.Option(help="Which codebook of code files, coarse first, or 'all'.")
    ] = "0",
    rate: Annotated[
        float | None,
        typer.Option(help="Codes per second of .npy and .km files.", min=1e-3, max=1e6),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            help="The number of possible codes in .npy and .km files.", min=1, max=1 << 16
        ),
    ] = None,
    tier: Annotated[
        str | None,
        typer.Option(help="The tier of TextGrids with the phones: its name, or its number from 1."),
    ] = None,
    suffix: Annotated[
        str | None,
        typer.Option(help="The suffix of alignments, where several share a name, such as .phn."),
    ] = None,
    stress: Annotated[bool, typer.Option(help="Keep the 0, 1 and 2 after vowels.")] = True,
    speaker_pattern: Annotated[
        str | None,
        typer.Option(
            help="A regular expression whose group is the speaker, in the names of files; by "
            "default the folder is the speaker."
        ),
    ] = None,
    held_out: Annotated[
        list[str] | None,
        typer.Option(
            help="A speaker to score on; may be given several times. By default a third of them.",
            metavar="SPEAKER",
        ),
    ] = None,
    abx: Annotated[bool, typer.Option(help="Score the ABX task, which takes longest.")] = True,
    out: Annotated[
        Path | None,
        typer.Option(help="A folder for the tables, and TextGrids of phones, codes and segments."),
    ] = None,
    prior: PriorFile = None,
    model: Model = None,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Score codes against phone alignments: phones, bit rate, boundaries, speaker information.

    A map from codes to phones is fitted on some speakers and scored on others. The shuffled
    baseline and the majority-class baseline are in brackets.
    """
    from speechvq.data.pattern import speaker_pattern as check_pattern
    from speechvq.units.aligned import aligned, find_alignments, speakers_of
    from speechvq.units.evaluation.results import check_folder, scored, write_results
    from speechvq.units.evaluation.scores import ABX
    from speechvq.units.inputs import input_files
    from speechvq.units.recordings import check_lengths, length_slack
    from speechvq.units.split import split_speakers

    if speaker_pattern is not None:
        check_pattern(speaker_pattern, UnitsError)
    inputs = _read(sources, codebook, rate, size, model, prior, quiet=quiet)
    paths = find_alignments(align, inputs.places, suffix)
    speakers = speakers_of(inputs.places, paths, align, speaker_pattern)
    slack = max(length_slack(system.rate) for system in inputs.units)
    corpus = aligned(paths, inputs.seconds, speakers, tier=tier, stress=stress, slack=slack)
    for system in inputs.units:
        check_lengths(system, corpus.recordings)
    split = split_speakers(corpus.recordings, held_out=held_out or ())
    if out is not None:
        made_from = [*input_files(sources), *paths.values(), *source_files(prior, model=model)]
        check_folder(out, corpus.recordings, force=force, sources=made_from)
    for remark in corpus.remarks:
        say(remark, quiet=quiet)
    say(
        f"{len(corpus.recordings)} recordings of "
        f"{len({recording.speaker for recording in corpus.recordings})} speakers; maps are fitted "
        f"on {len(split.fit)} and scored on {len(split.score)} of "
        f"{'unseen' if split.unseen_speakers else 'the same'} speakers",
        quiet=quiet,
    )

    def report(system: "Units") -> None:
        say(f"scoring {system.name}: {system.size} codes, {system.rate:g} per second", quiet=quiet)

    results = scored(
        inputs.units, corpus.recordings, split, abx=ABX if abx else None, report=report
    )
    if out is not None:
        write_results(out, results, inputs.units, corpus.recordings, force=force)
        say(f"{out}: tables, and {len(corpus.recordings)} TextGrids", quiet=quiet)
    show_lines(results.text())


def _read(
    sources: list[Path],
    codebook: str,
    rate: float | None,
    size: int | None,
    model: Path | None,
    prior: Path | None,
    *,
    quiet: bool,
) -> "Inputs":
    """Read the input files. Raises ConfigError and what readers raise."""
    from speechvq.codes import read_header
    from speechvq.codes.header import PRIOR
    from speechvq.units.inputs import holds_codes, input_files, read_inputs

    if codebook != "all" and not codebook.isdecimal():
        raise ConfigError(
            f"--codebook {codebook} is not a codebook: give a number from 0 on, or all"
        )
    files, file_coders = input_files(sources), []
    by_prior = any(read_header(file).coding == PRIOR for file in files if holds_codes(file))
    prior_model = prior_of_files(prior, needed=by_prior, quiet=quiet)
    if prior_model is not None or model is not None:
        file_coders = coders(model, prior_model)
    return read_inputs(
        files,
        codebook=None if codebook == "all" else int(codebook),
        rate=rate,
        size=size,
        coders=file_coders,
    )
