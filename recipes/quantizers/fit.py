"""One run: train a variant from a seed, then measure it."""

import time
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from recipes.quantizers.autoencoder import MelAutoencoder
from recipes.quantizers.classical import FrameKMeans
from recipes.quantizers.config import Speech, Variant
from recipes.quantizers.data import Spectrograms
from recipes.quantizers.measure import measure
from recipes.quantizers.objective import objective
from speechvq.losses.likelihood import GaussianLikelihood
from speechvq.quantize.learning import CodebookLearner, codeword_sums
from speechvq.train.checkpoint import TrainState
from speechvq.train.fabric import launched
from speechvq.train.fit import Intervals, Numbers, Task
from speechvq.train.fit import fit as train
from speechvq.train.optimizer import parameter_groups

CODEBOOK_RATE = 10.0
"""Learning rate of codebooks that learn by gradient, as a multiple of the network's."""

VARIANCE_RATE = 5.0
"""Learning rate of the log variances of stochastic quantizers, likewise."""

CURVE_EVERY, NEVER = 200, 10**9
"""Steps from a point of the training curve to the next; nothing else is logged or saved."""


def fit(config: Variant, speech: Speech, seed: int) -> dict[str, Any]:
    """Train on a CPU thread; the results of `measure`, and the seconds it took."""
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    begun = time.perf_counter()
    data = Spectrograms(speech, bands=config.bands, seconds=config.seconds, seed=seed)
    if config.kmeans_frames:
        result = measure(config, FrameKMeans(config, data, seed), GaussianLikelihood(), data)
        return result | {"curve": [], "parameters": 0, "took": time.perf_counter() - begun}
    task = VariantTask(config, data, seed)
    train(
        task,
        task.state,
        Plan(config.steps, config.learning_rate, config.warmup, config.decay, config.grad_clip),
        launched("cpu", 1),
        Intervals(NEVER, NEVER, NEVER),
        folder=None,
    )
    result = measure(config, task.model, task.likelihood, data)
    return result | {
        "curve": task.curve,
        "parameters": sum(p.numel() for p in task.model.parameters()),
        "took": time.perf_counter() - begun,
    }


@dataclass(frozen=True)
class Plan:
    """The schedule of a variant."""

    steps: int
    learning_rate: float
    warmup: int
    decay: float
    grad_clip: float


class VariantTask(Task):
    """The training of a variant."""

    def __init__(self, config: Variant, data: Spectrograms, seed: int) -> None:
        self.config, self.data, self.seed = config, data, seed
        self.model, self.likelihood = MelAutoencoder(config), GaussianLikelihood()
        groups = parameter_groups(
            self.model,
            weight_decay=0.01,
            codebook_learning_rate=CODEBOOK_RATE,
            variance_learning_rate=VARIANCE_RATE,
        )
        optimizer = torch.optim.AdamW(
            groups, lr=config.learning_rate, betas=(0.9, 0.98), fused=True
        )
        self.codebooks = CodebookLearner(self.model.codebooks, decay=0.99)
        self.state = TrainState(self.model, optimizer)
        self.curve: list[dict[str, float]] = []

    @torch.no_grad()
    def begin(self, *, new: bool) -> None:
        """Initialize codebooks by k-means, if the variant says so."""
        del new
        if self.config.codebook_init != "kmeans" or not self.codebooks.active:
            return
        steps = range(self.config.steps, self.config.steps + 4)
        batches = [self.data.batch(step, self.config.batch) for step in steps]

        def inputs() -> list[Tensor]:
            latents = [self.model.topdown(self.model.features(x)).inputs for x in batches]
            return [torch.cat(codebook) for codebook in zip(*latents, strict=True)]

        self.model.eval()
        self.codebooks.init_kmeans(inputs, seed=self.seed)
        self.model.train()

    def loss(self, step: int) -> tuple[Tensor, Numbers]:
        """The objective of the variant's kind on the batch of a step."""
        loss, self._quantized = objective(
            self.config,
            self.model,
            self.likelihood,
            self.data.batch(step, self.config.batch),
            step / self.config.steps,
            torch.Generator().manual_seed(self.seed * 10**6 + step),
        )
        return loss, {}

    def stepped(self, step: int, loss: float) -> Numbers:
        """Let codebooks learn, and keep a point of the curve."""
        if self.codebooks.active:
            self._learn_codebooks(step)
        if step % CURVE_EVERY == 0:
            point = {"step": step, "loss": loss, "variance": self.likelihood.variance.item()}
            self.curve.append(point | self._quantized.stats)
        return {}

    def _learn_codebooks(self, step: int) -> None:
        codebooks, every = self.model.codebooks, self.config.reset_every
        depth = torch.full((len(self._quantized.codes[0]),), len(codebooks))
        size = max(codebook.size for codebook in codebooks)
        self.codebooks.update(codeword_sums(self._quantized, depth, size))
        if every and (step + 1) % every == 0:
            self.codebooks.reset_dead(torch.Generator().manual_seed(self.seed * 10**6 + step))
