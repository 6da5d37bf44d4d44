"""Residual quantization: each layer quantizes what the layers before it left over, and the sum of all entries stands for z.

`ResidualVQ` is RQ-VAE (Lee et al. 2022) and `ResidualSQ` is RSQ-VAE (Takida et al. 2024); with one
layer they are VQ-VAE and SQ-VAE. Layers left out by `keep` leave no trace (layer dropout, as in
SoundStream).
"""

import math
from collections.abc import Sequence
from typing import TypeVar

import torch
from einops import rearrange
from torch import Tensor

from speechvq.nn.modules import Modules
from speechvq.quantize.base import Quantized, whole
from speechvq.quantize.codebook import Codebook, half_distances, smallest
from speechvq.quantize.cosine import CosineQuantizer
from speechvq.quantize.stochastic import StochasticQuantizer
from speechvq.quantize.vector import VectorQuantizer

L = TypeVar("L", bound=Codebook)

SEARCHED = 512
"""Positions searched at a time: memory does not grow with the recording."""


class Residual(Modules[L]):
    """The layers of a residual stack, and hard codes: greedy, one layer after the other.

    depth: how many layers when one codebook is given that all of them share
    candidates: with 1 hard codes are greedy; with more, so many of the best beginnings are kept
      from layer to layer and the one that leaves least in the end is taken (beam search), which is
      better for the layers that are wanted and worse for fewer
    """

    def __init__(
        self, layers: Sequence[L], depth: int | None = None, *, candidates: int = 1
    ) -> None:
        super().__init__(layers)
        self.width, self._depth, self.candidates = layers[0].width, depth or len(layers), candidates
        if len(layers) not in (1, self._depth):
            raise ValueError(f"{self._depth} layers cannot share {len(layers)} codebooks")

    @property
    def layers(self) -> tuple[L, ...]:
        """The codebook of every layer, coarse first."""
        own = tuple(self)
        return own * self._depth if len(own) < self._depth else own

    def encode(self, z: Tensor, depth: int | None = None) -> list[Tensor]:
        """Hard codes of z (b, d, f) for the first `depth` layers, all by default, one (b, f) a layer."""
        layers = self.layers[:depth]
        if self.candidates > 1:
            return self._search(z, len(layers))
        codes, total = [], torch.zeros_like(z)
        for layer in layers:
            codes.append(layer.choose(z - total))
            total = total + layer.look_up(codes[-1])
        return codes

    def _search(self, z: Tensor, depth: int) -> list[Tensor]:
        with torch.autocast(z.device.type, enabled=False):
            flat = rearrange(z, "b d f -> (b f) d").to(self.layers[0].codebook.dtype)
            paths = torch.cat(
                [self._best(part, self.layers[:depth])[0] for part in flat.split(SEARCHED)]
            )
        return [rearrange(row, "(b f) -> b f", b=len(z)) for row in paths.unbind(1)]

    @property
    def searchable(self) -> bool:
        """Whether entries lie in the space of z, so that their distances say what is left."""
        return all(
            isinstance(layer, VectorQuantizer | StochasticQuantizer) for layer in self.layers
        )

    def options(self, left: Tensor, index: int, depth: int, count: int) -> tuple[Tensor, Tensor]:
        """The `count` entries of a layer nearest to vectors (n, d), and what would be left in the end with each.

        left: what the layers before `index` leave
        depth: how many layers there will be: those after this one are searched
        Returns codes and squared errors, (n, count) each.
        """
        parts = left.to(self.layers[0].codebook.dtype).split(max(1, SEARCHED // count))
        pairs = [
            self._options(part, self.layers[index:depth], min(count, self.layers[index].size))
            for part in parts
        ]
        return torch.cat([codes for codes, _ in pairs]), torch.cat([errors for _, errors in pairs])

    def _options(self, left: Tensor, layers: Sequence[L], count: int) -> tuple[Tensor, Tensor]:
        first, *finer = layers
        codes = smallest(half_distances(left, first.codebook), count)
        rest = (left[:, None] - first.codebook[codes]).flatten(0, 1)
        if finer:
            rest = self._best(rest, finer)[1]
        return codes, rest.square().sum(1).view_as(codes)

    def _best(self, flat: Tensor, layers: Sequence[L]) -> tuple[Tensor, Tensor]:
        """Codes (n, layers) that leave least of vectors (n, d), of those that were candidates, and what they leave (n, d)."""
        left = flat[:, None]  # of every candidate (n, c, d)
        paths = torch.empty(len(left), 1, 0, dtype=torch.long, device=flat.device)
        for index, layer in enumerate(layers):
            errors = half_distances(left, layer.codebook).flatten(1)
            best = smallest(
                errors, 1 if index == len(layers) - 1 else min(self.candidates, errors.shape[1])
            )
            parent, code = best // layer.size, best % layer.size
            left = (
                left.gather(1, parent[..., None].expand(-1, -1, left.shape[2]))
                - layer.codebook[code]
            )
            paths = torch.cat(
                [paths.gather(1, parent[..., None].expand(-1, -1, index)), code[..., None]], 2
            )
        return paths[:, 0], left[:, 0]

    def _hard(self, z: Tensor, keep: Tensor) -> Quantized:
        """What hard codes give: the eval mode of all kinds."""
        codes, total, inputs = self._chosen(z, keep), torch.zeros_like(z), []
        for index, (layer, row) in enumerate(zip(self.layers, codes, strict=True)):
            inputs.append((z - total).detach())
            total = total + layer.look_up(row) * keep[:, index, None, None]
        return Quantized(total, tuple(codes), keep * self._rates(z), {}, {}, tuple(inputs))

    def _chosen(self, z: Tensor, keep: Tensor) -> list[Tensor]:
        """Hard codes of all layers: the best for those that each example keeps, and whatever comes first for the others."""
        codes = self.encode(z)
        depths = keep.sum(1).long()
        for depth in sorted(set(depths.tolist()) - {0, len(codes)}) if self.candidates > 1 else ():
            mine = depths == depth
            for row, found in zip(codes, self.encode(z[mine], depth), strict=False):
                row[mine] = found
        return codes

    def _rates(self, z: Tensor) -> Tensor:
        """Nats of every layer's codes at log K each, (layers,)."""
        return z.new_tensor([z.shape[-1] * math.log(layer.size) for layer in self.layers])

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """The sum of the entries (b, d, f) behind the codes of a prefix of the layers, at least one."""
        total = self.layers[0].look_up(codes[0])
        for layer, row in zip(self.layers[1:], codes[1:], strict=False):
            total = total + layer.look_up(row)
        return total


class ResidualVQ(Residual[VectorQuantizer | CosineQuantizer]):
    """Nearest entries, or those a search finds; the gradient of their sum is copied to z once, however many layers."""

    def forward(
        self,
        z: Tensor,
        keep: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """Quantize z (b, d, f). Terms: commitment, and codebook where entries learn by loss, summed over the kept layers."""
        del temperature, generator
        keep = whole(z, len(self.layers)) if keep is None else keep
        if not self.training:
            return self._hard(z, keep)
        total = torch.zeros_like(z)
        codes, inputs, terms = [], [], dict[str, Tensor]()
        searched = self._chosen(z.detach(), keep) if self.candidates > 1 else None
        for index, layer in enumerate(self.layers):
            residual = z - total
            inputs.append(residual.detach())
            entry, more, hard = layer.nearest(
                residual, None if searched is None else searched[index]
            )
            codes.append(hard)
            total = total + entry * keep[:, index, None, None]
            for name, value in more.items():
                terms[name] = terms.get(name, 0) + value * keep[:, index]
        if self.layers[0].copies:
            total = (z + (total - z).detach()) * keep[:, 0, None, None]
        return Quantized(total, tuple(codes), keep * self._rates(z), terms, {}, tuple(inputs))


class ResidualSQ(Residual[StochasticQuantizer]):
    """Sampled entries; one quadratic term for all layers, over the sum of the kept layers' variances.

    Independent Gaussian blurs add. (With one term a layer every partial sum would have to match z,
    against the point of refinement.)
    """

    def forward(
        self,
        z: Tensor,
        keep: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """Quantize z (b, d, f): in training by relaxed samples, at temperature 0 by exact draws, in eval mode by hard codes."""
        keep = whole(z, len(self.layers)) if keep is None else keep
        if not self.training:
            return self._hard(z, keep)
        total, variance = torch.zeros_like(z), keep.new_zeros(len(z))
        codes, inputs, rates, stats = [], [], [], {}
        for index, layer in enumerate(self.layers):
            mask = keep[:, index]
            inputs.append((z - total).detach())
            sample, entropies, hard = layer.sample(
                z - total, temperature=temperature, generator=generator
            )
            codes.append(hard)
            total = total + sample * mask[:, None, None]
            variance = variance + layer.variance * mask
            maximum = z.shape[-1] * math.log(layer.size)
            rates.append((maximum - entropies).clamp_min(0) * mask)
            stats |= {
                f"{index}/variance": layer.variance.item(),
                f"{index}/entropy": entropies.mean().item() / maximum,
            }
        error = (z - total).square().sum((1, 2))
        quadratic = torch.where(variance > 0, error / (2 * variance.clamp_min(1e-12)), 0.0)
        return Quantized(
            total,
            tuple(codes),
            torch.stack(rates, 1),
            {"quadratic": quadratic},
            stats,
            tuple(inputs),
        )
