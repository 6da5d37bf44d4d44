"""Training of the codec: what `fit` needs to know of it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import lightning_fabric
import torch
from torch import Tensor, nn

from speechvq.data.corpus import Corpus, Sampler
from speechvq.data.manifest import read_manifest
from speechvq.nn.isolation import standard_defaults
from speechvq.nn.speaker import rounded
from speechvq.quantize.codebook import Codebook
from speechvq.quantize.learning import CodebookLearner
from speechvq.train.checkpoint import Stateful, TrainState
from speechvq.train.codec.adversary import Adversary
from speechvq.train.codec.config import Experiment, OptimConfig, adversarial, write_experiment
from speechvq.train.codec.data import (
    load_speech,
    training_sampler,
    validation_files,
    validation_waves,
)
from speechvq.train.codec.init_from import init_from
from speechvq.train.codec.objective import Evaluation, Objective, validate
from speechvq.train.codec.schedule import bypass, temperature
from speechvq.train.ema import WeightEMA
from speechvq.train.fabric import check_batch
from speechvq.train.fit import Intervals, Numbers, Report, Task, fit
from speechvq.train.folder import EXPERIMENT, check_run
from speechvq.train.log import Log
from speechvq.train.optimizer import freeze, parameter_groups

INIT_BATCHES = 4
"""How many batches the k-means initialization of codebooks sees."""


@standard_defaults()
def train(
    experiment: Experiment,
    fabric: lightning_fabric.Fabric,
    *,
    stop_at: int | None = None,
    report: Report | None = None,
    change: Callable[[Objective], None] | None = None,
) -> Path:
    """Train, or resume, in `experiment.run.folder`; the path of the last checkpoint.

    stop_at: stop early at this step, as if interrupted
    change: given the new objective, to train it otherwise than an experiment can say

    Raises TrainingError when the loss is not finite, and ManifestError or ConfigError when the run
    cannot start.
    """
    run, folder = experiment.run, Path(experiment.run.folder)
    check_batch(experiment.optim.batch, fabric)
    torch.manual_seed(run.seed)
    # on its device before the optimizer and the average of the weights are made
    objective = Objective(experiment).to(fabric.device)
    if change is not None:
        change(objective)
    if fabric.global_rank == 0:
        sources = [experiment.data.manifest, *([run.init_from] if run.init_from else [])]
        check_run(folder, sources, read_manifest(experiment.data.manifest))
        load_speech(experiment.data, experiment.codec.sample_rate)
    fabric.barrier()
    speech = load_speech(experiment.data, experiment.codec.sample_rate)
    sampler = training_sampler(experiment, speech.training, objective.network.hop)
    rank = fabric.global_rank
    if report is not None and rank == 0:
        report("held out", 0, speech.held_out)
    place = folder / f"log-{rank}" if rank else folder
    with Log(place, experiment.codec.sample_rate) as log:
        task = CodecTask(experiment, fabric, objective, sampler, speech.validation, log)
        fit(
            task,
            task.state,
            experiment.optim,
            fabric,
            Intervals(run.log_every, run.validate_every, run.save_every),
            folder=folder,
            stop_at=stop_at,
            log=log,
            report=report,
        )
    return folder / f"step-{task.state.step:08d}"


class CodecTask(Task):
    """A codec's training: the objective, its optimizer and its data."""

    def __init__(
        self,
        experiment: Experiment,
        fabric: lightning_fabric.Fabric,
        objective: Objective,
        sampler: Sampler,
        validation: Corpus,
        log: Log,
    ) -> None:
        self.experiment, self.fabric, self.objective = experiment, fabric, objective
        self.sampler, self.log, data = sampler, log, experiment.data
        self.waves = validation_waves(validation, data, experiment.codec.sample_rate)
        self.speakers = validation.voices[validation_files(validation, data)].tolist()
        plan, network = experiment.optim, objective.network
        self.codebooks = CodebookLearner(network.topdown.codebooks, decay=plan.codebook_decay)
        parts: dict[str, Stateful] = {"codebooks": self.codebooks}
        self.adversary = None
        self.model, optimizer = self._set_up(plan)
        if adversarial(experiment.weights):
            self.adversary = Adversary(experiment.discriminators, fabric)
            parts["discriminators"] = self.adversary
        ema = WeightEMA(network, plan.ema_decay) if plan.ema_decay else None
        self.state = TrainState(network, optimizer, ema, parts)

    def _set_up(self, plan: OptimConfig) -> tuple[nn.Module, torch.optim.Optimizer]:
        """The objective on its devices, and its optimizer."""
        freeze(self.objective.network, plan.frozen)
        groups = parameter_groups(
            self.objective,
            weight_decay=plan.weight_decay,
            codebook_learning_rate=plan.codebook_learning_rate,
            variance_learning_rate=plan.variance_learning_rate,
        )
        betas = (plan.betas[0], plan.betas[1])
        optimizer = torch.optim.AdamW(groups, lr=plan.learning_rate, betas=betas, fused=True)
        model, wrapped = self.fabric.setup(self.objective, optimizer)
        return model, wrapped.optimizer

    def begin(self, *, new: bool) -> None:
        """Keep the experiment; initialize a new run from a model, and codebooks by k-means."""
        source = self.experiment.run.init_from
        if self.fabric.global_rank == 0:
            write_experiment(Path(self.experiment.run.folder) / EXPERIMENT, self.experiment)
        if not new:
            return
        if source is not None:
            missing = init_from(self.objective.network, source)
            if missing:
                self.init_codebooks(missing)
        elif self.experiment.optim.codebook_init == "kmeans":
            self.init_codebooks()

    def init_codebooks(self, only: Sequence[Codebook] | None = None) -> None:
        """Set codewords to k-means centers of what each codebook gets to quantize in a few batches.

        only: these codebooks and no others
        They are the same in every process.
        """
        count, network = self.experiment.optim.batch, self.objective.network
        batches = [self.sampler.batch(step, 0, count).waves for step in range(INIT_BATCHES)]

        @torch.no_grad()
        def inputs() -> list[Tensor]:
            waves = [
                torch.from_numpy(batch).to(self.fabric.device).unsqueeze(1) for batch in batches
            ]
            quantized = [network.topdown(network.features(wave)).inputs for wave in waves]
            return [torch.cat(latents) for latents in zip(*quantized, strict=True)]

        network.eval()
        self.codebooks.init_kmeans(inputs, seed=self.experiment.run.seed, only=only)
        for codebook in self.codebooks.distinct:
            codebook.codewords.data.copy_(self.fabric.broadcast(codebook.codewords.data))
        network.train()

    def loss(self, step: int) -> tuple[Tensor, Numbers]:
        """The objective on the batch of a step."""
        plan, fabric = self.experiment.optim, self.fabric
        count = plan.batch // fabric.world_size
        batch = self.sampler.batch(step, fabric.global_rank, count)
        seed = (self.experiment.run.seed * 1_000_003 + step) * 64 + fabric.global_rank
        random = torch.Generator().manual_seed(seed)
        depth = self.objective.depths(count, random).to(fabric.device)
        bypassed = self.objective.bypasses(count, bypass(step, plan), random).to(fabric.device)
        self._waves = torch.from_numpy(batch.waves).to(fabric.device)
        adversary, heat = self._active(step), temperature(step, plan)
        self._evaluation: Evaluation = self.model(
            self._waves,
            torch.from_numpy(batch.references).to(fabric.device),
            depth,
            bypassed,
            heat,
            torch.Generator(fabric.device).manual_seed(seed),
            self._add,
            None if adversary is None else adversary.terms,
        )
        return self._evaluation.loss, self._evaluation.stats | {"temperature": heat}

    def stepped(self, step: int, loss: float) -> Numbers:
        """Let discriminators and codebooks learn."""
        del loss
        numbers = {}
        if self.adversary is not None:
            active = self._active(step)
            numbers["discriminator_loss"] = (
                float("nan")
                if active is None
                else active.learn(self._waves, self._evaluation.estimate)
            )
        return numbers | {"reset_codewords": self._learn_codebooks(step)}

    def validate(self, step: int) -> Numbers:
        """Numbers of the validation set; its first file goes to the log as sound."""
        if not self.waves:
            return {}
        waves = [wave.to(self.fabric.device) for wave in self.waves]
        numbers, network = validate(self.objective, waves, self.speakers), self.objective.network
        with torch.inference_mode():
            embedding = rounded(network.reference(waves[0]))
            decoded = network.decode(network.encode(waves[0]), embedding)
        self.log.audio("validation/original", step, waves[0][0, 0])
        self.log.audio("validation/decoded", step, decoded[0, 0])
        return numbers

    def _active(self, step: int) -> Adversary | None:
        """The discriminators, once they come in."""
        first = self.experiment.discriminators.start * self.experiment.optim.steps
        return self.adversary if step >= first else None

    def _learn_codebooks(self, step: int) -> int:
        """Codewords of vector quantizers follow what they got in this step; how many were reset.

        They are the same in every process.
        """
        plan = self.experiment.optim
        if "topdown" in plan.frozen:
            return 0
        self.codebooks.update(self._evaluation.codeword_sums)
        if (step + 1) % plan.reset_every:
            return 0
        seed = self.experiment.run.seed * 1_000_003 + step
        return self.codebooks.reset_dead(torch.Generator().manual_seed(seed))

    def _add(self, sums: Tensor) -> Tensor:
        if self.fabric.world_size == 1:
            return sums
        return self.fabric.all_reduce(sums, reduce_op="sum")  # type: ignore[return-value]
