"""What a prior learns from and what it is measured on, in pieces that make batches."""

import hashlib
from collections import defaultdict

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speechvq.errors import CodesError
from speechvq.nn.speaker import from_steps
from speechvq.prior.tokens import CodeArrays, Tokens


def parted(tokens: Tokens, share: float) -> tuple[Tokens, Tokens]:
    """Training and held-out recordings: whole voices, those whose names hash lowest; of unknown voices, single recordings.

    Raises CodesError when there is nothing to hold out.
    """
    keys = [
        hashlib.sha256(voice.encode() if voice else tokens.recording(index)[0].tobytes()).digest()
        for index, voice in enumerate(tokens.voices)
    ]
    frames: dict[bytes, int] = defaultdict(int)
    for key, count in zip(keys, tokens.frames, strict=True):
        frames[key] += int(count)
    held: set[bytes] = set()
    enough = share * tokens.frames.sum()
    for key in sorted(frames):
        if enough <= 0:
            break
        held.add(key)
        enough -= frames[key]
    mask = np.array([key in held for key in keys])
    if mask.all():
        raise CodesError(
            f"{len(tokens)} recordings of one voice: a prior needs some to learn from and others "
            "to be measured on"
        )
    return tokens.chosen(~mask), tokens.chosen(mask)


class Pieces:
    """Recordings cut to at most `longest` coarse codes, sorted by length, with their speaker vectors."""

    def __init__(self, tokens: Tokens, longest: int) -> None:
        self.ratios = [tokens.shapes[0].hop // codebook.hop for codebook in tokens.shapes]
        found: list[tuple[int, CodeArrays]] = []
        for index, codebooks in enumerate(tokens.recordings()):
            for first in range(0, len(codebooks[0]), longest):
                cut = tuple(
                    one[first * r : (first + longest) * r]
                    for one, r in zip(codebooks, self.ratios, strict=True)
                )
                found.append((index, cut))
        order = np.random.default_rng(0).permutation(
            len(found)
        )  # neighbours of equal length are not of one recording
        found = sorted((found[i] for i in order), key=lambda piece: len(piece[1][0]))
        self.codebooks = [codebooks for _, codebooks in found]
        self.speakers = vectors(tokens.speakers)[[index for index, _ in found]]

    def __len__(self) -> int:
        return len(self.codebooks)

    def batch(self, first: int, count: int) -> tuple[list[Tensor], Tensor]:
        """`count` neighbours, cut to the shortest: codes (b, n_l) of each codebook, and speaker vectors (b, s)."""
        some = self.codebooks[first : first + count]
        frames = len(some[0][0])
        codes = [
            torch.from_numpy(
                np.stack([codebooks[depth][: frames * ratio] for codebooks in some]).astype(
                    np.int64
                )
            )
            for depth, ratio in enumerate(self.ratios)
        ]
        return codes, self.speakers[first : first + count]


def vectors(packed: NDArray[np.uint8]) -> Tensor:
    """Packed speaker vectors (n, bytes) as numbers (n, 2 bytes)."""
    steps = np.stack([packed >> 4, packed & 15], -1).reshape(len(packed), -1)
    return from_steps(torch.from_numpy(steps.astype(np.int64)))
