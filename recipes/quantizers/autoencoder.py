"""An autoencoder of log-mel spectrograms around the package's own top-down path."""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from recipes.quantizers.config import Variant
from speechvq.nn.conv import Conv, Upsample
from speechvq.nn.encoder import StageConfig
from speechvq.nn.modules import Modules
from speechvq.nn.streaming import Chain, Step
from speechvq.quantize.base import Quantized
from speechvq.quantize.codebook import Codebook
from speechvq.quantize.topdown import Level, TopDown

FRAMES_PER_SECOND = 100


class MelAutoencoder(nn.Module):
    """Spectrograms (b, bands, f), with f a multiple of `frames`, to codes and back."""

    def __init__(self, config: Variant) -> None:
        super().__init__()
        taps = [level.stage for level in config.levels]
        stages = config.encoder[: max(taps) + 1]
        widths = [config.bands, *(stage.width for stage in stages)]
        self.encoder = Modules[Chain](
            _down(before, stage)
            for stage, (before, _) in zip(stages, pairwise(widths), strict=True)
        )
        strides = [math.prod(stage.stride for stage in stages[: tap + 1]) for tap in taps]
        self.taps, self.frames = tuple(taps), strides[0]
        self.rates = tuple(FRAMES_PER_SECOND / stride for stride in strides)
        levels = [
            Level(stages[tap].width, config.state, level.build())
            for tap, level in zip(taps, config.levels, strict=True)
        ]
        self.topdown = TopDown(
            levels, [coarse // fine for coarse, fine in pairwise(strides)], config.state
        )
        self.decoder = _up(config)

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """All codebooks, coarse first."""
        return self.topdown.codebooks

    @property
    def decodes(self) -> bool:
        """Whether codes are all there is."""
        return all(level.quantizer.decodable for level in self.topdown.levels)

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """The spectrogram (b, bands, f) from the codes of all codebooks."""
        return self.render(self.topdown.decode(codes))

    @property
    def code_rates(self) -> list[tuple[float, int]]:
        """(codes per second, codewords) of every codebook."""
        pairs = zip(self.rates, self.topdown.levels, strict=True)
        return [
            (rate, codebook.size) for rate, level in pairs for codebook in level.quantizer.codebooks
        ]

    def features(self, x: Tensor) -> list[Tensor]:
        """What the top-down path sees, coarse first."""
        features = []
        for stage in self.encoder:
            x = stage(functional.pad(x, (0, _lookahead(stage))))
            features.append(x)
        return [features[tap] for tap in self.taps]

    def render(self, state: Tensor) -> Tensor:
        """The spectrogram (b, bands, f) of what the top-down path decoded."""
        return self.decoder(functional.pad(state, (0, _lookahead(self.decoder))))[
            ..., : self._length(state)
        ]

    def _length(self, state: Tensor) -> int:
        return round(state.shape[-1] * FRAMES_PER_SECOND / self.rates[-1])

    def forward(
        self,
        x: Tensor,
        n_codebooks: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> tuple[Tensor, Quantized]:
        """The reconstruction of x (b, bands, f) and the quantizers' result.

        In eval mode by hard codes.

        n_codebooks: how many codebooks each example uses (b,), all by default
        """
        quantized = self.topdown(
            self.features(x), n_codebooks, temperature=temperature, generator=generator
        )
        return self.render(quantized.z), quantized


def _down(before: int, stage: StageConfig) -> Chain:
    return Chain(
        [
            Conv(before, stage.width, 2 * stage.stride + 1, stride=stage.stride, lookahead=1),
            *stage.blocks(),
        ]
    )


def _up(config: Variant) -> Chain:
    steps: list[Step] = []
    before = config.state
    for stage in config.decoder:
        steps += [Upsample(before, stage.width, stage.stride), *stage.blocks()]
        before = stage.width
    return Chain([*steps, Conv(before, config.bands, 1)])


def _lookahead(chain: Chain) -> int:
    return -(-chain.lookahead.numerator // chain.lookahead.denominator)
