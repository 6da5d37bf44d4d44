"""Train the speech system of the VQ-VAE paper, or one with another latent in the place of its codes.

    python -m recipes.vqvae2017.train data/train.jsonl [--latent gaussian] [--folder runs/vqvae2017]

An interrupted run goes on with the same command. Bits a sample on the way are those of training
crops, teacher-forced.
"""

import hashlib
import math
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import tomli_w
import torch
import typer
from torch import nn

from recipes.vqvae2017.plan import SAMPLE_RATE, Plan, read_plan
from recipes.vqvae2017.system import System, objective
from speechvq.codes import ModelId
from speechvq.config import to_dict
from speechvq.data.corpus import Corpus, Sampler
from speechvq.data.manifest import read_manifest
from speechvq.errors import SpeechVQError, TrainingError
from speechvq.quantize.learning import CodebookLearner, codeword_sums
from speechvq.train.checkpoint import TrainState, best_weights
from speechvq.train.codec.config import DataConfig
from speechvq.train.codec.loop import load_corpus
from speechvq.train.ema import Average
from speechvq.train.log import Log
from speechvq.train.schedule import learning_rate

HERE = Path(__file__).parent
LOG_EVERY, SAVE_EVERY = 50, 250


def main(
    manifest: Annotated[
        Path, typer.Argument(help="Speech to train on; some of its speakers are kept out.")
    ],
    config: Annotated[Path, typer.Option(help="A TOML file.")] = HERE / "config.toml",
    latent: Annotated[
        str | None, typer.Option(help="codes, gaussian or none, instead of the configuration's.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="So many steps instead of optim.steps.", min=1)
    ] = None,
    bf16: Annotated[
        bool, typer.Option(help="Products in bfloat16: half again as fast where the CPU has them.")
    ] = False,
    folder: Annotated[
        Path, typer.Option(help="Where the run goes, in a folder named after the latent.")
    ] = Path("runs/vqvae2017"),
    cache: Annotated[Path, typer.Option(help="Where packed audio goes.")] = Path("runs/cache"),
) -> None:
    """Train, or go on."""
    plan = read_plan(config)
    plan = plan if latent is None else replace(plan, system=replace(plan.system, latent=latent))
    plan = plan if steps is None else replace(plan, optim=replace(plan.optim, steps=steps))
    print(train(plan, corpora(manifest, cache, plan)[0], folder / plan.system.latent, bf16=bf16))


def corpora(manifest: Path, cache: Path, plan: Plan) -> tuple[Corpus, Corpus]:
    """Packed audio to train on, and that of the speakers kept out."""
    read_manifest(manifest)
    return load_corpus(
        DataConfig(str(manifest), validation_speakers=plan.held_out, cache=str(cache)), SAMPLE_RATE
    )


def train(
    plan: Plan, corpus: Corpus, folder: Path, *, bf16: bool = False, stop_at: int | None = None
) -> Path:
    """Train, or go on, in `folder`; the last checkpoint. Raises TrainingError when the loss is no longer a number."""
    torch.manual_seed(plan.seed)
    system, optim = System(plan.system, len(corpus.names)), plan.optim
    optimizer = torch.optim.AdamW(
        system.parameters(),
        lr=optim.learning_rate,
        betas=(0.9, 0.98),
        weight_decay=0.01,
        fused=True,
    )
    codebooks = CodebookLearner(system.codebooks, decay=0.99)
    state = TrainState(system, optimizer, codebooks, Average(system, optim.ema_decay))
    sampler = Sampler(
        corpus,
        crop=plan.samples,
        references=0,
        gain_db=(-6.0, 3.0),
        seed=plan.seed,
        sample_rate=SAMPLE_RATE,
    )
    resumed, begun = state.load(folder), time.perf_counter()
    if not resumed and codebooks.active:
        _start(system, codebooks, sampler, plan)
    folder.mkdir(parents=True, exist_ok=True)
    if resumed and same(read_plan(folder / "plan.toml")) != same(plan):
        raise TrainingError(
            f"{folder} holds a run with another plan: give its configuration, or another --folder"
        )
    (folder / "plan.toml").write_text(tomli_w.dumps(to_dict(plan)), encoding="utf-8")
    stop = min(stop_at or optim.steps, optim.steps)
    with Log(folder, SAMPLE_RATE) as log:
        while state.step < stop:
            numbers = _step(plan, state, sampler, bf16=bf16)
            state.step += 1
            if state.average is not None:
                state.average.update(system, state.step)
            if state.step % LOG_EVERY == 0 or state.step == stop:
                log.numbers("train", state.step, numbers | {"seconds": time.perf_counter() - begun})
                print(
                    f"step {state.step}  {numbers['bits']:.3f} bits a sample",
                    file=sys.stderr,
                    flush=True,
                )
            if state.step % SAVE_EVERY == 0 or state.step == stop:
                state.save(folder)
    return folder / f"step-{state.step:08d}"


def same(plan: Plan) -> Plan:
    """What must not change when a run goes on: all but the number of steps."""
    return replace(plan, optim=replace(plan.optim, steps=1))


@torch.no_grad()
def _start(system: System, codebooks: CodebookLearner, sampler: Sampler, plan: Plan) -> None:
    """Entries begin as k-means centres of some batches."""
    waves = torch.from_numpy(sampler.batch(0, 1, 32 * plan.optim.batch).waves)
    codebooks.init_kmeans(lambda: system.train().encode(waves).inputs, seed=plan.seed)


def _step(plan: Plan, state: TrainState, sampler: Sampler, *, bf16: bool) -> dict[str, float]:
    optim, system, step = plan.optim, state.network, state.step
    batch = sampler.batch(step, 0, optim.batch)
    random = torch.Generator().manual_seed(plan.seed * 1_000_003 + step)
    voices = torch.from_numpy(batch.voices)
    voices = torch.where(
        torch.rand(len(voices), generator=random) < plan.conditioning_dropout, -1, voices
    )
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(step, optim)
    torch.manual_seed(plan.seed * 1_000_003 + step)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        loss, nats, quantized = objective(
            system.train(), torch.from_numpy(batch.waves), voices, optim.commitment
        )
    if not math.isfinite(loss.item()):
        raise TrainingError(
            f"the loss is {loss.item()} at step {step}: lower optim.learning_rate, then run the same "
            "command again"
        )
    loss.backward()
    nn.utils.clip_grad_norm_(system.parameters(), optim.grad_clip)
    state.optimizer.step()
    state.optimizer.zero_grad()
    if quantized.codes and state.codebooks is not None:
        state.codebooks.update(codeword_sums(quantized, torch.ones(len(nats)), plan.system.size))
        if (step + 1) % optim.reset_every == 0:
            state.codebooks.reset_dead(random)
    rate = (
        quantized.rates.sum(1).mean().item() / plan.samples
        if plan.system.latent == "gaussian"
        else 0.0
    )
    return {
        "bits": nats.mean().item() / math.log(2),
        "rate_bits": rate / math.log(2),
        "loss": loss.item(),
    }


def trained(folder: Path) -> tuple[Plan, System, ModelId]:
    """The plan, the system and a name for its weights, of a run. Raises TrainingError when there is none."""
    checkpoints = sorted(folder.glob("step-*"))
    if not checkpoints:
        raise TrainingError(f"{folder} holds no run of train.py")
    plan, weights = read_plan(folder / "plan.toml"), best_weights(checkpoints[-1])
    system = System(plan.system, len(weights["speaker.weight"]) - 1)
    system.load_state_dict(weights)
    bits = b"".join(weights[name].numpy().tobytes() for name in sorted(weights))
    return plan, system.eval(), ModelId("vqvae2017", hashlib.sha256(bits).digest()[:8])


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"train: {error}")
