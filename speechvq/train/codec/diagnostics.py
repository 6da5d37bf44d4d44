"""Codebook utilization, counted over a whole validation set, and codebook collapse, in words.

Perplexity in a batch depends on the batch, and the perplexity of the mean posterior is highest
where a codebook is dead: a posterior that is uniform at every position has perplexity K and carries
no information. So the perplexity here is that of argmax codes over the whole set, and beside it
stands the mutual information

    I(x; Z) = H(mean P) - mean H(P)
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from speechvq.quantize.base import Quantized
from speechvq.quantize.codebook import Codebook

DEAD = 0.9
"""Conditional entropy, as a fraction of log K, above which a codebook is dead."""

COLLAPSED = 0.1
"""Perplexity, as a fraction of K, below which a codebook has collapsed."""


class Usage:
    """Counts of every codebook over a set.

    codebooks: the codebook behind every code
    """

    def __init__(self, codebooks: Sequence[Codebook]) -> None:
        self.codebooks = tuple(codebooks)
        self.counts = [torch.zeros(codebook.size, dtype=torch.float64) for codebook in codebooks]
        self.means = [torch.zeros(codebook.size, dtype=torch.float64) for codebook in codebooks]
        self.entropies = [0.0] * len(self.codebooks)

    @torch.no_grad()
    def add(self, quantized: Quantized) -> None:
        """Count what was quantized, in eval mode."""
        for index, (codebook, codes, z) in enumerate(
            zip(self.codebooks, quantized.codes, quantized.inputs, strict=True)
        ):
            posterior = codebook.posterior(z).double()
            self.counts[index] += torch.bincount(codes.flatten().cpu(), minlength=codebook.size)
            self.means[index] += posterior.sum((0, 1)).cpu()
            self.entropies[index] += torch.special.entr(posterior).sum().item()

    def numbers(self) -> dict[str, float]:
        """Numbers of every codebook, by `codebook0/utilization` and the like.

        utilization: the fraction of the codewords that are used
        perplexity: of argmax codes
        mutual_information, conditional_entropy: in nats; the latter, the mean entropy of the
          posterior, is 0 for a hard assignment
        and what the codebook itself tells, as the variance of a stochastic quantizer
        """
        numbers = dict[str, float]()
        for index, codebook in enumerate(self.codebooks):
            conditional = self.entropies[index] / self.counts[index].sum().item()
            information = entropy(self.means[index]).item() - conditional
            values = {
                "utilization": (self.counts[index] > 0).double().mean().item(),
                "perplexity": entropy(self.counts[index]).exp().item(),
                "mutual_information": max(0.0, information),
                "conditional_entropy": conditional,
            }
            values |= codebook.numbers()
            numbers |= {f"codebook{index}/{name}": value for name, value in values.items()}
        return numbers


def entropy(counts: Tensor) -> Tensor:
    """Entropy in nats of counts or weights (k,)."""
    return torch.special.entr(counts / counts.sum()).sum()


def diagnose(numbers: Mapping[str, float], sizes: Sequence[int]) -> list[str]:
    """A sentence for every codebook that carries too little, with what to try.

    numbers: of a validation
    sizes: the codebook size of every codebook
    """
    sentences = []
    for index, size in enumerate(sizes):
        names = ("utilization", "perplexity", "mutual_information", "conditional_entropy")
        used, perplexity, information, conditional = (
            numbers[f"codebook{index}/{name}"] for name in names
        )
        error = numbers.get(f"prefix{index + 1}/mel", 0.0)
        before = numbers.get(f"prefix{index}/mel", float("inf"))
        if conditional > DEAD * math.log(size):
            sentences.append(
                f"codebook {index} is dead: its posterior is nearly uniform everywhere (mutual "
                f"information {information:.2f} of {math.log(size):.2f} nats), so the decoder "
                "has learned to ignore it; start with a smaller levels.quantizer.variance, lower "
                "optim.quantizer_dropout, count more data (mel.windows, mel.bands), or take fewer "
                "codebooks"
            )
        elif perplexity < COLLAPSED * size:
            soft = "start with a larger levels.quantizer.variance"
            hard = 'try optim.codebook_init = "kmeans", a smaller optim.reset_every'
            sentences.append(
                f"codebook {index} has collapsed: perplexity {perplexity:.1f} of {size}, "
                f"{used:.0%} of its codewords in use; {soft if conditional else hard}, or a "
                "smaller levels.quantizer.codebook_size"
            )
        elif error > before:
            sentences.append(
                f"codebook {index} adds nothing: the error with it is larger than without; train "
                "longer, or take fewer codebooks"
            )
    return sentences
