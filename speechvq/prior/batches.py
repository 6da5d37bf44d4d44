"""Training examples of a prior: recordings cut to segments, in batches of equal length."""

from collections import defaultdict

import numpy as np
import torch
from torch import Tensor

from speechvq.codes.record import CodeArrays
from speechvq.data.split import hold_out_size, split
from speechvq.errors import CodesError
from speechvq.nn.speaker import unpack_embeddings
from speechvq.prior.tokens import Tokens


def hold_out(tokens: Tokens, fraction: float) -> tuple[Tokens, Tokens]:
    """Training and held-out recordings, with no voice in both.

    The voices whose names have the lowest hashes are held out until they hold `fraction` of all
    frames. Recordings of unknown voices count as voices of their own. Raises CodesError when no
    recording would be left to train on.
    """
    voices = [
        voice.encode() if voice else tokens.recording(index)[0].tobytes()
        for index, voice in enumerate(tokens.voices)
    ]
    frames: dict[bytes, float] = defaultdict(float)
    for voice, count in zip(voices, tokens.frames, strict=True):
        frames[voice] += int(count)
    parts = split(voices, hold_out_size(frames, fraction))
    if not parts.training.any():
        raise CodesError(
            f"all {len(tokens)} recordings are of one voice: a prior needs recordings of several "
            "voices, some to train on and others to be evaluated on"
        )
    return tokens.select(parts.training), tokens.select(parts.held_out)


class Segments:
    """Recordings cut to segments of at most `length` coarse codes, sorted by length.

    Each segment has its recording's speaker embedding.
    """

    def __init__(self, tokens: Tokens, length: int) -> None:
        self.ratios = [tokens.shapes[0].hop // shape.hop for shape in tokens.shapes]
        segments = list[tuple[int, CodeArrays]]()
        for recording, codebooks in enumerate(tokens.recordings()):
            for first in range(0, len(codebooks[0]), length):
                segment = tuple(
                    codes[first * ratio : (first + length) * ratio]
                    for codes, ratio in zip(codebooks, self.ratios, strict=True)
                )
                segments.append((recording, segment))
        # shuffled first, so that neighbors of equal length are of different recordings
        order = np.random.default_rng(0).permutation(len(segments))
        segments = sorted((segments[i] for i in order), key=lambda segment: len(segment[1][0]))
        self.codebooks = [codebooks for _, codebooks in segments]
        embeddings = unpack_embeddings(tokens.speaker_embeddings)
        self.speaker_embeddings = embeddings[[recording for recording, _ in segments]]

    def __len__(self) -> int:
        return len(self.codebooks)

    def batch(self, first: int, count: int) -> tuple[list[Tensor], Tensor]:
        """`count` neighbors from `first` on, cut to the length of the shortest.

        Returns the codes (b, n_l) of each codebook and the speaker embeddings (b, s).
        """
        rows = self.codebooks[first : first + count]
        frames = len(rows[0][0])
        codes = [
            torch.from_numpy(
                np.stack([codebooks[index][: frames * ratio] for codebooks in rows]).astype(
                    np.int64
                )
            )
            for index, ratio in enumerate(self.ratios)
        ]
        return codes, self.speaker_embeddings[first : first + count]
