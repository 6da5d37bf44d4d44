"""The network of the prior: the probability of the codes of a recording, codebook by codebook.

    p(codes) = prod_l prod_t p(c[l, t] | c[l, < t], c[< l], speaker)

A `Stream` models the codes of one codebook l, from their own past by a `WaveNet`, and from the
codes of all coarser codebooks, past and future, by a non-causal context network. Hence every
prefix of the codebooks has a probability of its own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from speechvq.config import require, within
from speechvq.errors import ConfigError, ModelError
from speechvq.limits import BLOCKS, WIDTHS
from speechvq.nn.isolation import network_init
from speechvq.nn.modules import Modules
from speechvq.nn.portable import PortableModule
from speechvq.nn.streaming import State
from speechvq.prior.wavenet import ContextNetwork, WaveNet

CHUNK = 4096
"""Codes whose logits are held in memory at once."""


@dataclass(frozen=True)
class PriorConfig:
    """The size of a prior's network.

    width: channels of the residual connections and of the conditions
    skip: channels of the skip connections
    layers: dilated layers of each stream's WaveNet
    cycle: number of layers after which dilations start again at 1
    context_layers: convolutions of the context network over the coarser codes
    dropout: probability that an input of the WaveNets is zeroed in training
    """

    width: int = 96
    skip: int = 128
    layers: int = 10
    cycle: int = 5
    context_layers: int = 2
    dropout: float = 0.1

    def __post_init__(self) -> None:
        within(self, WIDTHS, "width", "skip")
        within(self, range(1, BLOCKS + 1), "layers")
        within(self, range(1, 17), "cycle")
        within(self, range(17), "context_layers")
        require(
            0 <= self.dropout < 1,
            f"dropout must be at least 0 and less than 1, not {self.dropout}",
        )


class TrainingDropout(nn.Dropout):
    """Dropout that draws nothing where nothing learns, whatever the mode of the network."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - as in PyTorch
        """Without gradients, the input as it is."""
        return super().forward(input) if torch.is_grad_enabled() else input


