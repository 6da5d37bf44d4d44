r"""Train the speech system of the VQ-VAE paper, or one with another kind of latent.

    python -m recipes.vqvae2017.train data/train.jsonl [--latent gaussian] \
        [--folder runs/vqvae2017]

The same command resumes an interrupted run. The bits per sample that it prints are those of
training crops, teacher-forced.
"""

import hashlib
import math
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tomli_w
import torch
import typer
from torch import Tensor

from recipes.script import run
from recipes.vqvae2017.plan import SAMPLE_RATE, Plan, read_plan
from recipes.vqvae2017.system import System, objective
from speechvq.codes import ModelId
from speechvq.config import to_dict
from speechvq.data.corpus import Corpus, Sampler
from speechvq.data.manifest import read_manifest
from speechvq.errors import TrainingError
from speechvq.output import new_file
from speechvq.quantize.learning import CodebookLearner, codeword_sums
from speechvq.train.checkpoint import TrainState, best_weights, checkpoints
from speechvq.train.codec.config import DataConfig
from speechvq.train.codec.data import load_speech
from speechvq.train.ema import WeightEMA
from speechvq.train.fabric import launched
from speechvq.train.fit import Intervals, Numbers, Task, fit
from speechvq.train.log import Log

HERE = Path(__file__).parent
LOG_EVERY, SAVE_EVERY, NEVER = 50, 250, 10**9


def main(
    manifest: Annotated[
        Path, typer.Argument(help="Speech to train on; some of its speakers are held out.")
    ],
    config: Annotated[Path, typer.Option(help="A TOML file.")] = HERE / "config.toml",
    latent: Annotated[
        str | None, typer.Option(help="codes, gaussian or none, instead of the configuration's.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Number of steps, instead of optim.steps.", min=1)
    ] = None,
    bf16: Annotated[
        bool,
        typer.Option(help="Multiply in bfloat16: 1.5 times as fast where the CPU supports it."),
    ] = False,
    folder: Annotated[
        Path, typer.Option(help="The run is written to a folder in it, named after the latent.")
    ] = Path("runs/vqvae2017"),
    cache: Annotated[Path, typer.Option(help="Folder of packed audio.")] = Path("runs/cache"),
) -> None:
    """Train, or resume."""
    plan = read_plan(config)
    plan = plan if latent is None else replace(plan, system=replace(plan.system, latent=latent))
    plan = plan if steps is None else replace(plan, optim=replace(plan.optim, steps=steps))
    print(train(plan, corpora(manifest, cache, plan)[0], folder / plan.system.latent, bf16=bf16))


def corpora(manifest: Path, cache: Path, plan: Plan) -> tuple[Corpus, Corpus]:
    """Packed audio to train on, and that of the held-out speakers."""
    read_manifest(manifest)
    data = DataConfig(str(manifest), held_out=plan.held_out, cache=str(cache))
    speech = load_speech(data, SAMPLE_RATE)
    return speech.training, speech.validation


def train(
    plan: Plan, corpus: Corpus, folder: Path, *, bf16: bool = False, stop_at: int | None = None
) -> Path:
    """Train, or resume, in `folder`; the last checkpoint.

    Raises TrainingError when the loss is not finite or the folder holds a run with another plan.
    """
    torch.manual_seed(plan.seed)
    task = SystemTask(plan, corpus, folder, bf16=bf16)
    with Log(folder, SAMPLE_RATE) as log:
        fit(
            task,
            task.state,
            plan.optim,
            launched("cpu", 1),
            Intervals(LOG_EVERY, NEVER, SAVE_EVERY),
            folder=folder,
            stop_at=stop_at,
            log=log,
            report=_report,
        )
    return folder / f"step-{task.state.step:08d}"


def _report(kind: str, step: int, numbers: Numbers) -> None:
    if kind == "train":
        print(f"step {step}  {numbers['bits']:.3f} bits per sample", file=sys.stderr, flush=True)


