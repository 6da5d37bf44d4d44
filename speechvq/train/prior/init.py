"""Where a prior's weights begin: with what the codec already knows of its codes.

Entries of a codebook that lie close together mean nearly the same, and a residual codebook's codeword is
added to those above it. A prior whose embeddings begin as those vectors need not find this out from
the codes alone.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from speechvq.prior.network import PriorNetwork
from speechvq.prior.tokens import Tokens

GAIN = 2.0
"""Of the codewords in the logits' weights, in standard deviations of the weights that they replace."""


@torch.no_grad()
def start(network: PriorNetwork, codebooks: Sequence[Tensor], tokens: Tokens) -> None:
    """Put the codec's codewords (size, width), one table a codebook, into an untrained prior, and how often each code comes.

    Of every embedding the first channels become the codeword on the scale of its rate's first codebook,
    so that the codebooks of one rate add up as in the codec, the next ones the codeword on a scale of its
    own. The logits of a code begin with a product with its codeword, as those of a Gaussian around a
    predicted vector, and with the logarithm of its frequency. Other channels stay random.
    """
    width = network.config.width
    first = {hop: depth for depth, (hop, _) in reversed(list(enumerate(network.shapes)))}
    turns = [_turn(codebook.shape[1], width // 2, seed) for seed, codebook in enumerate(codebooks)]
    own = [_standard(codebook) @ turn for codebook, turn in zip(codebooks, turns, strict=True)]
    shared = [
        codebook
        / _spread(codebooks[first[hop]])
        @ _turn(codebook.shape[1], width // 2, len(codebooks) + first[hop])
        for codebook, (hop, _) in zip(codebooks, network.shapes, strict=True)
    ]
    for depth, stream in enumerate(network.streams):
        for codebook, embedding in enumerate(
            [*stream.coarser_embeddings, stream.previous_code_embedding]
        ):
            _put(embedding.weight, torch.cat([shared[codebook], own[codebook]], 1))
        last = stream.wavenet.head[-1]
        assert isinstance(last, nn.Conv1d)
        assert last.bias is not None
        counts = np.bincount(tokens.codebooks[depth], minlength=stream.codebook_size) + 1.0
        last.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))
        codewords = _standard(codebooks[depth])[:, : last.in_channels]
        _put(last.weight[..., 0], GAIN * last.weight.std() * codewords)


def _put(weight: Tensor, vectors: Tensor) -> None:
    """Into the first rows and channels of a table."""
    weight[: len(vectors), : vectors.shape[1]] = vectors


def _standard(codebook: Tensor) -> Tensor:
    return (codebook - codebook.mean(0)) / _spread(codebook)


def _spread(codebook: Tensor) -> Tensor:
    return codebook.std().clamp_min(1e-6)


def _turn(width: int, most: int, seed: int) -> Tensor:
    """A random rotation of `width` dimensions, or a projection on `most` where there are more: (width, at most `most`)."""
    random = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(width, min(width, most), generator=random))[0]
