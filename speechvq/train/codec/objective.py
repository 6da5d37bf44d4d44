"""The objective of the codec: what a batch costs, in nats."""

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from speechvq.codec.network import Network
from speechvq.data.uncertainty import standard_error
from speechvq.losses.bound import Bound
from speechvq.losses.likelihood import log_scale
from speechvq.losses.mel import MelLikelihood
from speechvq.losses.pesq_like import PesqLike
from speechvq.losses.phase import PhaseLikelihood
from speechvq.losses.stoi_like import StoiLike
from speechvq.losses.total import total
from speechvq.nn.speaker import rounded
from speechvq.quantize.learning import codeword_sums
from speechvq.train.codec.config import Experiment
from speechvq.train.codec.diagnostics import Usage

Add = Callable[[Tensor], Tensor]
"""Sums a tensor over all devices."""

Adversarial = Callable[[Tensor, Tensor], dict[str, Tensor]]
"""The terms "adversarial" and "feature_matching" (b,) of waveforms and their estimates (b, t)."""


class Evaluation(NamedTuple):
    """What a batch costs. A named tuple, as Fabric looks for tensors in it and refuses dataclasses.

    loss: the weighted sum of the terms, divided by the number of spectrogram values: near 1
    terms: unweighted, means over the batch in nats, without their graph
    stats: further numbers for the log
    codeword_sums: what chose each codeword, as from `codeword_sums`, over all devices
    estimate: the decoded waveforms (b, t), without their graph
    """

    loss: Tensor
    terms: dict[str, Tensor]
    stats: dict[str, float]
    codeword_sums: Tensor
    estimate: Tensor


class Objective(nn.Module):
    """The network and its likelihood; `forward` gives the bound J of HQ-VAE (Takida et al. 2024).

    With quantizer dropout each example is decoded from a random prefix of the codebooks, so that
    every prefix is a codec of its own (progressive coding). As the probability of each prefix is
    fixed, the result is still a bound: of the model that draws the depth first.
    """

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        sample_rate = experiment.codec.sample_rate
        self.network = Network(experiment.codec)
        self.likelihood = MelLikelihood(experiment.mel, sample_rate)
        self.phase = PhaseLikelihood(experiment.phase, sample_rate)
        self.pesq_like, self.stoi_like = PesqLike(), StoiLike()
        self.weights = experiment.weights
        self.shared_scale = experiment.mel.shared
        self.quantizer_dropout = experiment.optim.quantizer_dropout
        self.n_codebooks = len(experiment.codec.codebooks)
        self.size = max(size for _, size in experiment.codec.codebooks)

    def depths(self, count: int, generator: torch.Generator) -> Tensor:
        """How many codebooks each example uses, (count,): all, or with quantizer dropout fewer."""
        fewer = torch.randint(1, max(2, self.n_codebooks), (count,), generator=generator)
        full = torch.rand(count, generator=generator) < 1 - self.quantizer_dropout
        return torch.where(full, self.n_codebooks, fewer)

    @staticmethod
    def bypasses(count: int, fraction: float, generator: torch.Generator) -> Tensor:
        """Which examples bypass the quantizers, (count,)."""
        return torch.rand(count, generator=generator) < fraction

    def speaker_embedding(self, references: Tensor) -> Tensor:
        """Speaker embeddings (b, n): means over those of further crops (b, r, t)."""
        b, r, _ = references.shape
        return (
            self.network.reference(references.flatten(0, 1).unsqueeze(1))
            .unflatten(0, (b, r))
            .mean(1)
        )

    def forward(
        self,
        waves: Tensor,
        references: Tensor,
        depth: Tensor,
        bypass: Tensor,
        temperature: float,
        generator: torch.Generator,
        add: Add,
        adversarial: Adversarial | None = None,
    ) -> Evaluation:
        """What waveforms (b, t) cost.

        references: (b, r, t), see `speaker_embedding`
        depth, bypass: (b,), see `depths` and `bypasses`
        temperature, generator: of stochastic quantizers
        adversarial: None before the discriminators come in
        """
        estimate, quantized = self.network(
            waves.unsqueeze(1),
            self.speaker_embedding(references),
            depth,
            temperature=temperature,
            generator=generator,
            bypass=bypass,
        )
        groups = self.groups(depth, bypass)
        seconds = waves.shape[-1] / self.network.config.sample_rate
        values = seconds * self.likelihood.values_per_second
        nats, stats = self.likelihood(waves, estimate[:, 0], groups, self.n_codebooks + 1, add)
        phase, coherence = self.phase(waves, estimate[:, 0])
        # the content codebooks carry words, which have no phase
        phase = phase * (depth > self.network.config.content_codebooks)
        bound = Bound(nats, quantized.rates)
        terms = quantized.terms | {
            "distortion": bound.distortion,
            "rate": bound.rate,
            "phase": phase,
        }
        terms |= self.perceptual_terms(waves, estimate[:, 0], groups, add, stats)
        zero = waves.new_zeros(len(waves))
        named = {"adversarial": zero, "feature_matching": zero}
        if adversarial is not None:
            named = adversarial(waves, estimate[:, 0])
        # in nats as the others, beside which their weights stand
        terms |= {name: values * value for name, value in named.items()}
        means = {name: value.mean() for name, value in terms.items()}
        for name, chosen in (
            ("coherence", (depth == self.n_codebooks) & ~bypass),
            ("coherence_bypassed", bypass),
        ):
            stats[name] = coherence[chosen].mean().item()
        stats |= {
            f"{name}/nats_per_second": value.item() / seconds
            for name, value in means.items()
            if name != "rate"
        }
        return Evaluation(
            total(means, self.weights) / values,
            {name: value.detach() for name, value in means.items()},
            stats | bound.per_second(seconds) | quantized.stats,
            add(codeword_sums(quantized, depth, self.size)),
            estimate[:, 0].detach(),
        )

    def groups(self, depth: Tensor, bypass: Tensor) -> Tensor:
        """Which examples share their error scales (b,): those of one depth; 0 for bypassed ones."""
        if self.shared_scale:
            return torch.zeros_like(depth)
        return torch.where(bypass, 0, depth)

    def perceptual_terms(
        self,
        waves: Tensor,
        estimate: Tensor,
        groups: Tensor,
        add: Add,
        stats: dict[str, float],
    ) -> dict[str, Tensor]:
        """Nats (b,) of "pesq_like" and "stoi_like", 0 for those without weight.

        Mean errors are added to stats.
        """
        terms = {}
        for name, measure in (("pesq_like", self.pesq_like), ("stoi_like", self.stoi_like)):
            if not self.weights[name]:
                terms[name] = waves.new_zeros(len(waves))
                continue
            with torch.autocast(waves.device.type, enabled=False):
                errors = measure(waves.float(), estimate.float())
            stats[name] = errors.detach().mean().item()
            values = measure.values_per_second * waves.shape[-1] / self.network.config.sample_rate
            terms[name] = values * log_scale(errors, groups, self.n_codebooks + 1, add)
        return terms


