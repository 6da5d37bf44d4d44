"""The contrastive boundary detector: a network whose features change at phone boundaries.

Kreuk, Keshet and Adi 2020, "Self-supervised contrastive learning for unsupervised phoneme
segmentation", eq. 1 and 2, with standardized log-mel frames in place of samples: adjacent frames
become similar, other frames of the same segment dissimilar. Each frame is seen alone, because
context would blur edges. A frame mostly belongs to the same phone as its neighbor, so a network
does best if its features are constant within phones.
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
"""Number of negatives for each pair of neighbors."""

AROUND = 3
"""Frames on each side of an edge whose mean features are compared: 30 ms, as in `mel_change`."""

CHUNK = 4000
"""Frames that the network processes at a time."""


@dataclass(frozen=True)
class ContrastConfig:
    """The size: width of the hidden layers, and dimensions of a feature."""

    width: int = 256
    dimensions: int = 64

    def __post_init__(self) -> None:
        for name in ("width", "dimensions"):
            require(getattr(self, name) > 0, f"{name} must be positive, not {getattr(self, name)}")


class Contrast(nn.Module):
    """Log-mel frames (b, f, bands) to features (b, f, dimensions) of length 1, frame by frame."""

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
        """Return the features of frames."""
        return functional.normalize(self.layers(mel.transpose(1, 2)).transpose(1, 2), dim=-1)


def contrast_loss(features: Tensor, random: torch.Generator) -> Tensor:
    """How well each frame's neighbor is told from other frames, by cosines, in nats (eq. 2).

    features: (b, f, d) of length 1, at least 4 frames
    random: draws `NEGATIVES` distances in time of 2 or more, anew for each step; every frame is
        compared with the frames at these distances, with segments wrapped around
    """
    frames = features.shape[1]
    distances = torch.randint(2, frames - 1, (NEGATIVES,), generator=random).tolist()
    cosines = [
        (features * features.roll(-distance, 1)).sum(-1)[:, :-1] for distance in (1, *distances)
    ]
    return -torch.stack(cosines, -1).log_softmax(-1)[..., 0].mean()


@torch.no_grad()
def dissimilarity(network: Contrast, mel: NDArray[np.float32]) -> NDArray[np.float64]:
    """1 - cosine of the mean features before and after each edge between frames, (f - 1,).

    mel: of a recording, (f, bands)

    Means are of `AROUND` frames, fewer at the ends.
    """
    device = next(network.parameters()).device
    chunks = torch.from_numpy(mel).split(CHUNK)
    rows = (
        torch.cat([network(chunk[None].to(device))[0].cpu() for chunk in chunks]).double().numpy()
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
