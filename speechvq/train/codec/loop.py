"""The training loop: plain Python over Lightning Fabric, which owns devices, precision and ranks."""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import lightning_fabric
import numpy as np
import torch
from torch import Tensor, nn

from speechvq.audio.files import read_mono
from speechvq.data.corpus import Corpus, Sampler, pack
from speechvq.data.manifest import Utterance, read_manifest
from speechvq.errors import ConfigError, TrainingError
from speechvq.nn.speaker import rounded
from speechvq.quantize.codebook import Codebook
from speechvq.quantize.learning import CodebookLearner
from speechvq.train.checkpoint import TrainState
from speechvq.train.codec.adversary import Adversary
from speechvq.train.codec.config import (
    DataConfig,
    Experiment,
    OptimConfig,
    judged,
    write_experiment,
)
from speechvq.train.codec.init_from import begin_with
from speechvq.train.codec.objective import Objective, validate
from speechvq.train.ema import Average
from speechvq.train.log import Log
from speechvq.train.optimizer import freeze, parameter_groups
from speechvq.train.schedule import bypass, learning_rate, temperature

STARTING_BATCHES = 4
"""How many batches k-means sees before the first step."""

Report = Callable[[int, dict[str, float]], None]
"""Called with the step and its numbers."""


def train(
    experiment: Experiment,
    fabric: lightning_fabric.Fabric,
    *,
    stop_at: int | None = None,
    report: Report | None = None,
    change: Callable[[Objective], None] | None = None,
) -> Path:
    """Train, or go on training, in `experiment.run.folder`; the path of the last checkpoint.

    stop_at: stop early at this step, as if interrupted
    change: given the objective before anything is learnt, to train it otherwise than an experiment
    can say Raises TrainingError when the loss is no longer a number, ManifestError or ConfigError
    when the run cannot start.
    """
    folder = Path(experiment.run.folder)
    if experiment.optim.batch % fabric.world_size:
        raise ConfigError(
            f"optim.batch {experiment.optim.batch} does not divide by {fabric.world_size} devices"
        )
    torch.manual_seed(experiment.run.seed)
    objective = Objective(experiment).to(
        fabric.device
    )  # before the optimizer and the mean of the weights are made
    if change is not None:
        change(objective)
    crop = (
        round(experiment.data.crop * experiment.codec.sample_rate / objective.network.hop)
        * objective.network.hop
    )
    if fabric.global_rank == 0:
        folder.mkdir(parents=True, exist_ok=True)
        write_experiment(folder / "experiment.toml", experiment)
        load_corpus(experiment.data, experiment.codec.sample_rate)
    fabric.barrier()
    training, validation = load_corpus(experiment.data, experiment.codec.sample_rate)
    sampler = Sampler(
        training,
        crop=crop,
        references=experiment.data.references,
        gain_db=(experiment.data.gain_db[0], experiment.data.gain_db[1]),
        seed=experiment.run.seed,
        sample_rate=experiment.codec.sample_rate,
        augment=experiment.data.augment,
    )
    waves = validation_waves(validation, experiment.data, experiment.codec.sample_rate)
    plan, start = experiment.optim, experiment.run.init_from
    freeze(objective.network, plan.frozen)
    groups = parameter_groups(
        objective,
        weight_decay=plan.weight_decay,
        codebook_learning_rate=plan.codebook_learning_rate,
        variance_learning_rate=plan.variance_learning_rate,
    )
    optimizer = torch.optim.AdamW(groups, lr=plan.learning_rate, betas=_betas(plan), fused=True)
    codebooks = CodebookLearner(objective.network.topdown.codebooks, decay=plan.codebook_decay)
    average = Average(objective.network, plan.ema_decay) if plan.ema_decay else None
    adversary = Adversary(experiment.discriminators, fabric) if judged(experiment.weights) else None
    state = TrainState(objective.network, optimizer, codebooks, average, adversary)
    new = not state.load(folder)
    fresh = begin_with(objective.network, start) if new and start is not None else None
    model, optimizer = fabric.setup(objective, optimizer)
    state.optimizer = optimizer.optimizer
    with Log(
        folder / f"log-{fabric.global_rank}" if fabric.global_rank else folder,
        experiment.codec.sample_rate,
    ) as log:
        run = Run(
            experiment, fabric, objective, model, state, codebooks, sampler, waves, log, report
        )
        if fresh or (plan.codebook_init == "kmeans" and new and start is None):
            run.start_codebooks(fresh)
        return run.fit(min(stop_at or plan.steps, plan.steps))


