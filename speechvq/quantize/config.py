"""Which quantizer a level has: one line of a configuration."""

from dataclasses import dataclass

from speechvq.config import require
from speechvq.quantize.cosine import CosineQuantizer
from speechvq.quantize.gaussian import GaussianLatent
from speechvq.quantize.gumbel import GumbelQuantizer
from speechvq.quantize.identity import Identity
from speechvq.quantize.joint import JointQuantizer
from speechvq.quantize.residual import ResidualSQ, ResidualVQ
from speechvq.quantize.stochastic import StochasticQuantizer
from speechvq.quantize.vector import VectorQuantizer
from speechvq.quantize.vimco import SampledCategorical

AnyQuantizer = (
    ResidualVQ | ResidualSQ | GumbelQuantizer | JointQuantizer | GaussianLatent | Identity
)

RESIDUAL = ("vq", "cosine", "sq")
"""Kinds of which a level may have several codebooks."""

KINDS = (*RESIDUAL, "gumbel", "vimco", "joint", "gaussian", "none")

CODEC = (*RESIDUAL, "gumbel")
"""Kinds that a codec can have: codes are all there is, and one pass is enough to learn."""


@dataclass(frozen=True)
class LevelConfig:
    """The codebooks at one frame rate: one injected, the others residual.

    stage: the encoder stage whose features enter here, counted from 0
    codebooks: how many
    size: codebook codewords of each
    width: dimensions of the latent space
    quantizer: "vq" vector quantizers, "cosine" those that go by direction in few dimensions, "sq"
      stochastic ones, "gumbel" a Gumbel-softmax categorical, "vimco" one of hard draws, "joint"
      Gaussian and categorical, "gaussian" a VAE, "none"
    learned: codewords of "vq" learn as running "means" or by "loss"
    shared: all codebooks of the level have the same codebook ("vq", "cosine", "sq")
    beam: how many beginnings a search for hard codes keeps, 1 for greedy ones ("vq", "sq")
    variance: initial s^2 of "sq"
    lookup: dimensions in which "cosine" compares
    continuous: how many of the dimensions are Gaussian in "joint"
    """

    stage: int
    codebooks: int
    size: int = 1024
    width: int = 16
    quantizer: str = "vq"
    learned: str = "means"
    shared: bool = False
    beam: int = 1
    variance: float = 4.0
    lookup: int = 8
    continuous: int = 4

    def __post_init__(self) -> None:
        require(self.codebooks > 0, f"codebooks must be at least 1, not {self.codebooks}")
        require(
            2 <= self.size <= 65536,
            f"size, the codewords of a codebook, must be 2 to 65536, not {self.size}",
        )
        require(self.width > 0, f"width must be positive, not {self.width}")
        require(
            self.quantizer in KINDS,
            f"quantizer must be one of {', '.join(KINDS)}, not {self.quantizer!r}",
        )
        require(
            self.codebooks == 1 or self.quantizer in RESIDUAL,
            f"codebooks of a {self.quantizer!r} level must be 1, not {self.codebooks}; "
            f"{', '.join(RESIDUAL)} can have more",
        )
        require(
            self.learned in ("means", "loss"),
            f"learned must be means or loss, not {self.learned!r}",
        )
        require(
            1 <= self.beam <= self.size and (self.beam == 1 or self.quantizer in ("vq", "sq")),
            f"beam must be 1, or for vq and sq up to the size {self.size}, not {self.beam}",
        )
        require(self.variance > 0, f"variance must be positive, not {self.variance}")
        require(
            self.quantizer != "cosine" or 0 < self.lookup <= self.width,
            f"lookup must be 1 to the width {self.width}, not {self.lookup}",
        )
        require(
            self.quantizer != "joint" or 0 < self.continuous < self.width,
            f"continuous must be 1 to {self.width - 1}, less than the width, not {self.continuous}",
        )


def terms(level: LevelConfig) -> set[str]:
    """Names of the terms, beside the rate, that a level adds to the objective."""
    match level.quantizer:
        case "vq" if level.learned == "means":
            return {"commitment"}
        case "vq" | "cosine":
            return {"commitment", "codebook"}
        case "sq":
            return {"quadratic"}
        case _:
            return set()


def build(level: LevelConfig) -> AnyQuantizer:
    """The untrained quantizer of a level."""
    size, width = level.size, level.width
    own, beam = range(1 if level.shared else level.codebooks), level.beam
    found: AnyQuantizer
    match level.quantizer:
        case "vq":
            learned = "loss" if level.learned == "loss" else "means"
            codebooks = [VectorQuantizer(size, width, learned=learned) for _ in own]
            found = ResidualVQ(codebooks, level.codebooks, beam=beam)
        case "cosine":
            found = ResidualVQ(
                [CosineQuantizer(size, width, lookup=level.lookup) for _ in own], level.codebooks
            )
        case "sq":
            blurred = [
                StochasticQuantizer(size, width, initial_variance=level.variance) for _ in own
            ]
            found = ResidualSQ(blurred, level.codebooks, beam=beam)
        case "gumbel":
            found = GumbelQuantizer(size, width)
        case "vimco":
            found = SampledCategorical(size, width)
        case "joint":
            found = JointQuantizer(size, width, continuous=level.continuous)
        case "gaussian":
            found = GaussianLatent(width)
        case _:
            found = Identity(width)
    return found
