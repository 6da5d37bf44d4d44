"""The negative log-likelihood of codes under the prior: an anomaly score for recordings."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from speechvq.codec.codec import Codec
from speechvq.codes import Codes
from speechvq.errors import WrongModel
from speechvq.nn.speaker import unpack_embeddings
from speechvq.prior.file import Prior


@dataclass(frozen=True)
class Score:
    """How many bits codes take under a prior.

    nominal: bits per second at fixed width
    mean: bits per second under the prior, over the recording
    bits: the same for each second, (seconds,); the last second may be shorter, and its bits are
      scaled to a full one
    bits_per_code: of each codebook, (n_codebooks,)
    """

    nominal: float
    mean: float
    bits: NDArray[np.float64]
    bits_per_code: NDArray[np.float64]


@torch.no_grad()
def score(codec: Codec, prior: Prior, codes: Codes) -> Score:
    """The negative log2-likelihood of a recording's codes under the prior.

        anomaly = speechvq.score(codec, speechvq.load_prior(), codec.encode(wave, 16_000)).mean

    codes: of the first codebooks, any number of them
    Raises WrongModel where codec, prior and codes do not belong to one model.
    """
    if codes.model != codec.model:
        raise WrongModel(
            f"the codes were made by model {codes.model}, this is {codec.model}; give the right "
            "one with --model"
        )
    prior.check(codec.model, len(codes.shapes))
    tensors = [torch.from_numpy(row.astype(np.int64))[None] for row in codes.codebooks]
    nats = prior.network.nats(tensors, embedding_of(prior, codes.speaker_embedding))
    bits = [row[0].double().numpy() / math.log(2) for row in nats]
    seconds = codes.frames[0] * codes.shapes[0].hop / codes.sample_rate
    n_seconds = math.ceil(seconds)
    sums, covered = np.zeros(n_seconds), np.zeros(n_seconds)
    for shape, costs in zip(codes.shapes, bits, strict=True):
        second = np.arange(len(costs)) * shape.hop // codes.sample_rate
        duration = np.full(len(costs), shape.hop / codes.sample_rate)
        sums += np.bincount(second, costs, n_seconds)
        covered += np.bincount(second, duration, n_seconds) / len(codes.shapes)
    total = sum(costs.sum() for costs in bits)
    return Score(
        codes.bits_per_second,
        float(total / seconds),
        sums / covered,
        np.array([costs.mean() for costs in bits]),
    )


def embedding_of(prior: Prior, packed: bytes) -> torch.Tensor | None:
    """A packed speaker embedding as the prior takes it, (1, s); None for one without speakers."""
    if not prior.network.speaker_dim:
        return None
    return unpack_embeddings(np.frombuffer(packed, np.uint8)[None])