@dataclass
class Run:
    """A started run: `fit` goes through the steps, everything it needs at hand."""

    experiment: Experiment
    fabric: lightning_fabric.Fabric
    objective: Objective
    model: nn.Module
    state: TrainState
    codebooks: CodebookLearner
    sampler: Sampler
    waves: list[Tensor]
    log: Log
    report: Report | None

    @property
    def folder(self) -> Path:
        """Where results go."""
        return Path(self.experiment.run.folder)

    def fit(self, stop: int) -> Path:
        """Take steps until `stop`; the path of the last checkpoint."""
        plan, begun, since = self.experiment.run, time.perf_counter(), self.state.step
        while self.state.step < stop:
            numbers = self.step()
            self.state.step += 1
            now = self.state.step
            if self.state.average is not None:
                self.state.average.update(self.objective.network, now)
            if now % plan.log_every == 0 or now == stop:
                examples = self.experiment.optim.batch * (now - since)
                numbers["seconds_of_audio_per_second"] = (
                    examples * self.experiment.data.crop / (time.perf_counter() - begun)
                )
                begun, since = time.perf_counter(), now
                self._tell("train", numbers)
            if now % plan.validate_every == 0 or now == stop:
                self._validate()
            if now % plan.save_every == 0 or now == stop:
                self._save()
        return self.folder / f"step-{self.state.step:08d}"

    def start_codebooks(self, only: Sequence[Codebook] | None = None) -> None:
        """k-means centres of what every codebook, or only these, gets to quantize in a few batches, the same on every rank."""
        count, network = self.experiment.optim.batch, self.objective.network
        batches = [self.sampler.batch(step, 0, count).waves for step in range(STARTING_BATCHES)]

        @torch.no_grad()
        def inputs() -> list[Tensor]:
            waves = [
                torch.from_numpy(batch).to(self.fabric.device).unsqueeze(1) for batch in batches
            ]
            found = [network.topdown(network.features(wave)).inputs for wave in waves]
            return [torch.cat(codebook) for codebook in zip(*found, strict=True)]

        network.eval()
        self.codebooks.init_kmeans(inputs, seed=self.experiment.run.seed, only=only)
        for one in self.codebooks.distinct:
            one.codewords.data.copy_(self.fabric.broadcast(one.codewords.data))
        network.train()

    def step(self) -> dict[str, float]:
        """One optimisation step on the batch that belongs to the current step."""
        plan, fabric, step = self.experiment.optim, self.fabric, self.state.step
        count = plan.batch // fabric.world_size
        batch = self.sampler.batch(step, fabric.global_rank, count)
        seed = (self.experiment.run.seed * 1_000_003 + step) * 64 + fabric.global_rank
        random = torch.Generator().manual_seed(seed)
        depth = self.objective.depths(count, random).to(fabric.device)
        skip = self.objective.bypasses(count, bypass(step, plan), random).to(fabric.device)
        generator = torch.Generator(fabric.device).manual_seed(seed)
        optimizer = self.state.optimizer
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, plan) * group["scale"]
        heat = temperature(step, plan)
        waves = torch.from_numpy(batch.waves).to(fabric.device)
        references = torch.from_numpy(batch.references).to(fabric.device)
        judge = self._judge()
        terms = None if judge is None else judge.terms
        loss, numbers = self.model(
            waves, references, depth, skip, heat, generator, self._add, terms
        )
        if not math.isfinite(numbers["loss"]):
            raise TrainingError(
                f"the loss is {numbers['loss']} at step {step}; the last checkpoint in "
                f"{self.folder} is whole:"
                " lower optim.learning_rate or optim.grad_clip, then run the same command again"
            )
        fabric.backward(loss)
        norm = nn.utils.clip_grad_norm_(self.objective.network.parameters(), plan.grad_clip)
        if math.isfinite(norm):
            optimizer.step()
        optimizer.zero_grad()
        if self.state.adversary is not None:
            numbers["judges"] = (
                math.nan if judge is None else judge.learn(waves, self.objective.estimate)
            )
        numbers["revived"] = self._learn_codebooks()
        return numbers | {
            "gradient_norm": norm.item(),
            "learning_rate": learning_rate(step, plan),
            "temperature": heat,
        }

    def _judge(self) -> Adversary | None:
        """The discriminators, once it is their time."""
        begin = self.experiment.discriminators.start * self.experiment.optim.steps
        return self.state.adversary if self.state.step >= begin else None

    def _learn_codebooks(self) -> int:
        """Entries of vector quantizers follow what they got in this step; how many were revived. The same on every rank."""
        plan, step, codebooks = self.experiment.optim, self.state.step, self.codebooks
        if "topdown" in plan.frozen:
            return 0
        codebooks.update(self.objective.table)
        if (step + 1) % plan.reset_every:
            return 0
        return codebooks.reset_dead(
            torch.Generator().manual_seed(self.experiment.run.seed * 1_000_003 + step)
        )

    def _add(self, sums: Tensor) -> Tensor:
        return self.fabric.all_reduce(sums, reduce_op="sum") if self.fabric.world_size > 1 else sums  # type: ignore[return-value]

    def _tell(self, kind: str, numbers: dict[str, float]) -> None:
        if self.fabric.global_rank == 0:
            self.log.numbers(kind, self.state.step, numbers)
            if self.report is not None:
                self.report(self.state.step, numbers)

    def _validate(self) -> None:
        if self.fabric.global_rank == 0 and self.waves:
            waves = [wave.to(self.fabric.device) for wave in self.waves]
            network, average = self.objective.network, self.state.average
            with average.applied(network) if average is not None else nullcontext():
                numbers = validate(self.objective, waves)
                with torch.inference_mode():
                    decoded = network.decode(
                        network.encode(waves[0]), rounded(network.reference(waves[0]))
                    )
            self._tell("validation", numbers)
            self.log.audio("validation/original", self.state.step, waves[0][0, 0])
            self.log.audio("validation/decoded", self.state.step, decoded[0, 0])
        self.fabric.barrier()

    def _save(self) -> None:
        if self.fabric.global_rank == 0:
            self.state.save(self.folder)
        self.fabric.barrier()