class SystemTask(Task):
    """The training of the system."""

    def __init__(self, plan: Plan, corpus: Corpus, folder: Path, *, bf16: bool) -> None:
        self.plan, self.folder, self.bf16 = plan, folder, bf16
        self.system, optim = System(plan.system, len(corpus.names)), plan.optim
        optimizer = torch.optim.AdamW(
            self.system.parameters(),
            lr=optim.learning_rate,
            betas=(0.9, 0.98),
            weight_decay=0.01,
            fused=True,
        )
        self.codebooks = CodebookLearner(self.system.codebooks, decay=0.99)
        ema = WeightEMA(self.system, optim.ema_decay)
        self.state = TrainState(self.system, optimizer, ema, {"codebooks": self.codebooks})
        self.sampler = Sampler(
            corpus,
            crop=plan.samples,
            references=0,
            gain_db=(-6.0, 3.0),
            seed=plan.seed,
            sample_rate=SAMPLE_RATE,
        )

    @torch.no_grad()
    def begin(self, *, new: bool) -> None:
        """Initialize the codewords as k-means centers of some batches, and note the plan."""
        plan, path = self.plan, self.folder / "plan.toml"
        if new and self.codebooks.active:
            waves = torch.from_numpy(self.sampler.batch(0, 1, 32 * plan.optim.batch).waves)
            self.codebooks.init_kmeans(
                lambda: self.system.train().encode(waves).inputs, seed=plan.seed
            )
        if not new and same(read_plan(path)) != same(plan):
            raise TrainingError(
                f"{self.folder} holds a run with another plan: give its configuration, or another "
                "--folder"
            )
        with new_file(path, force=True) as file:
            file.write(tomli_w.dumps(to_dict(plan)).encode())

    def loss(self, step: int) -> tuple[Tensor, Numbers]:
        """The objective on the batch of a step; bits per sample."""
        plan, optim = self.plan, self.plan.optim
        batch = self.sampler.batch(step, 0, optim.batch)
        self._random = torch.Generator().manual_seed(plan.seed * 1_000_003 + step)
        voices = torch.from_numpy(batch.voices)
        voices = torch.where(
            torch.rand(len(voices), generator=self._random) < plan.conditioning_dropout, -1, voices
        )
        torch.manual_seed(plan.seed * 1_000_003 + step)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            loss, nats, quantized = objective(
                self.system.train(), torch.from_numpy(batch.waves), voices, optim.commitment
            )
        self._quantized, rate = quantized, 0.0
        if plan.system.latent == "gaussian":
            rate = quantized.rates.sum(1).mean().item() / plan.samples
        return loss, {
            "bits": nats.mean().item() / math.log(2),
            "rate_bits": rate / math.log(2),
        }

    def stepped(self, step: int, loss: float) -> Numbers:
        """Let the codebook learn."""
        del loss
        if self._quantized.codes:
            used = torch.ones(len(self._quantized.codes[0]))
            self.codebooks.update(codeword_sums(self._quantized, used, self.plan.system.size))
            if (step + 1) % self.plan.optim.reset_every == 0:
                self.codebooks.reset_dead(self._random)
        return {}


def same(plan: Plan) -> Plan:
    """The part of a plan that must not change when a run is resumed: all but the steps."""
    return replace(plan, optim=replace(plan.optim, steps=1))


def trained(folder: Path) -> tuple[Plan, System, ModelId]:
    """The plan, the system and the name of its weights, of a run. Raises TrainingError."""
    saved = checkpoints(folder)
    if not saved:
        raise TrainingError(f"{folder} has no run of train.py")
    plan, weights = read_plan(folder / "plan.toml"), best_weights(saved[-1])
    system = System(plan.system, len(weights["speaker.weight"]) - 1)
    system.load_state_dict(best_weights(saved[-1], system))
    bits = b"".join(weights[name].numpy().tobytes() for name in sorted(weights))
    return plan, system.eval(), ModelId("vqvae2017", hashlib.sha256(bits).digest()[:8])


if __name__ == "__main__":
    run(main)
