"""The configuration of a codec's network, and the rates that follow from it."""

import math
from dataclasses import dataclass, field
from fractions import Fraction

from speechvq.config import kinds, require
from speechvq.nn.encoder import StageConfig, hops
from speechvq.nn.speaker import SpeakerConfig
from speechvq.quantize.config import AnyQuantizerConfig, LevelConfig

CODEC_KINDS = tuple(kind for kind, cls in kinds(AnyQuantizerConfig).items() if cls.in_codec)
"""Kinds of quantizers that a codec can have."""


@dataclass(frozen=True)
class CodecConfig:
    """The network. Frame rates follow from `sample_rate`, `hop` and the strides.

    encoder: stages fine to coarse
    levels: coarse to fine
    decoder: stages coarse to fine
    sample_rate: in Hz
    window, hop: of the short-time Fourier transforms at both ends, in samples
    state: width of what the top-down path has decoded, the decoder's input
    speaker: the speaker embedding and its reference encoder
    content_codebooks: how many codebooks carry the words and are kept by a conversion

    Raises ConfigError for a network that cannot exist.
    """

    encoder: tuple[StageConfig, ...]
    levels: tuple[LevelConfig, ...]
    decoder: tuple[StageConfig, ...]
    sample_rate: int = 16_000
    window: int = 640
    hop: int = 160
    state: int = 256
    speaker: SpeakerConfig = field(default_factory=SpeakerConfig)
    content_codebooks: int = 1

    def __post_init__(self) -> None:
        for name in ("encoder", "levels", "decoder"):
            require(bool(getattr(self, name)), f"{name} must not be empty")
        require(
            self.window % 2 == 0 and self.window >= 2 * self.hop,
            f"window must be even and at least twice the hop {self.hop}, not {self.window}",
        )
        for index, level in enumerate(self.levels):
            require(
                level.quantizer.in_codec,
                f"levels[{index}].quantizer.kind of a codec must be one of "
                f"{', '.join(CODEC_KINDS)}, not {level.quantizer.kind}",
            )
        require(
            self.speaker.size <= 64,
            f"speaker.size must be at most 64 (32 bytes in a file), not {self.speaker.size}",
        )
        self._check_rates()

    def _check_rates(self) -> None:
        stages = [level.stage for level in self.levels]
        require(
            all(0 <= stage < len(self.encoder) for stage in stages)
            and stages == sorted(set(stages), reverse=True),
            f"levels: stages must be between 0 and {len(self.encoder) - 1} and fall from level to "
            f"level, not {stages}",
        )
        require(
            1 <= self.content_codebooks <= len(self.codebooks),
            f"content_codebooks must be between 1 and {len(self.codebooks)}, not "
            f"{self.content_codebooks}",
        )
        stride = math.prod(stage.stride for stage in self.decoder)
        needed = Fraction(self.level_hops[-1], self.hop)
        require(
            stride == needed,
            f"decoder: strides must multiply to {float(needed):g}, from the finest level to the "
            f"hop, not to {stride}",
        )

    @property
    def level_hops(self) -> tuple[int, ...]:
        """Samples per frame of each level, coarse first."""
        stage_hops = hops(self.hop, self.encoder)
        return tuple(int(stage_hops[level.stage]) for level in self.levels)

    @property
    def codebooks(self) -> tuple[tuple[int, int], ...]:
        """(samples per frame, codebook size) of every codebook, coarse first."""
        pairs = zip(self.level_hops, self.levels, strict=True)
        return tuple((hop, size) for hop, level in pairs for size in level.sizes)