class Stream(nn.Module):
    """The distribution of the codes of one codebook.

    shapes: (hop in samples, codebook size) of all coarser codebooks and, last, of this one
    speaker_dim: length of the speaker embedding, 0 for a model without speakers
    """

    def __init__(
        self, config: PriorConfig, shapes: Sequence[tuple[int, int]], speaker_dim: int
    ) -> None:
        super().__init__()
        *coarser, (hop, size) = shapes
        self.codebook_size = size
        self.ratios = tuple(coarser_hop // hop for coarser_hop, _ in coarser)
        self.previous_code_embedding = nn.Embedding(size + 1, config.width)
        self.coarser_embeddings = Modules[nn.Embedding](
            [nn.Embedding(coarser_size, config.width) for _, coarser_size in coarser]
        )
        self.position_embedding = nn.Embedding(max(self.ratios, default=1), config.width)
        context_layers = config.context_layers if coarser else 0
        self.context_network = ContextNetwork(config.width, layers=context_layers)
        self.speaker_projection = nn.Linear(speaker_dim, config.width) if speaker_dim else None
        self.dropout = TrainingDropout(config.dropout)
        self.wavenet = WaveNet(
            config.width,
            config.skip,
            size,
            layers=config.layers,
            cycle=config.cycle,
            condition=config.width,
        )

    def condition(
        self, coarser_codes: Sequence[Tensor], frames: int, speaker_embedding: Tensor | None
    ) -> Tensor:
        """The condition (b, width, frames) of all frames.

        coarser_codes: codes (b, n_l) of each coarser codebook
        speaker_embedding: (b, speaker_dim); None is the same as zeros, which a fraction of the
          examples gets in training (conditioning dropout)
        """
        weight = self.position_embedding.weight
        positions = torch.arange(frames, device=weight.device) % len(weight)
        x = self.position_embedding(positions).T[None]
        for embedding, ratio, codes in zip(
            self.coarser_embeddings, self.ratios, coarser_codes, strict=True
        ):
            x = x + embedding(codes).transpose(1, 2).repeat_interleave(ratio, -1)
        x = self.dropout(self.context_network(x))
        if self.speaker_projection is not None:
            if speaker_embedding is None:
                speaker_embedding = weight.new_zeros(1, self.speaker_projection.in_features)
            x = x + self.speaker_projection(speaker_embedding).unsqueeze(-1)
        return x

    def inputs(self, codes: Tensor) -> Tensor:
        """Inputs (b, width, n) of the WaveNet for codes (b, n): embeddings of the previous code."""
        start = codes.new_full((len(codes), 1), self.codebook_size)
        previous = torch.cat([start, codes[:, :-1]], 1)
        return self.dropout(self.previous_code_embedding(previous)).transpose(1, 2)

    def forward(self, codes: Tensor, condition: Tensor) -> Tensor:
        """Logits (b, codebook_size, n) of codes (b, n), each given the codes before it."""
        return self.wavenet(self.inputs(codes), condition)

    def nats(self, codes: Tensor, condition: Tensor, options: Tensor | None = None) -> Tensor:
        """Negative log-likelihood of each code in nats, (b, n), computed in chunks.

        options: alternative codes (b, n, m); the result is then their negative log-likelihood,
          (b, n, m), each given the same past
        """
        x, state, chunks = self.inputs(codes), self.wavenet.initial_state(len(codes)), []
        for first in range(0, codes.shape[1], CHUNK):
            part = slice(first, first + CHUNK)
            logits, state = self.wavenet.step(x[..., part], condition[..., part], state)
            targets = codes[:, part, None] if options is None else options[:, part]
            chunks.append(-torch.log_softmax(logits, 1).transpose(1, 2).gather(2, targets))
        nats = torch.cat(chunks, 1)
        nats = nats if self.training else _finite(nats)
        return nats[..., 0] if options is None else nats

    def step(
        self, previous: Tensor | None, condition: Tensor, state: State
    ) -> tuple[Tensor, State]:
        """Logits (b, codebook_size) of the next code.

        previous: the code before it (b,), None before the first
        condition: of the next code's frame, (b, width, 1)
        """
        if previous is None:
            size = (len(condition),)
            previous = condition.new_full(size, self.codebook_size, dtype=torch.long)
        x = self.previous_code_embedding(previous).unsqueeze(-1)
        logits, state = self.wavenet.step(x, condition, state)
        return _finite(logits[..., 0]), state


def _finite(results: Tensor) -> Tensor:
    """Results, if all are numbers: weights that are each finite can still be too large.

    Raises ModelError.
    """
    if not results.isfinite().all():
        raise ModelError(
            "the prior computes numbers that are not finite: its weights do not fit each other; "
            "use another prior"
        )
    return results


class PriorNetwork(PortableModule):
    """One stream for each codebook of a codec.

    shapes: (hop in samples, codebook size) of every codebook, coarse first
    speaker_dim: length of the speaker embedding, 0 for a network without speakers
    """

    @network_init
    def __init__(
        self, config: PriorConfig, shapes: Sequence[tuple[int, int]], speaker_dim: int = 0
    ) -> None:
        super().__init__()
        if any(coarse % fine for (coarse, _), (fine, _) in pairwise(shapes)):
            raise ConfigError("the hop of each codebook must be a multiple of the next one's")
        if len(shapes) * config.layers > 4 * BLOCKS:
            raise ConfigError(
                f"layers must be at most {4 * BLOCKS // len(shapes)} for {len(shapes)} codebooks, "
                f"not {config.layers}"
            )
        self.config, self.shapes, self.speaker_dim = config, tuple(shapes), speaker_dim
        self.streams = Modules[Stream](
            [
                Stream(config, self.shapes[: index + 1], speaker_dim)
                for index in range(len(self.shapes))
            ]
        )

    @property
    def arguments(self) -> tuple[PriorConfig, tuple[tuple[int, int], ...], int]:
        """Its configuration, the shapes of its codebooks, and the length of its embeddings."""
        return self.config, self.shapes, self.speaker_dim

    def nats(
        self, codes: Sequence[Tensor], speaker_embedding: Tensor | None = None
    ) -> list[Tensor]:
        """Negative log-likelihood in nats of every code: (b, n_l) of each codebook.

        codes: (b, n_l) of the first codebooks, any number of them
        speaker_embedding: (b, speaker_dim), or None
        """
        return [
            stream.nats(rows, stream.condition(codes[:index], rows.shape[1], speaker_embedding))
            for index, (stream, rows) in enumerate(zip(self.streams, codes, strict=False))
        ]
