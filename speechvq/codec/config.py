"""The configuration of a codec's network, and the rates that follow from it."""

import math
from dataclasses import dataclass, field
from fractions import Fraction

from speechvq.config import kinds, require, within
from speechvq.limits import (
    BLOCKS,
    CODEBOOKS,
    HOPS,
    PARAMETERS,
    PHASES,
    RATES,
    STAGES,
    WIDTHS,
    WINDOWS,
)
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
            rows = getattr(self, name)
            require(bool(rows), f"{name} must not be empty")
            require(len(rows) <= STAGES, f"{name} has {len(rows)} items, more than {STAGES}")
        for name in ("encoder", "decoder"):
            blocks = sum(len(stage.lookahead) for stage in getattr(self, name))
            require(blocks <= BLOCKS, f"{name} has {blocks} blocks, more than {BLOCKS}")
        within(self, RATES, "sample_rate")
        within(self, WINDOWS, "window", "hop")
        within(self, WIDTHS, "state")
        for name, hop in (("hop", self.hop), ("speaker.hop", self.speaker.hop)):
            phases = self.window // math.gcd(self.window, hop)
            require(
                phases * self.window <= PHASES,
                f"{name} must share a larger divisor with the window {self.window}, not be {hop}",
            )
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
        self._check_rates()
        self._check_codebooks()

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

    def _check_codebooks(self) -> None:
        count, sizes = len(self.codebooks), [size for _, size in self.codebooks]
        require(count <= CODEBOOKS, f"levels have {count} codebooks, more than {CODEBOOKS}")
        require(
            self.level_hops[0] in HOPS,
            f"levels: the hop of the coarsest is {self.level_hops[0]} samples, more than "
            f"{HOPS.stop - 1}",
        )
        dims = max(level.quantizer.dim for level in self.levels)
        require(
            count * max(sizes) * dims <= PARAMETERS,
            f"levels: {count} codebooks of up to {max(sizes)} codewords of {dims} dimensions are "
            f"more than {PARAMETERS} numbers",
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
