"""Train every quantizer of the family in the same network on the same data, and print one table.

    python -m recipes.quantizers.study data/train.jsonl [--only rq4 --only rsq4] [--plot curves.png]

Every run is one CPU thread and leaves a JSON file; a finished run is not repeated, so an
interrupted study resumes with the same command. Variants are sections of `study.toml`. The headline
pairs have `--seeds` seeds, all others have one.
"""

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from recipes.processes import processes
from recipes.quantizers.config import Speech, Variant, names, variant
from recipes.quantizers.tables import picture, rows, table
from recipes.script import progress, read_result, run
from speechvq.config import to_dict
from speechvq.data.manifest import read_manifest
from speechvq.errors import SpeechVQError, TrainingError
from speechvq.output import new_file

PAIRS = (
    *("vqvae2-plain", "vqvae2-committed", "vqvae2", "sqvae2"),
    *("rq4-plain", "rq4-committed", "rq4", "rsq4"),
    *("rq8-plain", "rq8-committed", "rq8", "rsq8"),
)
"""The claims of HQ-VAE: each stochastic variant against the deterministic ones before it."""


def main(
    manifest: Annotated[
        Path,
        typer.Argument(help="Speech to train on; some of its speakers are held out."),
    ],
    only: Annotated[
        list[str] | None, typer.Option(help="Only this variant; may be given several times.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Seeds of the headline pairs.", min=1)] = 3,
    jobs: Annotated[int, typer.Option(help="Runs at a time, one thread each.", min=1)] = 2,
    steps: Annotated[
        int | None,
        typer.Option(help="Steps, in the place of those in study.toml.", min=1),
    ] = None,
    held_out: Annotated[
        float, typer.Option(help="Minutes of speech held out, as far as a tenth of all.", min=0.1)
    ] = 20.0,
    plot: Annotated[
        Path | None, typer.Option(help="Picture of error against bits to write.")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where results and packed audio go.")] = Path(
        "runs/quantizers"
    ),
) -> None:
    """Train, measure, and print the table."""
    chosen = only or names()
    configs = {name: variant(name) for name in chosen}  # refuse before anything is trained
    read_manifest(manifest)
    if steps is not None:
        configs = {name: replace(config, steps=steps) for name, config in configs.items()}
    paths = {
        (name, seed): folder / f"{name}-{seed}-{configs[name].steps}.json"
        for name, seed in _plan(chosen, seeds)
    }
    folder.mkdir(parents=True, exist_ok=True)
    speech = Speech(manifest, folder / "cache", held_out)
    os.environ["OMP_NUM_THREADS"] = "1"  # for the processes to come
    for (name, _), path in paths.items():
        if path.exists():
            _read(path, configs[name], speech)  # refuse before anything is trained
    with processes(jobs) as pool:
        missing = [(run, path) for run, path in paths.items() if not path.exists()]
        runs = [
            pool.submit(train_variant, name, seed, configs[name], speech, path)
            for (name, seed), path in missing
        ]
        for done in progress(runs, "training"):
            print(done.result(), file=sys.stderr)
    results = [
        _read(path, configs[name], speech) for (name, _), path in paths.items() if path.exists()
    ]
    print(table(rows(results)))
    if plot is not None:
        picture(results, plot)
    if len(results) < len(paths):
        raise TrainingError(
            f"{len(paths) - len(results)} of {len(paths)} runs failed, see above; the same command "
            "tries them again"
        )


def _plan(chosen: list[str], seeds: int) -> Iterator[tuple[str, int]]:
    """Which runs: the first seed of everything, then the others of the headline pairs."""
    yield from ((name, 0) for name in chosen)
    yield from ((name, seed) for seed in range(1, seeds) for name in PAIRS if name in chosen)


def _made_with(config: Variant, speech: Speech) -> dict[str, Any]:
    """All that a result depends on but its seed."""
    digest = hashlib.sha256(speech.manifest.read_bytes()).hexdigest()
    return {"config": to_dict(config), "manifest": digest, "held_out": speech.held_out}


def _read(path: Path, config: Variant, speech: Speech) -> dict[str, Any]:
    """The result of a run.

    Raises TrainingError when it was made with something else: figures must not be mixed.
    """
    result = read_result(path)
    if result.get("made_with") != json.loads(json.dumps(_made_with(config, speech))):
        raise TrainingError(
            f"{path} was made with another configuration or other speech: delete it, or give "
            "another --folder"
        )
    return result


def train_variant(name: str, seed: int, config: Variant, speech: Speech, path: Path) -> str:
    """A run in a process of its own; a line that says how it went."""
    from recipes.quantizers.fit import fit

    try:
        result = {"variant": name, "seed": seed, "made_with": _made_with(config, speech)} | fit(
            config, speech, seed
        )
    except SpeechVQError as error:
        return f"{name} seed {seed} failed: {error}"
    with new_file(path, force=True) as file:
        file.write(json.dumps(result, indent=1).encode())
    return f"{name} seed {seed}: {result['hard']['rmse']:.3f} dB in {result['took']:.0f} s"


if __name__ == "__main__":
    run(main)
