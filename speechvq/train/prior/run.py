"""Starting a prior's run: whose codes, where they are kept, and the line on the terminal."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, track

from speechvq.audio.files import read_mono
from speechvq.codec.codec import Codec
from speechvq.codec.file import load
from speechvq.codes import CodebookShape
from speechvq.codes.tables import SUFFIX, load_tables, save_tables, tables_beside
from speechvq.data.manifest import read_manifest
from speechvq.errors import AudioError, CodesError, OutputError
from speechvq.output import check_writable
from speechvq.prior.batches import hold_out
from speechvq.prior.compare import Cost, anomaly_thresholds, compare, recording_bits
from speechvq.prior.file import Prior, load_prior, save_prior
from speechvq.prior.integer.coder import PriorCoder
from speechvq.prior.tables import LEVELS, FittedTable, fit_tables
from speechvq.prior.tokens import Tokens, from_files, gather, load_tokens
from speechvq.train.codec.run import launched
from speechvq.train.prior.loop import best_prior, fit, read_prior_experiment

FILE = "prior.safetensors"


def run(
    config: Path,
    model: str,
    sources: Sequence[Path],
    *,
    folder: Path | None = None,
    steps: int | None = None,
    prior: Path | None = None,
    init_from: str | None = None,
    accelerator: str = "auto",
    devices: int = 1,
    console: Console,
) -> list[str]:
    """Fit a prior to code files or to a manifest's recordings; lines that say what held-out codes cost, in the first process.

    prior: by which code files may have been coded, if not by the default one
    init_from: a prior's file whose weights a new run is initialized from, or "default"
    Raises ConfigError, CodesError and what reading raises.
    """
    experiment = read_prior_experiment(config)
    if folder is not None:
        experiment = replace(experiment, run=replace(experiment.run, folder=str(folder)))
    if steps is not None:
        experiment = replace(experiment, optim=replace(experiment.optim, steps=steps))
    place = Path(experiment.run.folder)
    begin = None if init_from is None else load_prior(None if init_from == "default" else init_from)
    codec, tokens = gathered_for(model, sources, place, prior, console)
    fabric = launched(accelerator, devices, "32-true")
    columns = (
        TextColumn("{task.completed}/{task.total}"),
        BarColumn(),
        TextColumn("{task.description}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=fabric.global_rank > 0) as bar:
        task = bar.add_task("starting", total=experiment.optim.steps)

        def report(step: int, numbers: dict[str, float]) -> None:
            line = " ".join(
                f"{value:.3f}" for name, value in numbers.items() if name.endswith("bits")
            )
            held = "seconds" not in numbers
            bar.update(task, completed=step, description=None if held else f"{line} bits a code")
            if held or not bar.console.is_terminal:
                bar.console.print(
                    f"step {step}  {'held out: ' if held else ''}{line} bits a code",
                    highlight=False,
                    soft_wrap=True,
                )

        codebooks = [
            codebook.codewords for codebook in codec.network.topdown.codebooks[: len(tokens.shapes)]
        ]
        fit(experiment, tokens, fabric, codebooks=codebooks, begin=begin, report=report)
    if fabric.global_rank:
        return []
    return export_prior(place, tokens, place / FILE, codec.sample_rate)


def export_prior(folder: Path, tokens: Tokens, target: Path, rate: int) -> list[str]:
    """Write the prior's file of a run; lines that say what held-out codes cost.

    Raises TrainingError when the run has no checkpoint, OutputError.
    """
    experiment, prior = best_prior(folder, tokens)
    learned, held = hold_out(tokens, experiment.data.held_out)
    bits = recording_bits(prior, held)
    save_prior(
        target, Prior(prior, experiment.name, tokens.model, anomaly_thresholds(bits, held, rate))
    )
    what = "voices" if all(tokens.voices) else "recordings"
    sizes = (
        f"{learned.seconds(rate) / 3600:.2f} h learned from, {held.seconds(rate) / 3600:.2f} "
        f"h of other {what} measured"
    )
    megabytes = target.stat().st_size / 1e6
    return [
        f"{target}: {experiment.name} for {tokens.model}, {megabytes:.1f} MB; {sizes}",
        *_cost_lines(compare(learned, held, bits, rate)),
    ]


def make_tables(
    model: str,
    target: Path,
    sources: Sequence[Path],
    *,
    folder: Path,
    held_out: float,
    prior: Path | None = None,
    force: bool,
    console: Console,
) -> list[str]:
    """Write the static tables of a model's codes; lines that say what held-out codes cost. Raises as `run`, and OutputError."""
    check_writable(target, force=force)
    if target.suffix != SUFFIX:
        raise OutputError(
            f"{target} should end in {SUFFIX}, and be named like the model that it lies beside"
        )
    codec, tokens = gathered_for(model, sources, folder, prior, console)
    learned, held = hold_out(tokens, held_out)
    fitted = fit_tables(learned, held)
    if target.is_file():  # files coded with the old ones can still be read
        target.rename(target.with_suffix(f".{load_tables(target).digest.hex()}{SUFFIX}"))
    save_tables(target, tokens.model, tokens.shapes, LEVELS, [row.table for row in fitted])
    return [
        f"{target}: tables of {tokens.model}",
        *_table_lines(tokens.shapes, fitted, codec.sample_rate),
    ]


