"""A table of entries and the look-up of the nearest: what all vector quantizers share."""

from einops import rearrange
from torch import Tensor, autocast, nn
from torch.nn import functional


def squared_distances(z: Tensor, codebook: Tensor) -> Tensor:
    """|z - b_k|^2 for z (n, d) and codebook (k, d), as (n, k) in float32 or float64.

    Both are centred on the codebook's mean first: the expansion |z|^2 + |b|^2 - 2zb loses digits in proportion to the common
    offset, and a wrong nearest entry is worse than a slow one.
    """
    centre = codebook.mean(0)
    z, codebook = z - centre, codebook - centre
    inner = z @ codebook.T
    return (z.square().sum(1, keepdim=True) - 2 * inner + codebook.square().sum(1)).clamp_min(0)


class Codebook(nn.Module):
    """`size` entries in `width` dimensions. Those who inherit own `codebook` (k, d), a parameter or a buffer."""

    codebook: Tensor

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.size, self.width = size, width

    def encode(self, z: Tensor) -> Tensor:
        """The nearest entry for every position: z (b, d, f) to codes (b, f)."""
        with autocast(z.device.type, enabled=False):
            flat = rearrange(z, "b d f -> (b f) d").to(self.codebook.dtype)
            return rearrange(squared_distances(flat, self.codebook).argmin(-1), "(b f) -> b f", b=len(z))

    def decode(self, codes: Tensor) -> Tensor:
        """Codes (b, f) to their entries (b, d, f)."""
        return functional.embedding(codes, self.codebook).transpose(1, 2)
