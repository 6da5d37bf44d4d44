"""Starting the training of a prior: whose codes, and where they are kept."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from speechvq.codec.codec import Codec
from speechvq.codec.file import load
from speechvq.codes import CodebookShape, ModelId
from speechvq.codes.tables import SUFFIX, load_tables, save_tables, tables_beside
from speechvq.data.manifest import read_manifest
from speechvq.data.speech import read_utterance
from speechvq.data.split import HeldOut
from speechvq.errors import AudioError, CodesError, OutputError
from speechvq.nn.isolation import standard_defaults
from speechvq.output import check_writable, make_folder, new_file
from speechvq.prior.batches import hold_out
from speechvq.prior.compare import Cost, anomaly_thresholds, compare, recording_bits
from speechvq.prior.file import Prior, load_prior, save_prior
from speechvq.prior.integer.coder import PriorCoder
from speechvq.prior.tables import LEVELS, FittedTable, fit_tables
from speechvq.prior.tokens import Tokens, from_files, gather, load_tokens
from speechvq.train.fabric import launched
from speechvq.train.fit import Report
from speechvq.train.folder import PRIOR
from speechvq.train.prior.config import PriorExperiment
from speechvq.train.prior.loop import best_prior, train

Progress = Callable[[int, int], None]
"""Called with how many recordings of how many are encoded."""


@dataclass(frozen=True)
class PriorResult:
    """A prior's file, and what held-out codes cost under it.

    training, held_out: the codes of both sides
    costs: of held-out codes, under the prior and under simpler models
    """

    path: Path
    name: str
    model: ModelId
    training: Tokens
    held_out: Tokens
    costs: Sequence[Cost]
    sample_rate: int


@dataclass(frozen=True)
class TablesResult:
    """Static tables of a model, and what held-out codes cost with them.

    tables: of each codebook
    held_out: what they are measured on
    """

    path: Path
    model: ModelId
    shapes: Sequence[CodebookShape]
    tables: Sequence[FittedTable]
    sample_rate: int
    held_out: Tokens


def run(
    experiment: PriorExperiment,
    codec: Codec,
    tokens: Tokens,
    *,
    source: Prior | None = None,
    accelerator: str = "auto",
    devices: int = 1,
    report: Report | None = None,
) -> PriorResult | None:
    """Train a prior on the codes of a codec; None in all processes but the first.

    source: a prior whose weights a new run is initialized from
    report: called in the first process
    Raises ConfigError, CodesError, TrainingError and OutputError.
    """
    fabric, folder = launched(accelerator, devices), Path(experiment.run.folder)
    quantizers = codec.network.topdown.codebooks[: len(tokens.shapes)]
    codebooks = [quantizer.codewords for quantizer in quantizers]
    train(
        experiment,
        tokens,
        fabric,
        sample_rate=codec.sample_rate,
        codebooks=codebooks,
        source=source,
        report=report,
    )
    if fabric.global_rank:
        return None
    return export_prior(folder, tokens, folder / PRIOR, codec.sample_rate)


@standard_defaults()
def export_prior(folder: Path, tokens: Tokens, target: Path, sample_rate: int) -> PriorResult:
    """Write the prior's file of a run, and replace the one that is there.

    Raises TrainingError when the run has no checkpoint, OutputError.
    """
    experiment, prior = best_prior(folder, tokens)
    training, held_out = hold_out(tokens, experiment.data.held_out, sample_rate)
    bits = recording_bits(prior, held_out)
    thresholds = anomaly_thresholds(bits, held_out, sample_rate)
    save_prior(target, Prior(prior, experiment.name, tokens.model, thresholds), force=True)
    costs = compare(training, held_out, bits, sample_rate)
    return PriorResult(
        target, experiment.name, tokens.model, training, held_out, costs, sample_rate
    )


def make_tables(
    codec: Codec, tokens: Tokens, target: Path, *, minutes: float, force: bool
) -> TablesResult:
    """Write the static tables of a model's codes. Raises CodesError and OutputError.

    minutes: of held-out speech, on which their contexts are chosen and they are measured
    """
    check_tables(target, force=force)
    training, measured = hold_out(tokens, HeldOut(minutes), codec.sample_rate)
    tables = fit_tables(training, measured)
    if target.is_file():  # files coded with the old ones can still be read
        digest = load_tables(target).digest.hex()
        with new_file(target.with_suffix(f".{digest}{SUFFIX}"), force=True) as file:
            file.write(target.read_bytes())
    rows = [row.table for row in tables]
    save_tables(target, tokens.model, tokens.shapes, LEVELS, rows, force=force)
    return TablesResult(target, tokens.model, tokens.shapes, tables, codec.sample_rate, measured)


def check_tables(target: Path, *, force: bool, sources: Iterable[Path] = ()) -> None:
    """Raises OutputError when tables cannot be written there. sources: what they are made from."""
    check_writable(target, force=force, sources=sources)
    if target.suffix != SUFFIX:
        raise OutputError(
            f"{target} should end in {SUFFIX}, and be named like the model that it lies beside"
        )


def codes_of(
    model: str,
    sources: Sequence[Path],
    folder: Path,
    *,
    prior: Path | None = None,
    progress: Progress | None = None,
) -> tuple[Codec, Tokens]:
    """A codec, and the codes of code files or of a manifest's recordings.

    model: a file, or "default"
    folder: where the codes of a manifest's recordings are kept, once they are encoded
    prior: the one by which code files may have been coded, if not the default one
    Raises CodesError when the codes are not of this model.
    """
    path = None if model == "default" else model
    codec = load(path)
    if len(sources) == 1 and sources[0].suffix == ".jsonl":
        tokens = encoded(codec, sources[0], folder, progress)
    else:
        tokens = from_files(sources, [*tables_beside(path), PriorCoder(load_prior(prior))])
    if tokens.model != codec.model:
        raise CodesError(
            f"the codes were made by {tokens.model}, not by {codec.model}: name the model that "
            "made them"
        )
    return codec, tokens


def encoded(codec: Codec, manifest: Path, folder: Path, progress: Progress | None = None) -> Tokens:
    """All codebooks' codes of a manifest's recordings, encoded or from `folder`."""
    rows = read_manifest(manifest)
    listing = [
        str(codec.model),
        *((str(row.audio), row.start, row.seconds, row.speaker) for row in rows),
        *((i, row.metadata["channel"]) for i, row in enumerate(rows) if "channel" in row.metadata),
    ]
    path = folder / f"tokens-{hashlib.sha256(json.dumps(listing).encode()).hexdigest()[:16]}.npz"
    if path.exists():
        return load_tokens(path).described_by(rows)
    sample_rate, codes = codec.sample_rate, []
    for row in rows:
        try:
            codes.append(codec.encode(read_utterance(row, sample_rate), sample_rate))
        except AudioError as error:
            raise AudioError(f"{row.audio}, from {row.start:g} s on: {error}") from error
        if progress is not None:
            progress(len(codes), len(rows))
    tokens = gather(codes, [row.speaker or "" for row in rows], [str(row.audio) for row in rows])
    make_folder(folder)
    tokens.save(path, force=True)
    return tokens.described_by(rows)
