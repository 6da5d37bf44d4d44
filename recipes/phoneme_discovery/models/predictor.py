"""Masked prediction: a network that predicts the clusters of masked frames from their context.

HuBERT (Hsu et al. 2021, "HuBERT: self-supervised speech representation learning by masked
prediction of hidden units"), small enough for two CPU cores, with log-mel spectra in place of
samples. To predict a masked sound the network must learn which sounds follow each other, and the
words they make; the speaker helps little. Its middle layers lie between spectrum and phone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from recipes.phoneme_discovery.models.speech import BANDS
from speechvq.config import require

RATE = 50
"""Frames per second after the first two convolutions."""

GROUPS = 16
"""Groups of the convolutional position embedding, as in HuBERT."""


@dataclass(frozen=True)
class PredictorConfig:
    """The size of a predictor.

    width: of every layer
    depth: number of transformer layers
    heads: of attention
    reach: frames that the convolutional position embedding sees
    """

    width: int = 256
    depth: int = 4
    heads: int = 4
    reach: int = 31

    def __post_init__(self) -> None:
        for name in ("width", "depth", "heads", "reach"):
            require(getattr(self, name) > 0, f"{name} must be positive, not {getattr(self, name)}")
        require(
            self.width % GROUPS == self.width % self.heads == 0,
            f"width must be a multiple of {GROUPS} and of heads, not {self.width}",
        )
        require(self.reach % 2 == 1, f"reach must be odd, not {self.reach}")


class Predictor(nn.Module):
    """Log-mel frames (b, 2 f, bands) to the cluster of each frame at 50 Hz.

    clusters: their number in each of several sets
    """

    def __init__(self, config: PredictorConfig, clusters: Sequence[int]) -> None:
        super().__init__()
        width = config.width
        self.first = nn.Conv1d(BANDS, width, 5, padding=2)
        self.second = nn.Conv1d(width, width, 4, stride=2, padding=1)
        self.norm = nn.LayerNorm(width)
        self.hidden = nn.Parameter(0.1 * torch.randn(width))
        self.position = nn.Conv1d(
            width, width, config.reach, padding=config.reach // 2, groups=GROUPS
        )
        self.layers = nn.ModuleList(Attention(width, config.heads) for _ in range(config.depth))
        self.out = nn.LayerNorm(width)
        self.heads = nn.ModuleList(nn.Linear(width, size) for size in clusters)

    def features(self, mel: Tensor, hide: Tensor | None = None) -> list[Tensor]:
        """The output of every transformer layer, (b, f, width).

        hide: the frames at 50 Hz to mask, (b, f)
        """
        x = self.second(functional.gelu(self.first(mel.transpose(1, 2))))
        x = self.norm(x.transpose(1, 2))
        if hide is not None:
            x = torch.where(hide[..., None], self.hidden.to(x.dtype), x)
        x = x + functional.gelu(self.position(x.transpose(1, 2))).transpose(1, 2)
        features = []
        for layer in self.layers:
            x = layer(x)
            features.append(x)
        return features

    def forward(self, mel: Tensor, hide: Tensor | None = None) -> list[Tensor]:
        """Logits (b, f, clusters) of each set."""
        last = self.out(self.features(mel, hide)[-1])
        return [head(last) for head in self.heads]


class Attention(nn.Module):
    """A transformer layer, normalized before each part (Vaswani et al. 2017; Xiong et al. 2020)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.mixed, self.joined = (
            nn.LayerNorm(width),
            nn.Linear(width, 3 * width),
            nn.Linear(width, width),
        )
        self.forward_part = Feedforward(width, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape (b, f, width) of x."""
        parts = self.mixed(self.norm(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = functional.scaled_dot_product_attention(*parts.unbind(0))
        return self.forward_part(x + self.joined(seen.transpose(1, 2).flatten(2)))


class Feedforward(nn.Module):
    """Two linear maps with a residual connection, the inner one `expansion` times as wide."""

    def __init__(self, width: int, expansion: int) -> None:
        super().__init__()
        self.norm, self.inner, self.outer = (
            nn.LayerNorm(width),
            nn.Linear(width, expansion * width),
            nn.Linear(expansion * width, width),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return a tensor of the shape (b, f, width) of x."""
        return x + self.outer(functional.gelu(self.inner(self.norm(x))))


def prediction_loss(logits: Sequence[Tensor], targets: Sequence[Tensor], hide: Tensor) -> Tensor:
    """Cross-entropy in nats of masked frames' clusters (b, f), summed over sets (Hsu et al. eq. 1).

    hide: the masked frames, (b, f)
    """
    pairs = zip(logits, targets, strict=True)
    return torch.stack(
        [
            functional.cross_entropy(set_logits[hide].float(), set_targets[hide])
            for set_logits, set_targets in pairs
        ]
    ).sum()
