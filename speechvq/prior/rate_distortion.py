"""Rate-distortion optimized (RDO) codes: more probable under a prior, nearly as close.

Of every codebook, each code c is chosen to minimize

    E(c) + lambda * -log p(c | previous codes, coarser codebooks, speaker)

E is the squared error that remains after all codebooks of the level, when the search goes on with
the nearest codewords of the finer ones (P. A. Chou, T. Lookabaugh and R. M. Gray 1989,
"Entropy-constrained vector quantization", with a prior in the place of counts). The previous codes
are those of the last pass, so that all positions are decided in parallel; two passes are nearly as
good as four. The prior decides here only which codes are taken: a file is read alike whatever
machine wrote it.
"""

from collections.abc import Sequence
from functools import partial

from torch import Tensor

from speechvq.codec.network import Network
from speechvq.codes import ModelId
from speechvq.errors import ConfigError, ModelError
from speechvq.limits import finite_number, instance
from speechvq.prior.file import Prior
from speechvq.quantize.base import Quantizer

OPTIONS = 16
"""Nearest codewords of each codebook that are considered."""

PASSES = 2


class RateDistortion:
    """A search (`codec.session.Search`) for codes that take few bits under a prior.

    weight: lambda, relative to what a nat is worth to a quantizer of d dimensions at high rates,
      where the error D falls by 2 D / d per nat (A. Gersho 1979, "Asymptotically optimal block
      quantization"); D is the mean error of the codebook in this recording. 0: nearest codes

    Raises ConfigError for a weight that is negative or not finite, and ModelError for what is no
    prior.
    """

    def __init__(self, prior: Prior, weight: float = 1.0) -> None:
        instance(prior, Prior, ModelError, "a prior is a Prior, as speechvq.load_prior gives it")
        weight = finite_number(weight, ConfigError, "the weight of the rate")
        if weight < 0:
            raise ConfigError(f"the weight of the rate must be a number >= 0, not {weight:g}")
        self.prior, self.weight = prior, weight

    def check(self, model: ModelId, network: Network, n_codebooks: int) -> None:
        """Raise WrongModel for a prior of another model.

        Raise ConfigError for quantizers without codewords that can be compared, and ModelError for
        what is no network.
        """
        instance(network, Network, ModelError, "codes are searched in a codec's network")
        self.prior.check(model, n_codebooks)
        for level in network.topdown.levels:
            if not level.quantizer.searchable:
                raise ConfigError(
                    f"{model} has quantizers of other kinds than vq and sq: rate-distortion "
                    "optimization needs the errors of single codewords"
                )

    def __call__(
        self,
        network: Network,
        features: Sequence[Tensor],
        speaker_embedding: Tensor,
        n_codebooks: int,
    ) -> list[Tensor]:
        """Codes (1, f) of the first `n_codebooks` codebooks of a recording.

        features: of the encoder, (1, d, f), one for each level
        speaker_embedding: (1, s)
        """
        prior = self.prior.network
        embedding = speaker_embedding.to(prior.device) if prior.speaker_dim else None
        search = partial(self._level, speaker_embedding=embedding)
        return network.topdown.encode(features, n_codebooks, search)

    def _level(
        self,
        quantizer: Quantizer,
        z: Tensor,
        depth: int,
        coarser: Sequence[Tensor],
        speaker_embedding: Tensor | None,
    ) -> list[Tensor]:
        """Codes (1, f) of the first `depth` codebooks of a level, of its latent z (1, d, f)."""
        residual, codes, there = z[0].T, list[Tensor](), self.prior.network.device
        for index, codebook in enumerate(quantizer.codebooks[:depth]):
            options, errors = quantizer.options(residual, index, depth, OPTIONS)
            coarser_codes = [row.to(there) for row in (*coarser, *codes)]
            price = self.weight * 2 * errors.amin(1).mean() / quantizer.dim
            chosen = self._choose(
                options.to(there),
                errors.to(there),
                price.to(there),
                coarser_codes,
                speaker_embedding,
            )
            codes.append(chosen.to(z.device))
            residual = residual - codebook.lookup(codes[-1])[0].T
        return codes

    def _choose(
        self,
        options: Tensor,
        errors: Tensor,
        price: Tensor,
        coarser: Sequence[Tensor],
        speaker_embedding: Tensor | None,
    ) -> Tensor:
        """Codes (1, n) among options (n, m) with errors (n, m); price: error per nat."""
        stream = self.prior.network.streams[len(coarser)]
        condition = stream.condition(coarser, len(errors), speaker_embedding)
        best = errors.argmin(1, keepdim=True)
        for _ in range(PASSES if self.weight else 0):
            nats = stream.nats(options.gather(1, best).T, condition, options[None])[0]
            best = (errors + price * nats).argmin(1, keepdim=True)
        return options.gather(1, best).T
