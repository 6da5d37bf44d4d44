"""What every quantizer is: three verbs and one record.

    quantizer(z)       -> Quantized(z, codes, terms, stats)
    quantizer.encode(z)     -> codes
    quantizer.decode(codes) -> z

In eval mode `decode(encode(z))` equals `quantizer(z).z`, bit for bit.
"""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Quantized:
    """The result of quantizing z.

    z: what the decoder sees, shaped like the input
    codes: integers, the hard choice at every position, one tensor a layer, coarse first
    terms: named differentiable losses, unweighted, one value an example (b,): summed over positions, in nats
    stats: named detached numbers for the log
    inputs: what each layer quantized, (b, d, f), without gradient; from stacks in training
    """

    z: Tensor
    codes: tuple[Tensor, ...]
    terms: dict[str, Tensor]
    stats: dict[str, float]
    inputs: tuple[Tensor, ...] = ()
