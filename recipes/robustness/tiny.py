"""A codec, a prior and tables that are read and run in milliseconds."""

from typing import Any

import numpy as np
import torch

from recipes.robustness.case import generator
from speechvq.codec.codec import Codec
from speechvq.codec.config import CodecConfig
from speechvq.codec.network import Network
from speechvq.codes import CodebookShape, ModelId
from speechvq.codes.tables import Context, FrequencyTable, row_count
from speechvq.config import parse
from speechvq.prior.network import PriorConfig, PriorNetwork

STAGE = {"width": 8, "lookahead": [1], "kernel": 3}

CONFIG: dict[str, Any] = {
    "encoder": [STAGE, STAGE | {"stride": 2}, STAGE | {"stride": 2, "lookahead": [0]}],
    "levels": [
        {"stage": 2, "codebooks": 2, "quantizer": {"kind": "vq", "codebook_size": 16, "dim": 4}},
        {"stage": 1, "codebooks": 2, "quantizer": {"kind": "vq", "codebook_size": 7, "dim": 4}},
    ],
    "decoder": [STAGE, STAGE | {"stride": 2}],
    "window": 64,
    "hop": 16,
    "state": 8,
    "speaker": {"size": 6, "hop": 32, "stage": STAGE},
}
"""A network of every part."""

MODEL = ModelId("tiny", b"tinytiny")


def codec() -> Codec:
    """A codec with random weights, always the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        network = Network(parse(CodecConfig, CONFIG))
    return Codec(network.requires_grad_(requires_grad=False), MODEL)


def shapes() -> tuple[CodebookShape, ...]:
    """The codebooks of the codec."""
    pairs = parse(CodecConfig, CONFIG).codebooks
    return tuple(CodebookShape(hop, size) for hop, size in pairs)


def prior_network(**changes: int) -> PriorNetwork:
    """The network of a prior for the codec, with random weights."""
    values = {"width": 4, "skip": 4, "layers": 2, "cycle": 2, "context_layers": 1}
    pairs = [(shape.hop, shape.size) for shape in shapes()]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(2)
        return PriorNetwork(PriorConfig(**(values | changes)), pairs, speaker_dim=6)


def tables(*contexts: Context) -> list[FrequencyTable]:
    """Random tables for the codec, one of these contexts for each codebook."""
    random, all_shapes = generator("tables"), shapes()
    made = []
    for index, context in enumerate(contexts):
        size = row_count(context, index, all_shapes), all_shapes[index].size
        row = np.frombuffer(random.randbytes(size[0] * size[1]), np.uint8)
        made.append(FrequencyTable(context, row.reshape(size)))
    return made


LEVELS = np.rint(2.0 ** (np.arange(256) * 16 / 255)).astype(np.uint32)
"""The frequencies of the tables."""