@torch.inference_mode()
def validate(
    objective: Objective, waves: Sequence[Tensor], speakers: Sequence[Hashable]
) -> dict[str, float]:
    """Numbers of a validation set with argmax codes, for waveforms (1, 1, t).

    They are the mel error of every prefix of the codebooks with its standard error over the
    speakers, who are given for each waveform, the usage of every codebook, the bound, and the
    minutes and speakers of the set.
    """
    network, n_codebooks = objective.network, objective.n_codebooks
    network.eval()
    errors, usage = np.zeros((len(waves), n_codebooks)), Usage(network.topdown.codebooks)
    distortion, rates = torch.zeros(1), torch.zeros(1, n_codebooks)
    for number, wave in enumerate(waves):
        embedding = rounded(network.reference(wave))
        quantized = network.topdown(network.features(wave))
        usage.add(quantized)
        group = torch.zeros(1, dtype=torch.long, device=wave.device)
        nats = torch.zeros(1)
        for index in range(n_codebooks):
            estimate = network.decode(quantized.codes[: index + 1], embedding)
            nats, stats = objective.likelihood(wave[0], estimate[0, :, : wave.shape[-1]], group, 1)
            errors[number, index] = sum(stats.values()) / len(stats)
        distortion += nats.cpu()  # of all codebooks
        rates += quantized.rates.cpu()
    network.train()
    seconds = sum(wave.shape[-1] for wave in waves) / network.config.sample_rate
    deviations = standard_error(errors, np.ones(len(errors)), speakers)
    prefixes = dict[str, float]()
    for index, (mean, deviation) in enumerate(zip(errors.mean(0), deviations, strict=True)):
        prefixes[f"prefix{index + 1}/mel"] = float(mean)
        prefixes[f"prefix{index + 1}/mel_standard_error"] = float(deviation)
    measured = {"minutes": seconds / 60, "speakers": float(len(set(speakers)))}
    return prefixes | usage.numbers() | Bound(distortion, rates).per_second(seconds) | measured
