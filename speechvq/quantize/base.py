"""What every quantizer is: a configuration, a module with three verbs, and its result.

    quantizer(z, mask)      -> Quantized(z, codes, rates, terms, stats, inputs)
    quantizer.encode(z)     -> codes, one tensor a codebook, coarse first; `encode(z, 3)` gives the
                               best codes for the first three codebooks
    quantizer.decode(codes) -> z, from the codes of any prefix of the codebooks

In training mode the first verb draws, relaxes or copies gradients, as its kind does; in eval mode
it takes the hard codes, and `decode(encode(z))` equals `quantizer(z).z`, bit for bit, wherever
codes are all there is (not for continuous latents, nor for the mixed ones of JointVAE).

A new kind is one file, with a `QuantizerConfig` beside its module, and one line in
`quantize/config.py`: everything that configures, trains, searches or studies quantizers asks the
configuration or the module what it can do.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from speechvq.config import within
from speechvq.limits import CODEBOOK_SIZES, WIDTHS
from speechvq.quantize.codebook import Codebook


@dataclass(frozen=True, slots=True)
class Quantized:
    """The result of quantizing z.

    z: what the decoder sees, shaped like the input
    codes: integers (b, f), the hard choice at every position, one tensor a codebook, coarse first
    rates: of every codebook (b, l), summed over positions, in nats: KL(q(Z_l | x) || uniform), or
      from the unit Gaussian; of hard codes, in eval mode, log K each
    terms: other named differentiable losses, unweighted, one value an example (b,), summed over
      positions
    stats: named detached numbers for the log
    inputs: what each codebook quantized, (b, d, f), without gradient
    """

    z: Tensor
    codes: tuple[Tensor, ...]
    rates: Tensor
    terms: dict[str, Tensor]
    stats: dict[str, float]
    inputs: tuple[Tensor, ...] = ()


@dataclass(frozen=True)
class QuantizerConfig(ABC):
    """The options of one kind of quantizer, and what the kind can do.

    kind: the name of the kind; each subclass narrows it to one `Literal`, its default
    dim: dimensions d of the latent space
    residual: whether a level may have several codebooks, each for the residual of those before it
    in_codec: whether a codec may have it: codes are all there is, and one pass is enough to learn
    draws: what a training pass samples: "none", "relaxed" draws (Gumbel-softmax) or "exact" ones

    Raises ConfigError for options that cannot exist.
    """

    kind: str
    dim: int = 16

    residual: ClassVar[bool] = False
    in_codec: ClassVar[bool] = False
    draws: ClassVar[Literal["none", "relaxed", "exact"]] = "none"

    def __post_init__(self) -> None:
        within(self, WIDTHS, "dim")

    @abstractmethod
    def build(self, n_codebooks: int) -> "Quantizer":
        """The untrained module of a level with `n_codebooks` codebooks."""

    @property
    def terms(self) -> frozenset[str]:
        """Names of the terms that the quantizer adds to a codec's objective, beside the rate."""
        return frozenset()

    @property
    def greedy(self) -> "QuantizerConfig":
        """The same quantizer with a greedy search for codes.

        Networks whose greedy configurations are equal have the same weights.
        """
        return self

    def sizes(self, n_codebooks: int) -> tuple[int, ...]:
        """Codewords of each of `n_codebooks` codebooks; none where there are no codes."""
        del n_codebooks
        return ()


@dataclass(frozen=True)
class CodebookConfig(QuantizerConfig):
    """The options of a quantizer with codes. codebook_size: codewords of each codebook, K."""

    codebook_size: int = 1024

    def __post_init__(self) -> None:
        super().__post_init__()
        within(self, CODEBOOK_SIZES, "codebook_size")

    def sizes(self, n_codebooks: int) -> tuple[int, ...]:
        """Codewords of each of `n_codebooks` codebooks."""
        return (self.codebook_size,) * n_codebooks


class Quantizer(nn.Module):
    """The contract of all quantizers.

    z is (b, dim, f); mask (b, codebooks) is 1 for the codebooks that an example uses, a prefix of
    them.

    decodable: whether codes are all there is, so that `decode(encode(z))` is what eval mode gives
    """

    dim: int
    decodable: bool = True

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """The codebook of every stream of codes, coarse first; a shared one several times."""
        raise NotImplementedError

    @property
    def searchable(self) -> bool:
        """Whether codewords lie in the space of z, so that `options` can weigh several of them."""
        return False

    def forward(
        self,
        z: Tensor,
        mask: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized:
        """Quantize z (b, dim, f).

        mask: which codebooks each example uses (b, codebooks), all by default
        """
        raise NotImplementedError

    def encode(self, z: Tensor, n_codebooks: int | None = None) -> list[Tensor]:
        """Hard codes (b, f) of z (b, dim, f), of the first `n_codebooks` codebooks or all."""
        raise NotImplementedError

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """Z (b, dim, f) from the codes (b, f) of a prefix of the codebooks."""
        raise NotImplementedError

    def options(
        self, residual: Tensor, index: int, n_codebooks: int, count: int
    ) -> tuple[Tensor, Tensor]:
        """The `count` nearest codewords of a codebook; see `Residual.options`.

        Raises NotImplementedError where the quantizer is not `searchable`.
        """
        raise NotImplementedError(f"{type(self).__name__} cannot be searched")


class ContinuousLatent(Quantizer):
    """A latent of `dim` dimensions without codes."""

    decodable = False

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """None: there are no codes."""
        return ()

    def encode(self, z: Tensor, n_codebooks: int | None = None) -> list[Tensor]:
        """No codes."""
        del z, n_codebooks
        return []

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """Raises ValueError: continuous latents cannot be decoded from codes."""
        raise ValueError(f"a continuous latent has no codes, but {len(codes)} codebooks were given")


def full_mask(z: Tensor, n_codebooks: int) -> Tensor:
    """The mask of examples that use all codebooks, (b, n_codebooks), for z (b, d, f)."""
    return z.new_ones(len(z), n_codebooks)
