"""The top-down path of HQ-VAE (Takida et al. 2024): from the coarsest level to the finest, inject, then refine.

A level has its own frame rate. Its first layer is *injected*: a map of the level's bottom-up feature and of everything already
decoded gives z, which is quantized. The layers after it are *residual*: each quantizes what the level's earlier layers left
over. What the decoder knows, the state u, grows by the sum of the level's entries and is upsampled for the next level.

       coarse feature              fine feature
            |                           |
    0 --> inject -> z          +---> inject -> z
            |                  |        |
        Q, Q, Q (residual)     |    Q, Q (residual)
            |                  |        |
            u ------ up -------+------- u ---> decoder

One level with several layers is RSQ-VAE; several levels with one layer each is SQ-VAE-2. Any prefix of the layers decodes: the
layers not there add nothing.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from speechvq.nn.conv import Upsample
from speechvq.nn.modules import Modules
from speechvq.quantize.base import Quantized
from speechvq.quantize.stochastic import StochasticQuantizer

Pass = tuple[Tensor, dict[str, Tensor], list[Tensor], dict[str, float]]
"""A level's quantized sum, terms, codes and numbers for the log."""


class Level(nn.Module):
    """An injected layer and the residual layers after it, all at one frame rate and in one latent space.

    Features (b, feature, f) and state u (b, state, f) give z (b, d, f); its quantized sum is mapped back and added to u.
    """

    def __init__(self, feature: int, state: int, quantizers: Sequence[StochasticQuantizer]) -> None:
        super().__init__()
        self.quantizers = Modules[StochasticQuantizer](quantizers)
        width = quantizers[0].width
        hidden = 2 * feature
        last = nn.Linear(hidden, width)
        nn.init.normal_(last.weight, std=hidden**-0.5)  # z starts as wide as the codebooks: unit variance
        self.inject = nn.Sequential(nn.Linear(feature + state, hidden), nn.GELU(), nn.LayerNorm(hidden), last)
        self.add = nn.Conv1d(width, state, 1)

    def latent(self, feature: Tensor, u: Tensor) -> Tensor:
        """What is to be quantized, z (b, d, f), always in float32."""
        return self.inject(torch.cat([feature, u], 1).transpose(1, 2)).transpose(1, 2).float()

    def forward(
        self,
        feature: Tensor,
        u: Tensor,
        keep: Tensor,
        *,
        temperature: float | None,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """A training pass. keep (b, layers) is 1 for the layers an example uses, a prefix of them.

        With a temperature the layers are sampled, without one they are hard: the nearest entries, straight through.
        """
        z = self.latent(feature, u)
        total, terms, codes, stats = (
            self._hard(z, keep) if temperature is None else self._sampled(z, keep, temperature, generator)
        )
        return Quantized(u + self.add(total), tuple(codes), terms, stats)

    def _sampled(self, z: Tensor, keep: Tensor, temperature: float, generator: torch.Generator | None) -> Pass:
        """RSQ-VAE: the quadratic term is one for the whole level, over the sum of the kept layers' variances.

        Independent Gaussian blurs add. (With one term a layer every partial sum would have to match z, against the point of
        refinement.)
        """
        total, variance = torch.zeros_like(z), keep.new_zeros(len(z))
        codes, rate, stats = [], keep.new_zeros(len(z)), {}
        for index, quantizer in enumerate(self.quantizers):
            mask = keep[:, index]
            sample, entropies, hard = quantizer.sample(z - total, temperature=temperature, generator=generator)
            total = total + sample * mask[:, None, None]
            variance = variance + quantizer.variance * mask
            maximum = z.shape[-1] * math.log(quantizer.size)
            rate = rate + (maximum - entropies) * mask
            stats |= {
                f"{index}/variance": quantizer.variance.item(),
                f"{index}/entropy": entropies.mean().item() / maximum,
            }
            codes.append(hard)
        error = (z - total).square().sum((1, 2))
        quadratic = torch.where(variance > 0, error / (2 * variance.clamp_min(1e-12)), 0.0)
        return total, {"quadratic": quadratic, "rate": rate}, codes, stats

    def _hard(self, z: Tensor, keep: Tensor) -> Pass:
        """RQ-VAE, the limit of small variances: a quadratic term a layer, the reconstruction's gradient copied to z once."""
        total, residual = torch.zeros_like(z), z
        codes, stats = [], {}
        quadratic, rate = keep.new_zeros(len(z)), keep.new_zeros(len(z))
        for index, quantizer in enumerate(self.quantizers):
            mask = keep[:, index]
            entry, error, hard = quantizer.nearest(residual)
            total = total + entry * mask[:, None, None]
            residual = residual - entry * mask[:, None, None]
            quadratic = quadratic + error * mask
            rate = rate + z.shape[-1] * math.log(quantizer.size) * mask
            stats |= {f"{index}/variance": quantizer.variance.item(), f"{index}/entropy": 0.0}
            codes.append(hard)
        through = z + (total - z).detach()
        return through * keep[:, 0, None, None], {"quadratic": quadratic, "rate": rate}, codes, stats

    def encode(self, feature: Tensor, u: Tensor) -> tuple[list[Tensor], Tensor]:
        """Greedy hard codes of every layer, each (b, f), and the state after them."""
        z = self.latent(feature, u)
        codes, total = [], torch.zeros_like(z)
        for quantizer in self.quantizers:
            codes.append(quantizer.encode(z - total))
            total = total + quantizer.decode(codes[-1])
        return codes, u + self.add(total)

    def decode(self, codes: Sequence[Tensor], u: Tensor) -> Tensor:
        """The state after the given layers, a prefix of this level's; none leaves u as it is but for the map's bias."""
        total = u.new_zeros(len(u), self.add.in_channels, u.shape[-1])
        for quantizer, layer in zip(self.quantizers, codes, strict=False):
            total = total + quantizer.decode(layer)
        return u + self.add(total)


class TopDown(nn.Module):
    """All levels, coarse first. factors[i] is how many frames level i+1 has for one of level i."""

    def __init__(self, levels: Sequence[Level], factors: Sequence[int], state: int) -> None:
        super().__init__()
        self.levels = Modules[Level](levels)
        self.up = Modules[Upsample](Upsample(state, state, factor) for factor in factors)
        self.state = state
        self.depths = tuple(len(level.quantizers) for level in levels)

    def forward(
        self, features: Sequence[Tensor], depth: Tensor, *, temperature: float | None, generator: torch.Generator | None = None
    ) -> Quantized:
        """A training pass over features (one a level, coarse first); depth (b,) is how many layers each example uses."""
        u = features[0].new_zeros(len(features[0]), self.state, features[0].shape[-1])
        codes, stats, first = [], {}, 0
        terms: dict[str, Tensor] = {}
        for index, (level, feature) in enumerate(zip(self.levels, features, strict=True)):
            u = self.up[index - 1](u) if index else u
            keep = (depth[:, None] > torch.arange(first, first + self.depths[index], device=depth.device)).float()
            result = level(feature, u, keep, temperature=temperature, generator=generator)
            u = result.z
            codes += result.codes
            terms = {name: terms.get(name, 0) + value for name, value in result.terms.items()}
            stats |= {f"layer{first + int(k.split('/')[0])}/{k.split('/')[1]}": v for k, v in result.stats.items()}
            first += self.depths[index]
        return Quantized(u, tuple(codes), terms, stats)

    def encode(self, features: Sequence[Tensor]) -> list[Tensor]:
        """Hard codes of every layer, coarse first: features, one a level, (b, d, f_level) to codes (b, f_level)."""
        u = features[0].new_zeros(len(features[0]), self.state, features[0].shape[-1])
        codes = []
        for index, (level, feature) in enumerate(zip(self.levels, features, strict=True)):
            u = self.up[index - 1](u) if index else u
            more, u = level.encode(feature, u)
            codes += more
        return codes

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """The decoder's input (b, state, f) at the finest rate from the codes of a prefix of the layers, at least one."""
        u = self.levels[0].add.weight.new_zeros(len(codes[0]), self.state, codes[0].shape[-1])
        first = 0
        for index, level in enumerate(self.levels):
            u = self.up[index - 1](u) if index else u
            u = level.decode(codes[first : first + self.depths[index]], u)
            first += self.depths[index]
        return u
