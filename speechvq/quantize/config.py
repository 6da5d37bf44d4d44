"""The codebooks of a level, and which kinds of quantizers there are."""

from dataclasses import dataclass

from speechvq.config import require, within
from speechvq.limits import CODEBOOKS
from speechvq.quantize.base import Quantizer
from speechvq.quantize.cosine import CosineConfig
from speechvq.quantize.gaussian import GaussianConfig
from speechvq.quantize.gumbel import GumbelConfig
from speechvq.quantize.identity import IdentityConfig
from speechvq.quantize.joint import JointConfig
from speechvq.quantize.stochastic import StochasticConfig
from speechvq.quantize.vector import VectorConfig
from speechvq.quantize.vimco import VimcoConfig

AnyQuantizerConfig = (
    VectorConfig
    | CosineConfig
    | StochasticConfig
    | GumbelConfig
    | VimcoConfig
    | JointConfig
    | GaussianConfig
    | IdentityConfig
)
"""The tagged union of a configuration's `quantizer`; a new kind is one more line here."""


@dataclass(frozen=True)
class LevelConfig:
    """The codebooks at one frame rate: the first one injected, the others residual.

    stage: the encoder stage whose features enter here, counted from 0
    codebooks: number of codebooks
    quantizer: the kind of quantizer with its options, as in
      `quantizer = { kind = "vq", codebook_size = 512, dim = 24 }`

    Raises ConfigError for several codebooks of a kind that has one.
    """

    stage: int
    codebooks: int
    quantizer: AnyQuantizerConfig

    def __post_init__(self) -> None:
        require(self.codebooks > 0, f"codebooks must be at least 1, not {self.codebooks}")
        within(self, range(1, CODEBOOKS + 1), "codebooks")
        require(
            self.codebooks == 1 or self.quantizer.residual,
            f"codebooks must be 1 for a quantizer of kind {self.quantizer.kind!r}, not "
            f"{self.codebooks}",
        )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Codewords of each codebook; none where there are no codes."""
        return self.quantizer.sizes(self.codebooks)

    def build(self) -> Quantizer:
        """The untrained quantizer."""
        return self.quantizer.build(self.codebooks)
