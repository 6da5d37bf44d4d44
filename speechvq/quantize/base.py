"""What every quantizer is: three verbs and one record.

    quantizer(z, keep)      -> Quantized(z, codes, rates, terms, stats, inputs)
    quantizer.encode(z)     -> codes, one tensor a codebook, coarse first; `encode(z, 3)` the best ones for three codebooks
    quantizer.decode(codes) -> z, from the codes of any prefix of the codebooks

In training mode the first draws, relaxes or copies gradients, as its kind does; in eval mode it
takes the hard codes, and `decode(encode(z))` equals `quantizer(z).z`, bit for bit, wherever codes
are all there is (not for continuous latents, nor for the mixed ones of JointVAE).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from speechvq.quantize.codebook import Codebook


@dataclass(frozen=True, slots=True)
class Quantized:
    """The result of quantizing z.

    z: what the decoder sees, shaped like the input
    codes: integers (b, f), the hard choice at every position, one tensor a codebook, coarse first
    rates: of every codebook (b, l), summed over positions, in nats: KL(q(Z_l | x) || uniform), or from
      the unit Gaussian; of hard codes, in eval mode, log K each
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


class Quantizer(Protocol):
    """The contract. z is (b, width, f); keep (b, codebooks) is 1 for the codebooks that an example uses, a prefix of them.

    codebooks: the codebook behind every code, coarse first; empty where there are none
    """

    width: int

    @property
    def codebooks(self) -> Sequence[Codebook]: ...

    def __call__(
        self,
        z: Tensor,
        keep: Tensor | None = None,
        *,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Quantized: ...

    def encode(self, z: Tensor, depth: int | None = None) -> list[Tensor]: ...

    def decode(self, codes: Sequence[Tensor]) -> Tensor: ...


class Uncoded(nn.Module):
    """A latent of `width` dimensions without codes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    @property
    def codebooks(self) -> tuple[Codebook, ...]:
        """None: nothing here has a code."""
        return ()

    def encode(self, z: Tensor, depth: int | None = None) -> list[Tensor]:
        """No codes."""
        del z, depth
        return []

    def decode(self, codes: Sequence[Tensor]) -> Tensor:
        """Raises ValueError: continuous latents cannot be decoded from codes."""
        raise ValueError(f"a continuous latent has no codes, but {len(codes)} codebooks were given")


def whole(z: Tensor, codebooks: int) -> Tensor:
    """The `keep` of examples that use all codebooks, (b, codebooks)."""
    return z.new_ones(len(z), codebooks)
