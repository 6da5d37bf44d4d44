"""Whether every codebook earns its bits: counted over a whole validation set, and said in words.

Perplexity in a batch depends on the batch, and soft perplexity looks best where a codebook is dead: a
posterior that is uniform at every position has perplexity K and tells nothing. So here are hard
codes over the whole set, and the mutual information

    I(x; Z) = H(mean P) - mean H(P)
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from speechvq.quantize.base import Quantized
from speechvq.quantize.codebook import Codebook

DEAD = 0.9
"""Mean entropy of the choice, as a share of log K, above which a codebook is dead."""

COLLAPSED = 0.1
"""Perplexity, as a share of K, below which a codebook has collapsed."""


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
        """Of every codebook: used (share of codewords), perplexity (hard codes), information and doubt (nats), variance if any.

        doubt is the mean entropy of the choice, 0 for a hard one.
        """
        result = dict[str, float]()
        for index, codebook in enumerate(self.codebooks):
            seen = self.counts[index].sum()
            doubt = self.entropies[index] / seen.item()
            information = entropy(self.means[index]) - doubt
            result[f"codebook{index}/used"] = (self.counts[index] > 0).double().mean().item()
            result[f"codebook{index}/perplexity"] = entropy(self.counts[index]).exp().item()
            result[f"codebook{index}/information"] = max(0.0, information.item())
            result[f"codebook{index}/doubt"] = doubt
            for name, value in codebook.numbers().items():
                result[f"codebook{index}/{name}"] = value
        return result


def entropy(counts: Tensor) -> Tensor:
    """Entropy in nats of counts or weights (k,)."""
    return torch.special.entr(counts / counts.sum()).sum()


def diagnose(numbers: Mapping[str, float], sizes: Sequence[int]) -> list[str]:
    """A sentence for every codebook that does not earn its bits, with what to try; from the numbers of a validation.

    sizes: codebook codewords of every codebook
    """
    found = []
    for index, size in enumerate(sizes):
        of = {
            name: numbers[f"codebook{index}/{name}"]
            for name in ("used", "perplexity", "information", "doubt")
        }
        if of["doubt"] > DEAD * math.log(size):
            found.append(
                f"codebook {index} is dead: its choice is nearly uniform everywhere (mutual "
                f"information {of['information']:.2f} of"
                f" {math.log(size):.2f} nats), so the decoder has learned to do without; start "
                "with a smaller levels.quantizer.variance,"
                " let more examples use it (a smaller optim.quantizer_dropout), count more data (mel.windows, "
                "mel.bands), or take fewer codebooks"
            )
        elif of["perplexity"] < COLLAPSED * size:
            soft = "start with a larger levels.quantizer.variance"
            hard = 'try optim.codebook_init = "kmeans", a smaller optim.reset_every'
            found.append(
                f"codebook {index} has collapsed: perplexity {of['perplexity']:.1f} of {size}, "
                f"{of['used']:.0%} of its codewords in"
                f" use; {soft if of['doubt'] else hard}, or a smaller levels.quantizer.codebook_size"
            )
        elif numbers.get(f"prefix{index + 1}/mel", 0.0) > numbers.get(
            f"prefix{index}/mel", float("inf")
        ):
            found.append(
                f"codebook {index} adds nothing: the error with it is larger than without; train on, "
                "or take fewer codebooks"
            )
    return found
