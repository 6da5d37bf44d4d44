"""The bottom-up path: waveform to features at falling frame rates."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import torch
from torch import Tensor, nn

from speechvq.config import require, within
from speechvq.errors import shown
from speechvq.limits import BLOCKS, KERNELS, WIDTHS
from speechvq.nn.blocks import Block
from speechvq.nn.conv import Conv
from speechvq.nn.modules import Modules
from speechvq.nn.spectral import Analysis
from speechvq.nn.streaming import Chain, State, compose


@dataclass(frozen=True)
class StageConfig:
    """Blocks at one frame rate.

    stride: frames of the stage before for one of this (encoder), or the other way round (decoder)
    width: channels
    lookahead: frames ahead seen by each block; its length is the number of blocks
    """

    width: int
    lookahead: tuple[int, ...]
    stride: int = 1
    kernel: int = 7
    expansion: int = 3

    def __post_init__(self) -> None:
        within(self, WIDTHS, "width")
        within(self, KERNELS, "stride", "kernel")
        within(self, range(1, 65), "expansion")
        require(
            len(self.lookahead) <= BLOCKS,
            f"lookahead lists {len(self.lookahead)} blocks, more than {BLOCKS}",
        )
        require(
            all(0 <= ahead < self.kernel for ahead in self.lookahead),
            f"lookahead must be between 0 and kernel - 1 = {self.kernel - 1}, not "
            f"{shown(list(self.lookahead))}",
        )

    def blocks(self, condition: int = 0) -> list[Block]:
        """The stage's blocks, without the change of rate."""
        return [
            Block(
                self.width,
                kernel=self.kernel,
                lookahead=ahead,
                expansion=self.expansion,
                condition=condition,
            )
            for ahead in self.lookahead
        ]


class Encoder(nn.Module):
    """Waveform (b, 1, t) to the features of the stages in `taps`, coarse first.

    Not a `Step`, as it has several outputs, but it streams alike: `step` returns, for every tap,
    the features of complete frames of the coarsest, so that the results of a step always cover the
    same time.
    """

    def __init__(
        self, window: int, hop: int, stages: Sequence[StageConfig], taps: Sequence[int]
    ) -> None:
        super().__init__()
        self.analysis = Analysis(window, hop, stages[0].width, phase=True)
        chains, widths = [], [stages[0].width, *(stage.width for stage in stages)]
        for stage, (before, width) in zip(stages, pairwise(widths), strict=True):
            down = (
                []
                if stage.stride == 1 and before == width
                else [Conv(before, width, stage.stride, stride=stage.stride)]
            )
            chains.append(Chain([*down, *stage.blocks()]))
        self.stages, self.taps = Modules[Chain](chains), tuple(taps)
        self.widths = tuple(stages[tap].width for tap in taps)
        strides = [compose([self.analysis, *chains[: tap + 1]]) for tap in taps]
        self.stride, self.lookahead = strides[0]
        self.ratios = tuple(self.stride / stride for stride, _ in strides)

    def initial_state(self, batch: int) -> State:
        """The state before the first sample."""
        pending = tuple(
            self.analysis.linear.weight.new_zeros(batch, width, 0) for width in self.widths
        )
        return (
            self.analysis.initial_state(batch),
            tuple(stage.initial_state(batch) for stage in self.stages),
            pending,
        )

    def step(self, x: Tensor, state: State) -> tuple[list[Tensor], State]:
        """Take samples (b, 1, n); return features (b, d, m * ratio) of each tap and the state."""
        analysis, stages, pending = state
        x, analysis = self.analysis.step(x, analysis)
        tapped, after = {}, []
        for index, (stage, before) in enumerate(zip(self.stages, stages, strict=True)):
            x, now = stage.step(x, before)
            after.append(now)
            if index in self.taps:
                tapped[index] = x
        ready = [
            torch.cat([old, tapped[tap]], -1) for old, tap in zip(pending, self.taps, strict=True)
        ]
        count = min(int(y.shape[-1] / ratio) for y, ratio in zip(ready, self.ratios, strict=True))
        cuts = [int(count * ratio) for ratio in self.ratios]
        features = [y[..., :cut] for y, cut in zip(ready, cuts, strict=True)]
        pending = tuple(y[..., cut:] for y, cut in zip(ready, cuts, strict=True))
        return features, (analysis, tuple(after), pending)

    def forward(self, wave: Tensor) -> list[Tensor]:
        """One step on a fresh state."""
        return self.step(wave, self.initial_state(len(wave)))[0]


def hops(hop: int, stages: Sequence[StageConfig]) -> list[Fraction]:
    """Samples per frame at each stage."""
    strides = [Fraction(hop)]
    for stage in stages:
        strides.append(strides[-1] * stage.stride)
    return strides[1:]
