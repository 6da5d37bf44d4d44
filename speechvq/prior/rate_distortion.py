"""Rate-distortion optimised encoding: codes that a prior finds likely, where they are nearly as good as the nearest ones.

Of every codebook each code c is chosen to make

    E(c) + lambda * -log p(c | codes before it, coarser codebooks, speaker)

least. E is the squared error that the level would be left with: the search goes on through its
finer codebooks for each of some beam (Chou, Lookabaugh and Gray 1989, "Entropy-constrained
vector quantization", with a prior in the place of counts). The codes before it are those of the
last pass, so that all places are decided at once; two passes are nearly as good as four. What the
prior says here decides only which codes are taken: a file reads the same whatever machine wrote it.
"""

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from speechvq.codec.codec import Codec
from speechvq.errors import ConfigError
from speechvq.prior.file import NamedPrior
from speechvq.prior.generate import check
from speechvq.quantize.base import Quantizer
from speechvq.quantize.residual import Residual

CANDIDATES = 16
"""Entries of each codebook that are thought of."""

PASSES = 2


class RateDistortion:
    """A search for codes (`codec.Search`) that are cheap to write with a prior.

    weight: how much error a nat is worth, 0 none. At 1 it is what a nat is worth to a quantizer of
      `width` dimensions at high rates, where the error D falls by 2 D / width a nat (Gersho 1979);
      D is the mean error of the level in this recording

    Raises ConfigError for a weight that is no number or below 0.
    """

    def __init__(self, named: NamedPrior, weight: float = 1.0) -> None:
        if not 0 <= weight < float("inf"):
            raise ConfigError(f"the weight of the rate is a number of 0 or more, not {weight:g}")
        self.named, self.weight = named, weight

    def check(self, codec: Codec, depth: int) -> None:
        """Raises WrongModel for a prior of other codes, ConfigError for quantizers whose codewords cannot be compared."""
        check(self.named, codec, depth)
        for level in codec.network.topdown.levels:
            if not isinstance(level.quantizers, Residual) or not level.quantizers.searchable:
                raise ConfigError(
                    f"{codec.model} quantizes by other kinds than vq and sq: its codes have no "
                    "errors to weigh"
                )

    def __call__(
        self, codec: Codec, features: Sequence[Tensor], vector: Tensor, depth: int
    ) -> list[Tensor]:
        """Codes (1, f) of the first `depth` codebooks, of a whole recording's features (1, d, f) and its speaker vector (1, n)."""
        choose = partial(self._level, vector=vector.cpu() if self.named.prior.speaker else None)
        return codec.network.topdown.encode(features, depth, choose)

    def _level(
        self,
        quantizer: Quantizer,
        z: Tensor,
        depth: int,
        coarser: Sequence[Tensor],
        vector: Tensor | None,
    ) -> list[Tensor]:
        assert isinstance(quantizer, Residual)
        left, codes = z[0].T, list[Tensor]()
        for index, codebook in enumerate(quantizer.codebooks[:depth]):
            beam, errors = quantizer.options(left, index, depth, CANDIDATES)
            known = [row.cpu() for row in (*coarser, *codes)]
            price = self.weight * 2 * errors.amin(1).mean() / quantizer.width
            codes.append(
                self._cheap(beam.cpu(), errors.cpu(), price.cpu(), known, vector).to(z.device)
            )
            left = left - codebook.look_up(codes[-1])[0].T
        return codes

    def _cheap(
        self,
        beam: Tensor,
        errors: Tensor,
        price: Tensor,
        known: Sequence[Tensor],
        vector: Tensor | None,
    ) -> Tensor:
        """The codes (1, n) of the codebook after the known ones, of beam (n, m) with their errors (n, m)."""
        stream = self.named.prior.streams[len(known)]
        condition = stream.condition(known, len(errors), vector)
        chosen = errors.argmin(1, keepdim=True)
        for _ in range(PASSES if self.weight else 0):
            nats = stream.nats(beam.gather(1, chosen).T, condition, beam[None])[0]
            chosen = (errors + price * nats).argmin(1, keepdim=True)
        return beam.gather(1, chosen).T
