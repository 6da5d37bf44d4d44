"""The top-down path of HQ-VAE (Takida et al. 2024): coarse to fine, inject, then refine.

A level has its own frame rate. Its first codebook is *injected*: a map of the level's bottom-up
feature and of everything already decoded gives z, which is quantized. The codebooks after it are
*residual*: each quantizes the residual of the level's earlier codebooks. What the decoder knows,
the state u, grows by the sum of the level's codewords and is upsampled for the next level.

       coarse feature              fine feature
            |                           |
    0 --> inject -> z          +---> inject -> z
            |                  |        |
        Q, Q, Q (residual)     |    Q, Q (residual)
            |                  |        |
            u ------ up -------+------- u ---> decoder

With stochastic quantizers one level of several codebooks is RSQ-VAE and several levels of one
codebook each are SQ-VAE-2, with vector quantizers RQ-VAE and VQ-VAE-2. Any prefix of the codebooks
decodes: those that are missing add nothing. A level without codes, of a baseline, counts as one
codebook where prefixes are kept in training, and cannot be decoded.
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

Choose = Callable[[Quantizer, Tensor, int, Sequence[Tensor]], list[Tensor]]
"""Codes (b, f) of the first n codebooks for z (b, d, f), given those of all coarser levels."""


class Level(nn.Module):
    """An injected codebook and the residual codebooks after it.

    They have one frame rate, one kind and one latent space.

    Features (b, feature, f) and state u (b, state, f) give z (b, d, f); what the quantizer makes of
    it is mapped back and added to u.
    """

    def __init__(self, feature: int, state: int, quantizer: Quantizer) -> None:
        super().__init__()
        self.quantizer = quantizer
        hidden = 2 * feature
        last = nn.Linear(hidden, quantizer.dim)
        nn.init.normal_(
            last.weight, std=hidden**-0.5
        )  # z has at first the codewords' unit variance
        self.inject = nn.Sequential(
            nn.Linear(feature + state, hidden), nn.GELU(), nn.LayerNorm(hidden), last
        )
        self.add = nn.Conv1d(quantizer.dim, state, 1)

    def latent(self, feature: Tensor, u: Tensor) -> Tensor:
        """What is to be quantized, z (b, d, f), never in half precision."""
        return precise(self.inject(torch.cat([feature, u], 1).transpose(1, 2)).transpose(1, 2))

    def forward(
        self,
        feature: Tensor,
        u: Tensor,
        mask: Tensor,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        bypass: Tensor | None = None,
    ) -> Quantized:
        """A training pass.

        mask (b, codebooks) is 1 for the codebooks that an example uses, a prefix of them.

        For the examples in bypass (b,), booleans, the decoder sees z itself; the quantizer learns
        from them all the same.
        """
        z = self.latent(feature, u)
        quantized: Quantized = self.quantizer(z, mask, temperature=temperature, generator=generator)
        total = quantized.z
        if bypass is not None:
            total = torch.where(bypass[:, None, None], z * mask[:, 0, None, None], total)
        return replace(quantized, z=u + self.add(total))

    def encode(
        self, feature: Tensor, u: Tensor, n_codebooks: int | None = None
    ) -> tuple[list[Tensor], Tensor]:
        """Hard codes (b, f) of the first `n_codebooks` codebooks or all, and the state after."""
        codes = self.quantizer.encode(self.latent(feature, u), n_codebooks)
        return codes, self.decode(codes, u)

    def decode(self, codes: Sequence[Tensor], u: Tensor) -> Tensor:
        """The state after the codes of a prefix of this level's codebooks.

        No codes leave u as it is but for the map's bias.
        """
        if not codes:
            return u + self.add(u.new_zeros(len(u), self.add.in_channels, u.shape[-1]))
        return u + self.add(self.quantizer.decode(codes))


class TopDown(nn.Module):
    """All levels, coarse first. factors[i] is how many frames level i+1 has for one of level i.

    counts: codebooks of each level, 1 for a level without codes
    """

    def __init__(self, levels: Sequence[Level], factors: Sequence[int], state: int) -> None:
        super().__init__()
        self.levels = Modules[Level](levels)
        self.up = Modules[Upsample](Upsample(state, state, factor) for factor in factors)
        self.state = state
        self.counts = tuple(max(1, len(level.quantizer.codebooks)) for level in levels)

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """All codebooks, coarse first."""
        return tuple(codebook for level in self.levels for codebook in level.quantizer.codebooks)

    def forward(
        self,
        features: Sequence[Tensor],
        n_codebooks: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        bypass: Tensor | None = None,
    ) -> Quantized:
        """A pass over features, one a level, coarse first.

        n_codebooks: how many codebooks each example uses (b,), all by default
        """
        u = features[0].new_zeros(len(features[0]), self.state, features[0].shape[-1])
        masks = torch.ones(len(u), sum(self.counts), device=u.device)
        if n_codebooks is not None:
            index = torch.arange(masks.shape[1], device=n_codebooks.device)
            masks = (n_codebooks[:, None] > index).float()
        codes, inputs, rates, stats, first = [], [], [], {}, 0
        terms: dict[str, Tensor] = {}
        for index, (level, feature) in enumerate(zip(self.levels, features, strict=True)):
            u = self.up[index - 1](u) if index else u
            mask = masks[:, first : first + self.counts[index]]
            result = level(
                feature, u, mask, temperature=temperature, generator=generator, bypass=bypass
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
            first += self.counts[index]
        return Quantized(u, tuple(codes), torch.cat(rates, 1), terms, stats, tuple(inputs))

    def encode(
        self,
        features: Sequence[Tensor],
        n_codebooks: int | None = None,
        choose: Choose | None = None,
    ) -> list[Tensor]:
        """Hard codes (b, f) of every codebook, coarse first, from features (b, d, f), one a level.

        n_codebooks: only the first ones, for which a beam search then finds the best codes
        choose: what chooses the codes of a level in the place of its quantizer
        """
        u = features[0].new_zeros(len(features[0]), self.state, features[0].shape[-1])
        left = sum(self.counts) if n_codebooks is None else n_codebooks
        codes: list[Tensor] = []
        for index, (level, feature) in enumerate(zip(self.levels, features, strict=True)):
            if not left:
                break
            u = self.up[index - 1](u) if index else u
            count = min(left, self.counts[index])
            z = level.latent(feature, u)
            own = (
                level.quantizer.encode(z, count)
                if choose is None
                else choose(level.quantizer, z, count, codes)
            )
            u = level.decode(own, u)
            left -= count
            codes = [*codes, *own]
        return codes

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """The decoder's input (b, state, f) at the finest rate.

        From the codes of a prefix of the codebooks, at least one.
        """
        u = self.levels[0].add.weight.new_zeros(len(codes[0]), self.state, codes[0].shape[-1])
        first = 0
        for index, level in enumerate(self.levels):
            u = self.up[index - 1](u) if index else u
            u = level.decode(codes[first : first + self.counts[index]], u)
            first += self.counts[index]
        return u
