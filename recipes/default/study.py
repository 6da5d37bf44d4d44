"""Ablation study of the default model: train variants for a short while, measure every prefix.

    python -m recipes.default.study data/train.jsonl [--only loudness --only p-wide] > study.md

Variants are sections of `study.toml`; "p-" begins the names of those with the perceptual losses,
"d-" of those that are fine-tuned from the default model. Every run is one CPU thread and leaves a
checkpoint folder and a JSON file; what is there is not done again, so an interrupted study resumes
with the same command. Measures are those of `recipes/evaluate/measures.py` on speakers held out of
training, hard codes, nothing aligned; seconds are CPU time.
"""

import hashlib
import json
import math
import os
import sys
import time
from collections.abc import Iterable
from dataclasses import replace
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Any

import typer

from recipes.ablation import variant_names, variant_table
from recipes.processes import processes
from recipes.script import progress, read_result, run
from speechvq.config import override, parse, to_dict
from speechvq.data.manifest import read_manifest
from speechvq.errors import ConfigError, SpeechVQError, TrainingError
from speechvq.output import new_file
from speechvq.train.codec.config import DataConfig, Experiment

STUDY = Path(__file__).with_name("study.toml")
MEASURED = {"validation_files": 16, "validation_seconds": 8.0}
"""What is measured: how many files of the held-out speakers, and how many seconds of each."""
NAMES = ("PESQ-WB", "STOI", "ESTOI", "mel")


def main(
    manifest: Annotated[
        Path,
        typer.Argument(help="Speech to train on; some of its speakers are held out."),
    ],
    only: Annotated[
        list[str] | None, typer.Option(help="Only this variant; may be given several times.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Runs of every variant.", min=1)] = 1,
    jobs: Annotated[int, typer.Option(help="Runs at a time, one thread each.", min=1)] = 2,
    steps: Annotated[
        int | None, typer.Option(help="Steps, in the place of those in study.toml.", min=1)
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where runs, results and packed audio go.")] = Path(
        "runs/default-study"
    ),
) -> None:
    """Train, measure, and print the table."""
    names = only or sorted(variant_names(STUDY))
    read_manifest(manifest)
    runs = {
        (name, seed): variant(name, manifest, folder, seed=seed, steps=steps)
        for name in names
        for seed in range(seeds)
    }
    folder.mkdir(parents=True, exist_ok=True)
    results = {run: _read(experiment) for run, experiment in runs.items()}  # before any training
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes to come
    with processes(jobs) as pool:
        missing = [experiment for run, experiment in runs.items() if results[run] is None]
        started = [pool.submit(train_experiment, experiment) for experiment in missing]
        for done in progress(started, "training"):
            print(done.result(), file=sys.stderr, flush=True)
    results = {run: _read(experiment) for run, experiment in runs.items()}
    groups = {
        name: [result for (other, _), result in results.items() if other == name and result]
        for name in names
    }
    print(table(groups))
    lost = sum(result is None for result in results.values())
    if lost:
        raise TrainingError(
            f"{lost} of {len(runs)} runs failed, see above; the same command tries them again"
        )


def variant(
    name: str, manifest: Path, folder: Path, *, seed: int = 0, steps: int | None = None
) -> Experiment:
    """The experiment of a variant. Raises ConfigError naming the variant when it cannot exist."""
    changes: dict[str, Any] = {
        "name": name,
        "data.manifest": str(manifest),
        "data.cache": str(folder / "cache"),
        "run.seed": seed,
    }
    if steps is not None:
        changes["optim.steps"] = steps
    try:
        experiment = parse(Experiment, override(variant_table(STUDY, name), changes))
    except ConfigError as error:
        raise ConfigError(f"variant {name}: {error}") from error
    run = folder / f"{name}-{seed}-{experiment.optim.steps}"
    return replace(experiment, run=replace(experiment.run, folder=str(run)))


def train_experiment(experiment: Experiment) -> str:
    """A run in a process of its own; a line that says how it went."""
    import lightning_fabric
    import torch

    from speechvq.train.codec.loop import train

    torch.set_num_threads(1)
    begun = time.process_time()
    try:
        last = train(experiment, lightning_fabric.Fabric(accelerator="cpu", devices=1))
    except SpeechVQError as error:
        return f"{experiment.run.folder} failed: {error}"
    seconds = time.process_time() - begun
    result = {"made_with": _made_with(experiment), "seconds": seconds} | measure(experiment, last)
    path = Path(experiment.run.folder).with_suffix(".json")
    with new_file(path, force=True) as file:
        file.write(json.dumps(result, indent=1).encode())
    return f"{path.stem}: PESQ-WB {result['prefixes'][-1]['PESQ-WB']:.3f} in {seconds:.0f} s"


