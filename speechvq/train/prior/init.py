"""The initialization of a prior: at random, from the codec's codewords, or from another prior.

Codewords that lie close together mean nearly the same, and a residual codebook's codeword is added
to those before it. A prior whose embeddings begin as those vectors need not find this out from the
codes alone.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from speechvq.errors import ConfigError
from speechvq.prior.file import Prior
from speechvq.prior.network import PriorNetwork
from speechvq.prior.tokens import Tokens
from speechvq.train.prior.config import PriorExperiment

GAIN = 2.0
"""Of codewords in the weights of the logits, in standard deviations of the weights replaced."""


def new_prior(
    experiment: PriorExperiment,
    tokens: Tokens,
    codebooks: Sequence[Tensor] = (),
    source: Prior | None = None,
) -> PriorNetwork:
    """An untrained prior for such codes.

    codebooks: the codec's codewords (size, dim) of each codebook
    source: a prior whose weights it gets instead
    Raises ConfigError when the source has another shape.
    """
    shapes = [(shape.hop, shape.size) for shape in tokens.shapes]
    dim = 2 * tokens.speaker_embeddings.shape[1] if experiment.speaker else 0
    network = PriorNetwork(experiment.prior, shapes, dim)
    if source is not None:
        init_from(network, source)
    elif codebooks:
        init_codewords(network, [vectors.detach().float().cpu() for vectors in codebooks], tokens)
    return network


def init_from(network: PriorNetwork, source: Prior) -> None:
    """Give a new prior the weights of another. Raises ConfigError when that has another shape."""
    given = source.network
    if (given.config, given.shapes, given.speaker_dim) != (
        network.config,
        network.shapes,
        network.speaker_dim,
    ):
        raise ConfigError(
            f"the prior {source.name} has other codebooks than these codes, or another shape than "
            "[prior] says: leave out --init-from, or copy its [prior]"
        )
    network.load_state_dict(given.state_dict())


@torch.no_grad()
def init_codewords(network: PriorNetwork, codebooks: Sequence[Tensor], tokens: Tokens) -> None:
    """Put the codec's codewords and the frequencies of codes into an untrained prior.

    codebooks: codewords (size, dim) of each codebook

    The first channels of every embedding become the codeword on the scale of the first codebook of
    its rate, so that the codebooks of one rate add up as in the codec, and the next ones the
    codeword on a scale of its own. The logits of a code begin with a product with its codeword, as
    those of a Gaussian around a predicted vector, and with the logarithm of its frequency. Other
    channels stay random.
    """
    width = network.config.width
    first = {hop: index for index, (hop, _) in reversed(list(enumerate(network.shapes)))}
    turns = [_turn(vectors.shape[1], width // 2, seed) for seed, vectors in enumerate(codebooks)]
    own = [_standard(vectors) @ turn for vectors, turn in zip(codebooks, turns, strict=True)]
    shared = [
        vectors
        / _spread(codebooks[first[hop]])
        @ _turn(vectors.shape[1], width // 2, len(codebooks) + first[hop])
        for vectors, (hop, _) in zip(codebooks, network.shapes, strict=True)
    ]
    for index, stream in enumerate(network.streams):
        for seen, embedding in enumerate(
            [*stream.coarser_embeddings, stream.previous_code_embedding]
        ):
            _put(embedding.weight, torch.cat([shared[seen], own[seen]], 1))
        last = stream.wavenet.head[-1]
        assert isinstance(last, nn.Conv1d)
        assert last.bias is not None
        counts = np.bincount(tokens.codebooks[index], minlength=stream.codebook_size) + 1.0
        last.bias.copy_(torch.from_numpy(np.log(counts / counts.sum())))
        codewords = _standard(codebooks[index])[:, : last.in_channels]
        _put(last.weight[..., 0], GAIN * last.weight.std() * codewords)


def _put(weight: Tensor, vectors: Tensor) -> None:
    """Into the first rows and channels of a matrix."""
    weight[: len(vectors), : vectors.shape[1]] = vectors


def _standard(vectors: Tensor) -> Tensor:
    return (vectors - vectors.mean(0)) / _spread(vectors)


def _spread(vectors: Tensor) -> Tensor:
    return vectors.std().clamp_min(1e-6)


def _turn(width: int, most: int, seed: int) -> Tensor:
    """A random rotation of `width` dimensions, or a projection on `most` if there are more.

    (width, at most `most`)
    """
    random = torch.Generator().manual_seed(seed)
    return torch.linalg.qr(torch.randn(width, min(width, most), generator=random))[0]
