"""Training examples of a prior: recordings cut to segments, in batches of equal length."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from speechvq.codes.record import CodeArrays
from speechvq.data.split import HeldOut, Split, hold_out_speech
from speechvq.errors import CodesError
from speechvq.nn.speaker import unpack_embeddings
from speechvq.prior.tokens import Tokens


def hold_out(tokens: Tokens, plan: HeldOut, sample_rate: int) -> tuple[Tokens, Tokens]:
    """Training and held-out recordings, by the rule of `speechvq.data.split`.

    No voice is in both, and no text where texts are known. Recordings of unknown voices are trained
    on, but where there are too few known voices, they count as voices of their own. At least one
    voice is held out. Raises CodesError when there are not two.
    """
    parts = parts_of(tokens, plan, sample_rate)
    return tokens.select(parts.training), tokens.select(parts.held_out)


def parts_of(tokens: Tokens, plan: HeldOut, sample_rate: int) -> Split:
    """Which recordings `hold_out` takes for what. Raises CodesError."""
    rows = tokens.spoken(sample_rate)
    parts = hold_out_speech(rows, plan)
    if not parts.held_out.any():
        named = [
            row if row.speaker else replace(row, speaker=_name(tokens, index))
            for index, row in enumerate(rows)
        ]
        parts = hold_out_speech(named, plan, least=1)
    if not (parts.training.any() and parts.held_out.any()):
        raise CodesError(
            f"all {len(tokens)} recordings are of one voice: a prior needs recordings of several "
            "voices, some to train on and others to be evaluated on"
        )
    return parts


def _name(tokens: Tokens, index: int) -> str:
    """A name for the unknown voice of a recording, which is that of no other recording."""
    return f"\0{tokens.recording(index)[0].tobytes().hex()}"


class Segments:
    """Recordings cut to segments of at most `length` coarse codes, sorted by length.

    Each segment has its recording's speaker embedding and voice.
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
        sources = [recording for recording, _ in segments]
        self.speaker_embeddings = embeddings[sources]
        self.voices = [tokens.voices[recording] or recording for recording in sources]

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
