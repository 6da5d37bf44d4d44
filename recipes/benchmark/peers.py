"""EnCodec and Mimi as pairs of functions, with random weights: nothing is downloaded.

Random weights cost exactly the arithmetic of trained ones. Weight normalisation is folded into the weights first, as one would
for use, and codebooks, which start as zeros, are filled with noise.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn
from torch.nn.utils import parametrize

try:
    from transformers import EncodecConfig, EncodecModel, MimiConfig, MimiModel
except ModuleNotFoundError as error:
    sys.exit(f"the peers need {error.name}: pip install 'speechvq[bench]'")


@dataclass(frozen=True)
class System:
    """A codec to time: wave at `rate` to codes, codes to wave.

    parameters: numbers in all weights, without codebooks
    wave: the audio at this system's rate, in whatever form `encode` takes
    """

    name: str
    parameters: int
    wave: Any
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def peers(at_24_khz: Tensor) -> list[System]:
    """EnCodec 24 kHz at 1.5 and 6 kbit/s, and Mimi with 8 codebooks (1.1 kbit/s), for a wave (1, 1, t) at 24 kHz."""
    encodec, mimi = _ready(EncodecModel(EncodecConfig())), _ready(MimiModel(MimiConfig()))

    def encodec_at(kbps: float) -> System:
        return System(
            f"EnCodec 24 kHz, {kbps:g} kbit/s",
            weights(encodec),
            at_24_khz,
            lambda wave: encodec.encode(wave, bandwidth=kbps),
            lambda codes: encodec.decode(codes.audio_codes, codes.audio_scales).audio_values,
        )

    return [
        encodec_at(1.5),
        encodec_at(6.0),
        System(
            "Mimi, 8 codebooks",
            weights(mimi),
            at_24_khz,
            lambda wave: mimi.encode(wave, num_quantizers=8).audio_codes,
            lambda codes: mimi.decode(codes).audio_values,
        ),
    ]


def weights(model: nn.Module) -> int:
    """Numbers in all weights, without codebooks (the peers keep theirs as buffers)."""
    return sum(value.numel() for name, value in model.named_parameters() if not name.endswith("codebook"))


def _ready(model: nn.Module) -> Any:  # noqa: ANN401 - a model of transformers
    for module in model.modules():
        if parametrize.is_parametrized(module, "weight"):
            parametrize.remove_parametrizations(module, "weight")
    for name, value in model.named_buffers():
        if name.endswith((".embed", ".embed_sum")):
            value.normal_()
    return model.eval()