def _cost_lines(costs: Sequence[Cost]) -> list[str]:
    """A markdown table of what held-out codes cost."""
    names = [f"codebook {index}" for index in range(len(costs[0].bits_per_code))]
    lines = [
        f"| bits per code | {' | '.join(names)} | bits per second | below static tables |",
        "|---" * (len(names) + 3) + "|",
    ]
    for cost in costs:
        cells = " | ".join(f"{bits:.2f}" for bits in cost.bits_per_code)
        lines.append(
            f"| {cost.name} | {cells} | {cost.bits_per_second:.0f} | {100 * cost.saving:.1f} % |"
        )
    return lines


def _table_lines(
    shapes: Sequence[CodebookShape], fitted: Sequence[FittedTable], sample_rate: int
) -> list[str]:
    """A markdown table: context and bits per code of every codebook, and the rate of prefixes."""
    lines = [
        "| codebook | context | bits per code | kbit/s up to here | fixed width |",
        "|--:|---|--:|--:|--:|",
    ]
    total = fixed = 0.0
    for index, (shape, row) in enumerate(zip(shapes, fitted, strict=True)):
        total += row.bits_per_code * sample_rate / shape.hop / 1000
        fixed += shape.bits * sample_rate / shape.hop / 1000
        lines.append(
            f"| {index} | {row.table.context} | {row.bits_per_code:.3f} | {total:.3f} | {fixed:.3f} |"
        )
    return lines


def gathered_for(
    model: str, sources: Sequence[Path], place: Path, prior: Path | None, console: Console
) -> tuple[Codec, Tokens]:
    """A codec, and tokens of code files, or of a manifest's recordings, which are encoded once and kept in `place`.

    Raises CodesError when they are not of this model.
    """
    file = None if model == "default" else model
    codec = load(file)
    if len(sources) == 1 and sources[0].suffix == ".jsonl":
        tokens = encoded(codec, sources[0], place, console)
    else:
        tokens = from_files(sources, [*tables_beside(file), PriorCoder(load_prior(prior))])
    if tokens.model != codec.model:
        raise CodesError(
            f"the codes were made by {tokens.model}, not by {codec.model}: name the model that "
            "made them"
        )
    return codec, tokens


def encoded(codec: Codec, manifest: Path, place: Path, console: Console) -> Tokens:
    """All codebooks' codes of a manifest's recordings."""
    rows = read_manifest(manifest)
    listing = [
        str(codec.model),
        *((str(row.audio), row.start, row.seconds, row.speaker) for row in rows),
    ]
    path = place / f"tokens-{hashlib.sha256(json.dumps(listing).encode()).hexdigest()[:16]}.npz"
    if path.exists():
        return load_tokens(path)
    rate, found = codec.sample_rate, []
    for row in track(
        rows, "encoding", console=console, transient=True, disable=not console.is_terminal
    ):
        first = round(row.start * rate)
        try:
            found.append(
                codec.encode(
                    read_mono(row.audio, rate)[first : first + round(row.seconds * rate)], rate
                )
            )
        except AudioError as error:
            raise AudioError(f"{row.audio}, from {row.start:g} s on: {error}") from error
    tokens = gather(found, [row.speaker or "" for row in rows], [str(row.audio) for row in rows])
    place.mkdir(parents=True, exist_ok=True)
    tokens.save(path)
    return tokens
