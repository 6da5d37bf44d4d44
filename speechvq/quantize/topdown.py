"""The top-down path of HQ-VAE (Takida et al. 2024): from the coarsest level to the finest, inject, then refine.

A level has its own frame rate. Its first codebook is *injected*: a map of the level's bottom-up
feature and of everything already decoded gives z, which is quantized. The codebooks after it are
*residual*: each quantizes what the level's earlier codebooks left over. What the decoder knows, the
  state u, grows by the sum of the level's codewords and is upsampled for the next level.

       coarse feature              fine feature
            |                           |
    0 --> inject -> z          +---> inject -> z
            |                  |        |
        Q, Q, Q (residual)     |    Q, Q (residual)
            |                  |        |
            u ------ up -------+------- u ---> decoder

With stochastic quantizers one level of several codebooks is RSQ-VAE and several levels of one codebook
each are SQ-VAE-2, with vector quantizers RQ-VAE and VQ-VAE-2. Any prefix of the codebooks decodes: the
codebooks not there add nothing. A level without codes, of a baseline, counts as one codebook where
prefixes are kept in training, and cannot be decoded.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from speechvq.nn.conv import Upsample
from speechvq.nn.modules import Modules
from speechvq.nn.precision import precise
from speechvq.quantize.base import Quantized, Quantizer
from speechvq.quantize.codebook import Codebook
from speechvq.quantize.config import AnyQuantizer

Choose = Callable[[Quantizer, Tensor, int, Sequence[Tensor]], list[Tensor]]
"""Codes (b, f) of the first so many codebooks of a quantizer for z (b, d, f), given the codes of all coarser levels."""


class Level(nn.Module):
    """An injected codebook and the residual codebooks after it, all at one frame rate, of one kind and in one latent space.

    Features (b, feature, f) and state u (b, state, f) give z (b, d, f); what the quantizer makes of
    it is mapped back and added to u.
    """

    def __init__(self, feature: int, state: int, quantizer: AnyQuantizer) -> None:
        super().__init__()
        self.quantizers = quantizer
        width = quantizer.width
        hidden = 2 * feature
        last = nn.Linear(hidden, width)
        nn.init.normal_(
            last.weight, std=hidden**-0.5
        )  # z starts as wide as the codebooks: unit variance
        self.inject = nn.Sequential(
            nn.Linear(feature + state, hidden), nn.GELU(), nn.LayerNorm(hidden), last
        )
        self.add = nn.Conv1d(width, state, 1)

    def latent(self, feature: Tensor, u: Tensor) -> Tensor:
        """What is to be quantized, z (b, d, f), never in half precision."""
        return precise(self.inject(torch.cat([feature, u], 1).transpose(1, 2)).transpose(1, 2))

    def forward(
        self,
        feature: Tensor,
        u: Tensor,
        keep: Tensor,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        bypass: Tensor | None = None,
    ) -> Quantized:
        """A training pass. keep (b, codebooks) is 1 for the codebooks an example uses, a prefix of them.

        For the examples in bypass (b,), booleans, the decoder sees z itself; quantizers learn from
        them all the same.
        """
        z = self.latent(feature, u)
        found: Quantized = self.quantizers(z, keep, temperature=temperature, generator=generator)
        total = found.z
        if bypass is not None:
            total = torch.where(bypass[:, None, None], z * keep[:, 0, None, None], total)
        return replace(found, z=u + self.add(total))

    def encode(
        self, feature: Tensor, u: Tensor, depth: int | None = None
    ) -> tuple[list[Tensor], Tensor]:
        """Hard codes of the first `depth` codebooks, all by default, each (b, f), and the state after them."""
        codes = self.quantizers.encode(self.latent(feature, u), depth)
        return codes, self.decode(codes, u)

    def decode(self, codes: Sequence[Tensor], u: Tensor) -> Tensor:
        """The state after the given codebooks, a prefix of this level's; none leaves u as it is but for the map's bias."""
        if not codes:
            return u + self.add(u.new_zeros(len(u), self.add.in_channels, u.shape[-1]))
        return u + self.add(self.quantizers.decode(codes))


class TopDown(nn.Module):
    """All levels, coarse first. factors[i] is how many frames level i+1 has for one of level i."""

    def __init__(self, levels: Sequence[Level], factors: Sequence[int], state: int) -> None:
        super().__init__()
        self.levels = Modules[Level](levels)
        self.up = Modules[Upsample](Upsample(state, state, factor) for factor in factors)
        self.state = state
        self.depths = tuple(max(1, len(level.quantizers.codebooks)) for level in levels)

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """The codebook behind every codebook of codes, coarse first."""
        return tuple(codebook for level in self.levels for codebook in level.quantizers.codebooks)

    def forward(
        self,
        features: Sequence[Tensor],
        depth: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        bypass: Tensor | None = None,
    ) -> Quantized:
        """A pass over features (one a level, coarse first); depth (b,) is how many codebooks each example uses, all by default."""
        u = features[0].new_zeros(len(features[0]), self.state, features[0].shape[-1])
        every = torch.ones(len(u), sum(self.depths), device=u.device)
        if depth is not None:
            every = (depth[:, None] > torch.arange(every.shape[1], device=depth.device)).float()
        codes, inputs, rates, stats, first = [], [], [], {}, 0
        terms: dict[str, Tensor] = {}
        for index, (level, feature) in enumerate(zip(self.levels, features, strict=True)):
            u = self.up[index - 1](u) if index else u
            keep = every[:, first : first + self.depths[index]]
            result = level(
                feature, u, keep, temperature=temperature, generator=generator, bypass=bypass
            )
            u = result.z
            codes += result.codes
            inputs += result.inputs
            rates.append(result.rates)
            terms |= {name: terms.get(name, 0) + value for name, value in result.terms.items()}
            stats |= {
                f"codebook{first + int(k.split('/')[0])}/{k.split('/')[1]}": v
                for k, v in result.stats.items()
            }
            first += self.depths[index]
        return Quantized(u, tuple(codes), torch.cat(rates, 1), terms, stats, tuple(inputs))

    def encode(
        self, features: Sequence[Tensor], depth: int | None = None, choose: Choose | None = None
    ) -> list[Tensor]:
        """Hard codes of every codebook, coarse first: features, one a level, (b, d, f_level) to codes (b, f_level).

        depth: only the first so many codebooks, which a search then makes the best of
        choose: what takes the codes of a level, if not its quantizer
        """
        u = features[0].new_zeros(len(features[0]), self.state, features[0].shape[-1])
        left = sum(self.depths) if depth is None else depth
        codes: list[Tensor] = []
        for index, (level, feature) in enumerate(zip(self.levels, features, strict=True)):
            if not left:
                break
            u = self.up[index - 1](u) if index else u
            count = min(left, self.depths[index])
            z = level.latent(feature, u)
            more = (
                level.quantizers.encode(z, count)
                if choose is None
                else choose(level.quantizers, z, count, codes)
            )
            u = level.decode(more, u)
            left -= count
            codes = [*codes, *more]
        return codes

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """The decoder's input (b, state, f) at the finest rate from the codes of a prefix of the codebooks, at least one."""
        u = self.levels[0].add.weight.new_zeros(len(codes[0]), self.state, codes[0].shape[-1])
        first = 0
        for index, level in enumerate(self.levels):
            u = self.up[index - 1](u) if index else u
            u = level.decode(codes[first : first + self.depths[index]], u)
            first += self.depths[index]
        return u
