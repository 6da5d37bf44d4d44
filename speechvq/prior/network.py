"""The prior over the codes of a recording: codebook after codebook, coarse first, each code from all that was said before it.

    p(codes) = prod_l prod_t p(c[l, t] | c[l, < t], c[< l], speaker)

Codebook l is predicted from its own past by a `WaveNet`, and from all coarser codebooks, past and future,
as they are known by then: so any prefix of the codebooks has its own probability, and the codebooks of a
frame come in order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from speechvq.config import require
from speechvq.nn.modules import Modules
from speechvq.nn.streaming import State
from speechvq.prior.wavenet import Around, WaveNet

PIECE = 4096
"""Codes whose logits are held at once."""


@dataclass(frozen=True)
class PriorConfig:
    """A prior's shape.

    width: channels of the residual connections and of the conditions
    skip: channels of the skip connections
    layers: dilated layers of each stream's WaveNet
    cycle: after so many layers dilations start again at 1
    around: convolutions over the coarser codes
    dropout: in training, this share of what goes into the WaveNets is left out
    """

    width: int = 96
    skip: int = 128
    layers: int = 10
    cycle: int = 5
    around: int = 2
    dropout: float = 0.1

    def __post_init__(self) -> None:
        for name in ("width", "skip", "layers", "cycle"):
            require(getattr(self, name) > 0, f"{name} must be positive, not {getattr(self, name)}")
        require(self.around >= 0, f"around must not be negative, not {self.around}")
        require(
            0 <= self.dropout < 1,
            f"dropout must be at least 0 and less than 1, not {self.dropout}",
        )


class Stream(nn.Module):
    """The codes of one codebook.

    shapes: (hop, codewords) of this codebook, last, and of all coarser ones before it
    speaker: length of the speaker vector, 0 for none
    """

    def __init__(
        self, config: PriorConfig, shapes: Sequence[tuple[int, int]], speaker: int
    ) -> None:
        super().__init__()
        *coarser, (hop, size) = shapes
        self.size, self.ratios = size, tuple(other // hop for other, _ in coarser)
        self.before = nn.Embedding(size + 1, config.width)
        self.coarser = Modules[nn.Embedding](
            [nn.Embedding(codewords, config.width) for _, codewords in coarser]
        )
        self.place = nn.Embedding(max(self.ratios, default=1), config.width)
        self.around = Around(config.width, layers=config.around if coarser else 0)
        self.speaker = nn.Linear(speaker, config.width) if speaker else None
        self.dropout = nn.Dropout(config.dropout)
        shape = {"layers": config.layers, "cycle": config.cycle, "condition": config.width}
        self.wavenet = WaveNet(config.width, config.skip, size, **shape)

    def condition(self, codes: Sequence[Tensor], count: int, speaker: Tensor | None) -> Tensor:
        """What all frames are told: coarser codebooks' codes (b, n_l) each, and the speaker vector (b, s); (b, width, count).

        No vector is the same as zeros, which a part of the examples gets in training.
        """
        places = self.place(
            torch.arange(count, device=self.place.weight.device) % self.place.num_embeddings
        )
        found = places.T[None]
        for embedding, ratio, codebook in zip(self.coarser, self.ratios, codes, strict=True):
            found = found + embedding(codebook).transpose(1, 2).repeat_interleave(ratio, -1)
        found = self.dropout(self.around(found))
        if self.speaker is not None:
            nobody = self.place.weight.new_zeros(1, self.speaker.in_features)
            found = found + self.speaker(nobody if speaker is None else speaker).unsqueeze(-1)
        return found

    def before_each(self, codes: Tensor) -> Tensor:
        """What the WaveNet is given for codes (b, n): the embedded code before each, (b, width, n)."""
        start = codes.new_full((len(codes), 1), self.size)
        return self.dropout(self.before(torch.cat([start, codes[:, :-1]], 1))).transpose(1, 2)

    def forward(self, codes: Tensor, condition: Tensor) -> Tensor:
        """Logits (b, size, n) of codes (b, n), each from those before it."""
        return self.wavenet(self.before_each(codes), condition)

    def nats(self, codes: Tensor, condition: Tensor, others: Tensor | None = None) -> Tensor:
        """Minus the logarithm of each code's probability, (b, n); long recordings pass in pieces, as logits are large.

        others: codes (b, n, m) that could be there instead; then theirs, (b, n, m)
        """
        x, state, found = self.before_each(codes), self.wavenet.initial_state(len(codes)), []
        for first in range(0, codes.shape[1], PIECE):
            part = slice(first, first + PIECE)
            logits, state = self.wavenet.step(x[..., part], condition[..., part], state)
            asked = codes[:, part, None] if others is None else others[:, part]
            found.append(-torch.log_softmax(logits, 1).transpose(1, 2).gather(2, asked))
        nats = torch.cat(found, 1)
        return nats[..., 0] if others is None else nats

    def step(self, before: Tensor | None, condition: Tensor, state: State) -> tuple[Tensor, State]:
        """Logits (b, size) of the next code: from the one before it (b,), at first None, and its condition (b, width, 1)."""
        last = (
            condition.new_full((len(condition),), self.size, dtype=torch.long)
            if before is None
            else before
        )
        logits, state = self.wavenet.step(self.before(last).unsqueeze(-1), condition, state)
        return logits[..., 0], state


class Prior(nn.Module):
    """All streams of a codec.

    shapes: (hop, codewords) of every codebook, coarse first
    speaker: length of the speaker vector, 0 for a prior that knows nothing of voices
    """

    def __init__(
        self, config: PriorConfig, shapes: Sequence[tuple[int, int]], speaker: int = 0
    ) -> None:
        super().__init__()
        self.config, self.shapes, self.speaker = config, tuple(shapes), speaker
        self.streams = Modules[Stream](
            [Stream(config, self.shapes[: depth + 1], speaker) for depth in range(len(self.shapes))]
        )

    def nats(self, codes: Sequence[Tensor], speaker: Tensor | None = None) -> list[Tensor]:
        """Of every code, minus the logarithm of its probability: codes (b, n_l) of some first codebooks to as many (b, n_l)."""
        pairs = enumerate(zip(self.streams, codes, strict=False))
        return [
            stream.nats(codebook, stream.condition(codes[:depth], codebook.shape[1], speaker))
            for depth, (stream, codebook) in pairs
        ]
