"""CodebookLearner as running means: how vector quantizers learn.

An codeword is the mean of what was given to it, forgotten exponentially (van den Oord et al. 2017,
appendix A.1): it stays in the middle of its cell however fast the encoder moves. With a gradient
step on the quadratic term instead, codewords lagged so far behind that each codebook had twice the error
of k-means on the same latents. Entries that are not chosen for a while are moved beside busy ones.
"""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from speechvq.quantize.base import Quantized
from speechvq.quantize.codebook import Codebook
from speechvq.quantize.cosine import CosineQuantizer
from speechvq.quantize.kmeans import kmeans
from speechvq.quantize.vector import VectorQuantizer

PRIOR = 20.0
"""How many vectors the codeword that a running mean starts from stands for."""

FORGOTTEN = 1e-3
"""Entries whose forgotten count is below stay where they are."""


def tally(quantized: Quantized, depth: Tensor, size: int) -> Tensor:
    """How many vectors each codeword got and their sum, (l, size, 1 + d), from the examples that use the codebook.

    depth (b,) is how many codebooks each example uses.
    """
    widest = max((x.shape[1] for x in quantized.inputs), default=0)
    table = depth.new_zeros(len(quantized.codes), size, 1 + widest, dtype=torch.float32)
    for codebook, (codes, inputs) in enumerate(zip(quantized.codes, quantized.inputs, strict=True)):
        used = depth > codebook
        vectors = inputs[used].transpose(1, 2).flatten(0, 1).float()
        chosen = codes[used].flatten()
        table[codebook, :, 0].index_add_(0, chosen, vectors.new_ones(len(vectors)))
        table[codebook, :, 1 : 1 + vectors.shape[1]].index_add_(0, chosen, vectors)
    return table


class CodebookLearner:
    """The running means of a stack's vector quantizers, and the revival of codewords nobody chooses; others are left alone.

    quantizers: the codebooks, each once, though several codebooks may share one
    mean: forgotten counts and sums of vectors, (n, k, 1 + d); all zero before the first step
    recent: how many vectors each codeword got since the last revival, (n, k)
    """

    def __init__(self, codebooks: Sequence[Codebook], *, keep: float) -> None:
        self.codebooks, self.keep = tuple(codebooks), keep
        self.quantizers = tuple(dict.fromkeys(codebooks))
        size, width = (
            max((getattr(one, name) for one in codebooks), default=0) for name in ("size", "width")
        )
        self.mean = torch.zeros(len(self.quantizers), size, 1 + width)
        self.recent = torch.zeros(len(self.quantizers), size)

    @property
    def active(self) -> bool:
        """Whether anything here learns: there is a vector quantizer."""
        return any(isinstance(one, VectorQuantizer | CosineQuantizer) for one in self.quantizers)

    def _vector(self) -> Iterator[tuple[Tensor, Tensor, VectorQuantizer | CosineQuantizer]]:
        """Of every vector quantizer: its part of `mean` (k, 1 + d), of `recent` (k,), and itself."""
        for mean, recent, one in zip(self.mean, self.recent, self.quantizers, strict=True):
            if isinstance(one, VectorQuantizer | CosineQuantizer):
                yield mean[: one.size, : 1 + one.width], recent[: one.size], one

    def _learned(self) -> Iterator[tuple[Tensor, VectorQuantizer]]:
        """Those that learn as running means, each with its part of `mean`."""
        for mean, _, one in self._vector():
            if isinstance(one, VectorQuantizer) and one.learned == "means":
                yield mean, one

    @torch.no_grad()
    def start(
        self,
        inputs: Callable[[], Sequence[Tensor]],
        *,
        seed: int,
        only: Sequence[Codebook] | None = None,
    ) -> None:
        """Let codewords of "vq" start as k-means centres, codebook after codebook, as each quantizes what those before left over.

        inputs: gives what every codebook quantizes with the codebooks as they are, (b, d, f) each
        only: these and no others
        """
        for one in self.quantizers:
            rows = [index for index, codebook in enumerate(self.codebooks) if codebook is one]
            if isinstance(one, VectorQuantizer) and (only is None or one in only):
                one.codewords.copy_(kmeans(_vectors(inputs(), rows[:1]), one.size, seed=seed))
                if len(rows) > 1:  # what is left over by the first centres is for the same codebook
                    one.codewords.copy_(kmeans(_vectors(inputs(), rows), one.size, seed=seed))

    @torch.no_grad()
    def learn(self, table: Tensor) -> None:
        """Move every codeword towards the mean of the vectors it got in this step; table as from `tally`, over all devices."""
        if not self.active:
            return
        rows = [
            [index for index, codebook in enumerate(self.codebooks) if codebook is one]
            for one in self.quantizers
        ]
        table = torch.stack([table[row].sum(0) for row in rows]).to(self.mean)
        self.recent += table[..., 0]
        if not self.mean.any():
            for mean, one in self._learned():
                mean[:, 0] = PRIOR
                mean[:, 1:] = PRIOR * one.codewords.to(mean)
        self.mean.mul_(self.keep).add_(table)
        for mean, one in self._learned():
            count, total = mean[:, :1], mean[:, 1:]
            one.codewords.copy_(
                torch.where(
                    count > FORGOTTEN, total / count.clamp_min(FORGOTTEN), one.codewords.to(mean)
                )
            )

    @torch.no_grad()
    def revive(self, generator: torch.Generator) -> int:
        """Move codewords that got nothing since the last call beside busy ones; how many."""
        revived = 0
        for mean, recent, one in self._vector():
            dead = one.split(recent.to(one.codewords.device), generator).to(mean.device)
            if isinstance(one, VectorQuantizer):
                mean[dead, 0] = 1.0
                mean[dead, 1:] = one.codewords.to(mean)[dead]
            revived += int(dead.sum())
        self.recent.zero_()
        return revived


def _vectors(inputs: Sequence[Tensor], codebooks: Sequence[int]) -> Tensor:
    """What some codebooks quantize, as (n, d)."""
    return torch.cat([inputs[codebook].transpose(1, 2).flatten(0, 1) for codebook in codebooks])
