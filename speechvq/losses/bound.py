"""The negative evidence lower bound (ELBO), kept as its two parts.

    -log p(x)  <=  E_q[-log p(x | Z)]  +  sum_l KL(q(Z_l | x, Z_<l) || uniform)
                     distortion               rates

On codes sampled exactly from q this is J_0 of HQ-VAE (Takida et al. 2024). On argmax codes, for
which q has all its weight on one codeword, every code costs log K, and the bound holds too. On
relaxed (Gumbel-softmax) samples it is no bound, only the objective that training minimizes.
"""

import math
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Bound:
    """Upper bound on -log p(x) of every example, in nats.

    distortion: -log p(x | Z) (b,)
    rates: of every codebook (b, l), coarse first
    """

    distortion: Tensor
    rates: Tensor

    @property
    def rate(self) -> Tensor:
        """All codebooks' rates (b,)."""
        return self.rates.sum(1)

    @property
    def nats(self) -> Tensor:
        """The bound (b,)."""
        return self.distortion + self.rate

    def bits_per_dimension(self, dimensions: int) -> Tensor:
        """The bound (b,) divided by the number of values of an example.

        For real values this is a density, which may be negative: it lies below the bits of rounded
        values by log2 of the rounding step.
        """
        return self.nats / (dimensions * math.log(2))

    def per_second(self, seconds: float) -> dict[str, float]:
        """Means over the batch: distortion in nats, rates in bits, of all and of every codebook."""
        bits = (self.rates.detach().mean(0) / (seconds * math.log(2))).tolist()
        codebooks = {f"codebook{index}/bits_per_second": value for index, value in enumerate(bits)}
        distortion = self.distortion.detach().mean().item() / seconds
        return {
            "distortion/nats_per_second": distortion,
            "rate/bits_per_second": sum(bits),
        } | codebooks
