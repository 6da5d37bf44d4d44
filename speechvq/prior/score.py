"""The negative log-likelihood of codes under the prior: an anomaly score for recordings."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from speechvq.codec.codec import Codec
from speechvq.codec.decoding import check
from speechvq.codes import Codes
from speechvq.errors import ModelError, WrongModel
from speechvq.limits import instance
from speechvq.nn.isolation import isolated
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


@isolated()
@torch.no_grad()
def score(codec: Codec, prior: Prior, codes: Codes) -> Score:
    """The negative log2-likelihood of a recording's codes under the prior.

        anomaly = speechvq.score(codec, speechvq.load_prior(), codec.encode(wave, 16_000)).mean

    codes: of the first codebooks, any number of them
    Raises WrongModel where codec, prior and codes do not belong to one model, and CodesError or
    ModelError for what is none of these.
    """
    check_codec(codec, prior)
    check(codes, codec.model, codec.network)
    prior.check(codec.model, len(codes.shapes))
    device = prior.network.device
    tensors = [torch.from_numpy(row.astype(np.int64))[None].to(device) for row in codes.codebooks]
    nats = prior.network.nats(tensors, embedding_of(prior, codes.speaker_embedding))
    bits = [row[0].double().cpu().numpy() / math.log(2) for row in nats]
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
    network = prior.network
    if not network.speaker_dim:
        return None
    if 2 * len(packed) < network.speaker_dim:
        raise WrongModel(
            f"the prior {prior.name} needs speaker embeddings of {network.speaker_dim} dimensions, "
            f"not of {len(packed)} bytes; give another one with --prior"
        )
    embedding = unpack_embeddings(np.frombuffer(packed, np.uint8)[None], network.speaker_dim)
    return embedding.to(network.device)


def check_codec(codec: object, prior: object) -> None:
    """Raise ModelError unless these are a codec and a prior."""
    instance(codec, Codec, ModelError, "a codec is a Codec, as speechvq.load gives it")
    instance(prior, Prior, ModelError, "a prior is a Prior, as speechvq.load_prior gives it")