def load_corpus(data: DataConfig, sample_rate: int) -> tuple[Corpus, Corpus]:
    """Training and validation audio: the validation speakers are those whose names hash lowest."""
    rows = read_manifest(data.manifest)
    corpus = pack(rows, Path(data.cache), sample_rate, read_mono)
    held = held_out(rows, data.validation_speakers)
    mask = np.array([row.speaker in held for row in rows])
    return corpus.restricted(~mask), corpus.restricted(mask)


def held_out(rows: list[Utterance], count: int) -> set[str]:
    """The validation speakers: `count` names with the lowest hashes, at most a third of all; the same on any machine."""
    names = {row.speaker for row in rows if row.speaker is not None}
    return set(
        sorted(names, key=lambda name: hashlib.sha256(name.encode()).digest())[
            : min(count, len(names) // 3)
        ]
    )


def validation_waves(corpus: Corpus, data: DataConfig, sample_rate: int) -> list[Tensor]:
    """The beginnings of validation files spread evenly over the corpus, (1, 1, t) each."""
    chosen = np.unique(
        np.linspace(0, len(corpus.lengths) - 1, data.validation_files).round().astype(int)
    )
    longest = round(data.validation_seconds * sample_rate)
    lengths = [min(longest, int(corpus.lengths[i])) for i in chosen] if len(corpus.lengths) else []
    return [
        torch.from_numpy(corpus.wave(i, 0, n))[None, None]
        for i, n in zip(chosen, lengths, strict=False)
    ]


def _betas(plan: OptimConfig) -> tuple[float, float]:
    return plan.betas[0], plan.betas[1]
