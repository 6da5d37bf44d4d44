"""A network whose features change where phones do: frames that touch become alike, others of the same stretch unlike.

Kreuk, Keshet and Adi 2020, "Self-supervised contrastive learning for unsupervised phoneme
segmentation", eq. 1 and 2, with standardized log-mel frames in the place of samples: each frame is
seen alone, for what a network sees around it blurs edges. A frame is more often like its neighbor
than unlike it, so a network does best that finds alike what one phone is made of.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from recipes.phoneme_discovery.models.speech import BANDS
from speechvq.config import require

NEGATIVES = 8
"""Other frames that each pair of neighbors is set against."""

AROUND = 3
"""Frames on each side of an edge whose mean features are compared: 30 ms, as `mel_change` does."""

PIECE = 4000
"""Frames that the network is given at once."""


@dataclass(frozen=True)
class ContrastConfig:
    """How large: width of the hidden layers, and the dimensions of a feature."""

    width: int = 256
    dimensions: int = 64

    def __post_init__(self) -> None:
        for name in ("width", "dimensions"):
            require(getattr(self, name) > 0, f"{name} must be positive, not {getattr(self, name)}")


class Contrast(nn.Module):
    """Log-mel frames (b, f, bands) to features (b, f, dimensions) of length 1, each of its own frame alone."""

    def __init__(self, config: ContrastConfig) -> None:
        super().__init__()
        width = config.width
        self.layers = nn.Sequential(
            nn.Conv1d(BANDS, width, 1), nn.BatchNorm1d(width), nn.LeakyReLU(),
            nn.Conv1d(width, width, 1), nn.BatchNorm1d(width), nn.LeakyReLU(),
            nn.Conv1d(width, width, 1), nn.LeakyReLU(),
            nn.Conv1d(width, config.dimensions, 1),
        )  # fmt: skip

    def forward(self, mel: Tensor) -> Tensor:
        """Give the features of frames."""
        return functional.normalize(self.layers(mel.transpose(1, 2)).transpose(1, 2), dim=-1)


def contrast_loss(features: Tensor, random: torch.Generator) -> Tensor:
    """How well each frame's neighbor is told from other frames of its stretch, by cosines, in nats (eq. 2).

    features: (b, f, d) of length 1, at least 4 frames. Every frame is compared with those of
        `NEGATIVES` distances in time, 2 or more, drawn anew for each step; stretches are circles
        for that.
    """
    frames = features.shape[1]
    distances = torch.randint(2, frames - 1, (NEGATIVES,), generator=random).tolist()
    cosines = [
        (features * features.roll(-distance, 1)).sum(-1)[:, :-1] for distance in (1, *distances)
    ]
    return -torch.stack(cosines, -1).log_softmax(-1)[..., 0].mean()


@torch.no_grad()
def dissimilarity(network: Contrast, mel: NDArray[np.float32]) -> NDArray[np.float64]:
    """1 - the cosine of the mean features before and after each edge between frames of a recording (f, bands), (f - 1,).

    Means are of `AROUND` frames, fewer at the ends.
    """
    device = next(network.parameters()).device
    pieces = torch.from_numpy(mel).split(PIECE)
    rows = (
        torch.cat([network(piece[None].to(device))[0].cpu() for piece in pieces]).double().numpy()
    )
    count = len(rows)
    sums, middle = (
        np.concatenate([np.zeros((1, rows.shape[1])), rows.cumsum(0)]),
        np.arange(1, count),
    )
    before = sums[middle] - sums[np.maximum(middle - AROUND, 0)]
    after = sums[np.minimum(middle + AROUND, count)] - sums[middle]
    lengths = np.linalg.norm(before, axis=1) * np.linalg.norm(after, axis=1)
    return np.maximum(1 - (before * after).sum(1) / np.maximum(lengths, 1e-9), 0)
