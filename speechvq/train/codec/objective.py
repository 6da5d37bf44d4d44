"""One training pass of the codec: what a batch costs, in nats."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from speechvq.codec.network import Network
from speechvq.losses.bound import Bound
from speechvq.losses.likelihood import MelLikelihood, PhaseLikelihood, log_scale, total
from speechvq.losses.perceptual import Envelopes, Loudness
from speechvq.nn.speaker import rounded
from speechvq.quantize.learning import codeword_sums
from speechvq.train.codec.config import Experiment
from speechvq.train.codec.diagnostics import Usage


class Objective(nn.Module):
    """The network and its likelihood; `forward` gives the bound J of HQ-VAE for a random prefix of the codebooks of each example.

    Decoding a random prefix makes every prefix a codec of its own (progressive coding). With the
    probability of each prefix fixed, the result is still a bound: of the model that draws a depth
    first.

    table: what each codeword got in the last pass, as from `codeword_sums`, over all devices
    estimate: what the last pass decoded, (b, t), without its graph
    """

    def __init__(self, experiment: Experiment) -> None:
        super().__init__()
        self.network = Network(experiment.codec)
        self.likelihood = MelLikelihood(experiment.mel, experiment.codec.sample_rate)
        self.phase = PhaseLikelihood(experiment.phase, experiment.codec.sample_rate)
        self.loudness, self.envelopes = Loudness(), Envelopes()
        self.weights, self.dropout = experiment.weights, experiment.optim.quantizer_dropout
        self.codebooks = len(experiment.codec.codebooks)
        self.size = max(size for _, size in experiment.codec.codebooks)
        self.table = self.estimate = torch.zeros(0)

    def depths(self, count: int, generator: torch.Generator) -> Tensor:
        """How many codebooks each example uses, (count,): all, or with quantizer dropout any fewer."""
        fewer = torch.randint(1, max(2, self.codebooks), (count,), generator=generator)
        full = torch.rand(count, generator=generator) < 1 - self.dropout
        return torch.where(full, self.codebooks, fewer)

    @staticmethod
    def bypasses(count: int, share: float, generator: torch.Generator) -> Tensor:
        """Which examples skip the quantizers, (count,)."""
        return torch.rand(count, generator=generator) < share

    def vector(self, references: Tensor) -> Tensor:
        """The speaker vector (b, n) of further crops (b, r, t), each crop's vector averaged."""
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
        add: Callable[[Tensor], Tensor],
        judge: Callable[[Tensor, Tensor], dict[str, Tensor]] | None = None,
    ) -> tuple[Tensor, dict[str, float]]:
        """The loss for waves (b, t), divided by the number of spectrogram values to be near 1, and numbers for the log.

        judge: what discriminators say of waves and estimate, "adversarial" and "feature_matching"
        """
        estimate, quantized = self.network(
            waves.unsqueeze(1),
            self.vector(references),
            depth,
            temperature=temperature,
            generator=generator,
            bypass=bypass,
        )
        groups = torch.where(bypass, 0, depth) * (
            not self.likelihood.shared
        )  # alike in how much reaches the decoder
        nats, stats = self.likelihood(waves, estimate[:, 0], groups, self.codebooks + 1, add)
        phase, coherence = self.phase(waves, estimate[:, 0])
        phase = phase * (depth > self.network.config.content_codebooks)  # words have no phase
        heard = self.heard(waves, estimate[:, 0], groups, add, stats)
        bound = Bound(nats, quantized.rates)
        for name, chosen in (
            ("coherence", (depth == self.codebooks) & ~bypass),
            ("coherence_bypassed", bypass),
        ):
            stats[name] = coherence[chosen].mean().item()
        seconds = waves.shape[-1] / self.network.config.sample_rate
        values = seconds * self.likelihood.values_per_second
        self.estimate = estimate[:, 0].detach()
        none = waves.new_zeros(len(waves))
        said = (
            {"adversarial": none, "feature_matching": none}
            if judge is None
            else judge(waves, estimate[:, 0])
        )
        terms = (
            quantized.terms
            | {"distortion": bound.distortion, "rate": bound.rate, "phase": phase}
            | heard
        )
        terms |= {
            name: values * value for name, value in said.items()
        }  # weights are beside a mean error of 1
        terms = {name: value.mean() for name, value in terms.items()}
        self.table = add(codeword_sums(quantized, depth, self.size))
        loss = total(terms, self.weights) / values
        others = {
            f"{name}/nats_per_second": value.item() / seconds
            for name, value in terms.items()
            if name != "rate"
        }
        return loss, {"loss": loss.item()} | others | bound.per_second(
            seconds
        ) | stats | quantized.stats

    def heard(
        self,
        waves: Tensor,
        estimate: Tensor,
        groups: Tensor,
        add: Callable[[Tensor], Tensor],
        stats: dict[str, float],
    ) -> dict[str, Tensor]:
        """Nats (b,) of the perceptual terms that have a weight, their errors added to stats."""
        found = {}
        for name, measure in (("pesq_like", self.loudness), ("stoi_like", self.envelopes)):
            if self.weights[name]:
                with torch.autocast(waves.device.type, enabled=False):
                    errors = measure(waves.float(), estimate.float())
                stats[name] = errors.detach().mean().item()
                values = (
                    measure.values_per_second * waves.shape[-1] / self.network.config.sample_rate
                )
                found[name] = values * log_scale(errors, groups, self.codebooks + 1, add)
            else:
                found[name] = waves.new_zeros(len(waves))
        return found


@torch.inference_mode()
def validate(objective: Objective, waves: list[Tensor]) -> dict[str, float]:
    """Hard codes over a whole validation set: mel error of every prefix, what `Usage` counts for every codebook, and the bound.

    waves: (1, 1, t) each
    """
    network, codebooks = objective.network, objective.codebooks
    network.eval()
    errors, usage = torch.zeros(codebooks), Usage(network.topdown.codebooks)
    distortion, rates = torch.zeros(1), torch.zeros(1, codebooks)
    for wave in waves:
        vector = rounded(network.reference(wave))
        quantized = network.topdown(network.features(wave))
        usage.add(quantized)
        group = torch.zeros(1, dtype=torch.long, device=wave.device)
        nats = torch.zeros(1)
        for codebook in range(codebooks):
            estimate = network.decode(quantized.codes[: codebook + 1], vector)[
                0, :, : wave.shape[-1]
            ]
            nats, stats = objective.likelihood(wave[0], estimate, group, 1)
            errors[codebook] += sum(stats.values()) / len(stats) / len(waves)
        distortion += nats.cpu()  # of all codebooks
        rates += quantized.rates.cpu()
    network.train()
    seconds = sum(wave.shape[-1] for wave in waves) / network.config.sample_rate
    prefixes = {
        f"prefix{codebook + 1}/mel": errors[codebook].item() for codebook in range(codebooks)
    }
    return prefixes | usage.numbers() | Bound(distortion, rates).per_second(seconds)
