"""Every command that writes, on material that takes it a moment."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from recipes.robustness import tiny
from speechvq.codec.config import CodecConfig
from speechvq.codec.file import load, save_model
from speechvq.codec.voices import Voice
from speechvq.config import parse
from speechvq.data.manifest import Utterance, write_manifest
from speechvq.losses.mel import MelConfig
from speechvq.prior.file import Prior, save_prior
from speechvq.train.codec.config import (
    DataConfig,
    Experiment,
    OptimConfig,
    RunConfig,
    write_experiment,
)
from speechvq.units.alignments.alignment import Alignment, Interval
from speechvq.units.alignments.writers import write_textgrid

RATE = 16_000
SECONDS = 3
PLAN = """
name = "tiny"
[optim]
steps = 4
batch = 2
[prior]
width = 4
skip = 4
layers = 2
cycle = 2
context_layers = 1
[data]
held_out = { share = 0.3 }
longest = 40
[run]
log_every = 1
validate_every = 2
save_every = 1
"""


@dataclass(frozen=True)
class Writer:
    """A command that writes.

    name: what the result is called in the folder of a trial
    words: of the command line, given that path
    force: whether it takes --force; trainings go on where they stopped
    run: whether the result is the folder of a training
    """

    name: str
    words: Callable[[Path], list[str | Path]]
    force: bool = True
    run: bool = False


def material(folder: Path) -> None:
    """Speech, a model, a prior, and what the commands need beside them."""
    corpus = folder / "corpus"
    random = np.random.default_rng(0)
    rows: list[Utterance] = []
    time = np.arange(SECONDS * RATE) / RATE
    for speaker in range(4):
        for take in range(2):
            buzz = np.sign(np.sin(2 * np.pi * (90 + 30 * speaker + 5 * take) * time))
            path = corpus / f"speaker{speaker}" / f"{speaker}{take}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, 0.3 * buzz + 0.01 * random.normal(size=time.size), RATE)
            phones = (Interval(0.0, 1.0, "a"), Interval(1.0, 2.0, "s"), Interval(2.0, 3.0, "i"))
            grid = folder / "align" / path.parent.name / f"{path.stem}.TextGrid"
            grid.parent.mkdir(parents=True, exist_ok=True)
            write_textgrid(grid, [Alignment(phones, "phones")], seconds=float(SECONDS))
            rows.append(Utterance(path, float(SECONDS), path.parent.name))
    write_manifest(folder / "manifest.jsonl", rows)
    voices = [Voice("bdl", bytes(range(3)), {"seconds": 20}), Voice("slt", bytes(3), {})]
    save_model(folder / "m.safetensors", tiny.codec().network, "tiny", voices)
    name = load(folder / "m.safetensors").model
    save_prior(folder / "p.safetensors", Prior(tiny.prior_network().eval(), "p", name, ()))
    (folder / "plan.toml").write_text(PLAN, encoding="utf-8")
    write_experiment(folder / "train.toml", experiment(folder))


def experiment(folder: Path) -> Experiment:
    """A training of the tiny codec for a few steps, with a checkpoint after each."""
    return Experiment(
        name="tiny",
        data=DataConfig(
            manifest=str(folder / "manifest.jsonl"),
            validation_files=1,
            crop=0.25,
            cache=str(folder / "cache"),
        ),
        codec=parse(CodecConfig, tiny.CONFIG),
        optim=OptimConfig(steps=4, batch=2, warmup=2, learning_rate=1e-3, reset_every=2),
        mel=MelConfig(windows=(256, 64), bands=(16, 8)),
        run=RunConfig(folder="run", log_every=1, validate_every=2, save_every=1, seed=1),
    )


def preparations(folder: Path, *, run: bool) -> list[list[str | Path]]:
    """Command lines that make the rest of the material. run: also a training, to be exported."""
    model = ["-m", folder / "m.safetensors", "-q"]
    (folder / "codes").mkdir(exist_ok=True)
    made: list[list[str | Path]] = []
    for path in sorted((folder / "corpus").rglob("*.wav")):
        place = folder / "codes" / path.parent.name / f"{path.stem}.codes"
        place.parent.mkdir(exist_ok=True)
        made.append(["encode", path, place, *model])
    if run:
        made.append(["train", folder / "train.toml", "--folder", folder / "run", *CPU])
    return made


CPU = ("--accelerator", "cpu")


def writers(folder: Path) -> dict[str, Writer]:
    """The commands, by their names."""
    clip = folder / "corpus" / "speaker0" / "00.wav"
    codes = folder / "codes" / "speaker0" / "00.codes"
    named = ["-m", folder / "m.safetensors"]
    model: list[str | Path] = [*named, "-q"]
    prior: list[str | Path] = ["--prior", folder / "p.safetensors"]
    config, plan = folder / "train.toml", folder / "plan.toml"
    all_codes, align = folder / "codes", folder / "align"
    return {
        "encode": Writer("a.codes", lambda to: ["encode", clip, to, *model]),
        "decode": Writer("a.wav", lambda to: ["decode", codes, to, *model]),
        "decode to FLAC": Writer("a.flac", lambda to: ["decode", codes, to, *model]),
        "convert": Writer("a.wav", lambda to: ["convert", clip, to, "-s", "bdl", *model]),
        "sample": Writer("a.wav", lambda to: ["sample", to, "--seconds", "1", *model, *prior]),
        "prepare": Writer("a.jsonl", lambda to: ["prepare", folder / "corpus", to, "-q"]),
        "export": Writer(
            "a.safetensors", lambda to: ["export", folder / "run", to, "--seconds", "0"]
        ),
        "units": Writer(
            "out",
            lambda to: ["units", all_codes, "--align", align, "--out", to, "--no-abx", "-q"],
        ),
        "prior tables": Writer("a.tables", lambda to: ["prior", "tables", named[1], to, all_codes]),
        "train": Writer(
            "run", lambda to: ["train", config, "--folder", to, *CPU], force=False, run=True
        ),
        "prior train": Writer(
            "run",
            lambda to: ["prior", "train", plan, named[1], all_codes, "--folder", to, *CPU],
            force=False,
            run=True,
        ),
    }
