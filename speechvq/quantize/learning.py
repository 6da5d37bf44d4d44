"""How codebooks learn without gradients: EMA update, dead-code reset and k-means initialization.

A codeword of a vector quantizer is the exponential moving average of the vectors that chose it (van
den Oord et al. 2017, appendix A.1):

    N <- decay N + n,    m <- decay m + sum of the n vectors,    codeword = m / N

It stays in the middle of its cell however fast the encoder moves. With a gradient step on the
quadratic term instead, codewords lagged so far behind that each codebook had twice the error of
k-means on the same latents. Codewords that nothing chooses for a while are moved beside frequent
ones.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from speechvq.quantize.base import Quantized
from speechvq.quantize.codebook import Codebook
from speechvq.quantize.kmeans import kmeans

PRIOR_COUNT = 20.0
"""How many vectors the initial codeword counts for in its moving average."""

MIN_COUNT = 1e-3
"""A codeword whose averaged count is below stays where it is."""


def codeword_sums(quantized: Quantized, n_codebooks: Tensor, size: int) -> Tensor:
    """How many vectors chose each codeword, and their sum: (l, size, 1 + d).

    Only of the examples that use the codebook.

    n_codebooks: how many codebooks each example uses (b,)
    """
    widest = max((x.shape[1] for x in quantized.inputs), default=0)
    sums = n_codebooks.new_zeros(len(quantized.codes), size, 1 + widest, dtype=torch.float32)
    for index, (codes, inputs) in enumerate(zip(quantized.codes, quantized.inputs, strict=True)):
        used = n_codebooks > index
        vectors = inputs[used].transpose(1, 2).flatten(0, 1).float()
        chosen = codes[used].flatten()
        sums[index, :, 0].index_add_(0, chosen, vectors.new_ones(len(vectors)))
        sums[index, :, 1 : 1 + vectors.shape[1]].index_add_(0, chosen, vectors)
    return sums


class CodebookLearner:
    """EMA update, dead-code reset and k-means initialization of codebooks.

    Each codebook says which of the three it takes part in.

    codebooks: all codebooks, coarse first; a shared one appears several times
    decay: what the moving averages keep of their past at each step
    distinct: the codebooks, each once
    ema: averaged counts and sums of vectors of each distinct codebook, (n, k, 1 + d); all zero
      before the first step
    recent: how many vectors chose each codeword since the last dead-code reset, (n, k)
    """

    def __init__(self, codebooks: Sequence[Codebook], *, decay: float) -> None:
        self.codebooks, self.decay = tuple(codebooks), decay
        self.distinct = tuple(dict.fromkeys(codebooks))
        size = max((codebook.size for codebook in codebooks), default=0)
        dim = max((codebook.dim for codebook in codebooks), default=0)
        self.ema = torch.zeros(len(self.distinct), size, 1 + dim)
        self.recent = torch.zeros(len(self.distinct), size)

    @property
    def active(self) -> bool:
        """Whether there is anything to do: a codebook with an EMA update or dead-code reset."""
        return any(codebook.ema or codebook.resets_dead for codebook in self.distinct)

    def _averages(self) -> Iterator[tuple[Tensor, Codebook]]:
        """Every codebook with an EMA update, and its part of `ema`."""
        for ema, codebook in zip(self.ema, self.distinct, strict=True):
            if codebook.ema:
                yield ema[: codebook.size, : 1 + codebook.dim], codebook

    def _indices(self, codebook: Codebook) -> list[int]:
        return [index for index, other in enumerate(self.codebooks) if other is codebook]

    @torch.no_grad()
    def init_kmeans(
        self,
        inputs: Callable[[], Sequence[Tensor]],
        *,
        seed: int,
        only: Sequence[Codebook] | None = None,
    ) -> None:
        """Start codewords as k-means centers, each codebook on the residual of those before it.

        inputs: gives what every codebook quantizes with the codebooks as they are, (b, d, f) each
        only: these codebooks and no others
        """
        for codebook in self.distinct:
            if codebook.kmeans_init and (only is None or codebook in only):
                indices = self._indices(codebook)
                _fit(codebook, _vectors(inputs(), indices[:1]), seed)
                if len(indices) > 1:  # a shared one also quantizes the residuals of the first fit
                    _fit(codebook, _vectors(inputs(), indices), seed)

    @torch.no_grad()
    def update(self, sums: Tensor) -> None:
        """Move every codeword to the moving average of the vectors that chose it.

        sums: as from `codeword_sums`, over all devices
        """
        if not self.active:
            return
        rows = [sums[self._indices(codebook)].sum(0) for codebook in self.distinct]
        step = torch.stack(rows).to(self.ema)
        self.recent += step[..., 0]
        if not self.ema.any():
            for ema, codebook in self._averages():
                ema[:, 0] = PRIOR_COUNT
                ema[:, 1:] = PRIOR_COUNT * codebook.codewords.to(ema)
        self.ema.mul_(self.decay).add_(step)
        for ema, codebook in self._averages():
            count, total = ema[:, :1], ema[:, 1:]
            mean = total / count.clamp_min(MIN_COUNT)
            codewords = codebook.codewords.to(ema)
            codebook.codewords.copy_(torch.where(count > MIN_COUNT, mean, codewords))

    @torch.no_grad()
    def reset_dead(self, generator: torch.Generator) -> int:
        """Move codewords that nothing chose since the last call beside frequent ones.

        Returns how many were moved.
        """
        moved = 0
        for index, codebook in enumerate(self.distinct):
            if not codebook.resets_dead:
                continue
            recent = self.recent[index, : codebook.size].to(codebook.codewords.device)
            dead = codebook.reset_dead_codewords(recent, generator).to(self.ema.device)
            if codebook.ema:
                ema = self.ema[index, : codebook.size, : 1 + codebook.dim]
                ema[dead, 0] = 1.0
                ema[dead, 1:] = codebook.codewords.to(ema)[dead]
            moved += int(dead.sum())
        self.recent.zero_()
        return moved

    def state_dict(self) -> dict[str, Tensor]:
        """The moving averages and the counts since the last reset."""
        return {"ema": self.ema, "recent": self.recent}

    def load_state_dict(self, values: Mapping[str, Tensor]) -> None:
        """Continue from what `state_dict` gave."""
        self.ema.copy_(values["ema"])
        self.recent.copy_(values["recent"])


def _fit(codebook: Codebook, vectors: Tensor, seed: int) -> None:
    codebook.codewords.copy_(kmeans(vectors, codebook.size, seed=seed))


def _vectors(inputs: Sequence[Tensor], indices: Sequence[int]) -> Tensor:
    """What these codebooks quantize, as (n, d)."""
    return torch.cat([inputs[index].transpose(1, 2).flatten(0, 1) for index in indices])