def measure(experiment: Experiment, checkpoint: Path) -> dict[str, Any]:
    """Quality of every prefix on held-out speakers, number of parameters, and latency."""
    import torch

    from recipes.evaluate.measures import scores
    from speechvq.codec.network import Network
    from speechvq.nn.speaker import rounded
    from speechvq.train.checkpoint import best_weights
    from speechvq.train.codec.data import load_speech, validation_waves

    network = Network(experiment.codec).eval()
    network.load_state_dict(best_weights(checkpoint, network))
    rate, data = experiment.codec.sample_rate, replace(experiment.data, **MEASURED)
    waves = validation_waves(load_speech(data, rate).validation, data, rate)
    rows: list[list[dict[str, float]]] = []
    with torch.inference_mode():
        for wave in waves:
            original, features = wave[0, 0].numpy(), network.features(wave)
            embedding = rounded(network.reference(wave))
            row = []
            for index in range(len(network.topdown.codebooks)):
                codes = network.topdown.encode(features, index + 1)
                decoded = network.decode(codes, embedding)[0, 0, : len(original)]
                row.append(scores(original, decoded.clip(-1, 1).numpy()))
            rows.append(row)
    means = [
        {name: _mean(row[index][name] for row in rows) for name in NAMES}
        for index in range(len(rows[0]))
    ]
    parameters = sum(value.numel() for value in network.parameters())
    return {
        "prefixes": means,
        "parameters": parameters,
        "latency": network.latency / rate,
        "rates": _rates(experiment),
    }


def _rates(experiment: Experiment) -> list[float]:
    """Bits per second of every prefix."""
    codec = experiment.codec
    rates = [codec.sample_rate / hop * (size - 1).bit_length() for hop, size in codec.codebooks]
    return list(accumulate(rates))


def _mean(values: Iterable[float]) -> float:
    """Over those that are numbers."""
    numbers = [value for value in values if not math.isnan(value)]
    return sum(numbers) / len(numbers) if numbers else math.nan


def table(results: dict[str, list[dict[str, Any]]]) -> str:
    """Markdown: a row a variant, means over its seeds, at the codebooks in each column."""
    columns = [
        "variant",
        "seeds",
        "ms a step",
        "million parameters",
        "latency ms",
        "kbit/s",
        *NAMES,
        "of the first three codebooks",
    ]
    lines = [columns, ["---"] * len(columns)]
    for name, group in results.items():
        if group:
            lines.append([name, *_cells(group)])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cells(group: list[dict[str, Any]]) -> list[str]:
    def mean(index: int, name: str) -> str:
        return f"{_mean(result['prefixes'][index][name] for result in group):.3f}"

    first, steps = group[0], group[0]["made_with"]["optim"]["steps"]
    third = min(3, len(first["rates"])) - 1
    return [
        str(len(group)),
        f"{1000 * _mean(result['seconds'] for result in group) / steps:.0f}",
        f"{first['parameters'] / 1e6:.2f}",
        f"{1000 * first['latency']:.0f}",
        f"{first['rates'][-1] / 1000:.3f}",
        *(mean(-1, name) for name in NAMES),
        f"{first['rates'][third] / 1000:.3f} kbit/s: "
        + " / ".join(mean(third, name) for name in NAMES[:3]),
    ]


def _made_with(experiment: Experiment) -> dict[str, Any]:
    """All that a result depends on."""
    values = to_dict(experiment)
    values["data"]["manifest"] = hashlib.sha256(
        Path(experiment.data.manifest).read_bytes()
    ).hexdigest()
    values["data"]["cache"] = DataConfig.cache
    values["run"]["folder"] = ""
    return json.loads(json.dumps(values))


def _read(experiment: Experiment) -> dict[str, Any] | None:
    """The result of a run, None where there is none yet.

    Raises TrainingError when it was made with something else: figures must not be mixed.
    """
    path = Path(experiment.run.folder).with_suffix(".json")
    if not path.exists():
        return None
    result = read_result(path)
    try:  # options newer than the result have their defaults
        is_same = parse(Experiment, result.get("made_with")) == parse(
            Experiment, _made_with(experiment)
        )
    except ConfigError:
        is_same = False
    if not is_same:
        raise TrainingError(
            f"{path} was made with another configuration or other speech: delete it, or give "
            "another --folder"
        )
    return result


if __name__ == "__main__":
    run(main)
