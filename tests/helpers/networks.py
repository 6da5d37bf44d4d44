"""A network of every part, small enough to run in milliseconds."""

import torch

from speechvq.codec.config import CodecConfig
from speechvq.codec.network import Network
from speechvq.nn.encoder import StageConfig
from speechvq.nn.speaker import SpeakerConfig
from speechvq.quantize.config import LevelConfig
from speechvq.quantize.vector import VectorConfig


def tiny_config(**changes) -> CodecConfig:
    values = {
        "encoder": (
            StageConfig(width=8, lookahead=(1,), kernel=3),
            StageConfig(width=8, lookahead=(1,), kernel=3, stride=2),
            StageConfig(width=8, lookahead=(0,), kernel=3, stride=2),
        ),
        "levels": (
            LevelConfig(2, 2, VectorConfig(codebook_size=16, dim=4)),
            LevelConfig(1, 2, VectorConfig(codebook_size=8, dim=4)),
        ),
        "decoder": (
            StageConfig(width=8, lookahead=(1,), kernel=3),
            StageConfig(width=8, lookahead=(1,), kernel=3, stride=2),
        ),
        "window": 64,
        "hop": 16,
        "state": 8,
        "speaker": SpeakerConfig(
            size=6, hop=32, stage=StageConfig(width=8, lookahead=(1,), kernel=3)
        ),
    }
    return CodecConfig(**(values | changes))


def tiny_network(seed: int = 0, **changes) -> Network:
    torch.manual_seed(seed)
    return Network(tiny_config(**changes)).eval().requires_grad_(requires_grad=False)
