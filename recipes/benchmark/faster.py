"""Ways to make a network faster: what they gain here, and what they do to codes and sound.

    python -m recipes.benchmark.faster [AUDIO ...] [--rounds 9] > faster.md

Ways: `torch.compile` of every block; 16-bit arithmetic (bfloat16) in the matrices of every block;
8-bit matrices (dynamic quantization). Each is tried on a codec of its own, timed in turn with the
plain one as `speed.py` does. "x" is the speedup over the plain one; "codes changed" is the share of
codes, over all codebooks, that differ from the plain codec's, which would make files differ between
machines; "SNR" compares decoded speech with what the plain codec decodes from the same codes.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import numpy as np
import torch
import typer
from torch import nn

import speechvq
from recipes.benchmark.peers import System, weights
from recipes.benchmark.speech import clips_or, tiled
from recipes.benchmark.speed import SECONDS, measure_times, speedups
from recipes.script import ModelFile, print_header, print_row, run
from speechvq.codec.codec import Codec
from speechvq.codes import Codes
from speechvq.nn.blocks import Block

Functions = tuple[Callable[[Any], Codes], Callable[[Codes], Any]]


def main(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[AUDIO ...]", help="Speech; default: tests/clips."),
    ] = None,
    rounds: Annotated[int, typer.Option(help="How often each is timed.", min=1)] = 9,
    threads: Annotated[
        list[int] | None, typer.Option(help="Torch threads, once or more; default: 1 and 2.", min=1)
    ] = None,
    model: ModelFile = None,
) -> None:
    """Time the codec in several ways; print a Markdown table."""
    clips = clips_or(files or [])
    systems = {name: build(name, make(speechvq.load(model)), model) for name, make in WAYS.items()}
    differences = compare(systems, clips)
    columns = (
        "way",
        "threads",
        "encode s/s",
        "decode s/s",
        "encode x",
        "decode x",
        "codes changed %",
        "SNR dB",
    )
    print_header(*columns)
    for count in threads or [1, 2]:
        times = measure_times(systems, clips, rounds, count)
        for name in systems:
            seconds = [
                f"{median(column) / SECONDS:.4f}" for column in zip(*times[name], strict=True)
            ]
            gains = [f"{ratio:.2f}" for ratio in speedups(times, "plain", name)]
            print_row(name, count, *seconds, *gains, *differences[name])


def plain(codec: Codec) -> Functions:
    """As it is shipped."""
    return codec.encode, codec.decode


def compiled(codec: Codec) -> Functions:
    """Every block's step through `torch.compile`, with one version for each width."""
    torch.compiler.config.recompile_limit = 64  # type: ignore[attr-defined]
    for block in codec.network.modules():
        if isinstance(block, Block):
            block.step = torch.compile(block.step, dynamic=True)  # type: ignore[method-assign]
    return codec.encode, codec.decode


def bfloat16(codec: Codec) -> Functions:
    """Matrices and convolutions of every block in bfloat16, by autocast."""

    def rounded(step: Callable[..., Any]) -> Callable[..., Any]:
        def run(*arguments: Any) -> Any:  # noqa: ANN401 - what a block's step takes and gives
            with torch.autocast("cpu", torch.bfloat16):
                output, state = step(*arguments)
            return output.float(), state

        return run

    for block in codec.network.modules():
        if isinstance(block, Block):
            block.step = rounded(block.step)  # type: ignore[method-assign]
    return codec.encode, codec.decode


def int8(codec: Codec) -> Functions:
    """Linear maps with 8-bit weights and, at each call, 8-bit activations."""
    for block in codec.network.modules():
        if isinstance(block, Block):
            torch.ao.quantization.quantize_dynamic(block, {nn.Linear}, inplace=True)
    return codec.encode, codec.decode


WAYS: dict[str, Callable[[Codec], Functions]] = {
    "plain": plain,
    "compiled": compiled,
    "bfloat16": bfloat16,
    "int8": int8,
}


def build(name: str, functions: Functions, model: Path | None) -> System:
    """What `speed.measure_times` takes."""
    codec = speechvq.load(model)
    return System(f"speechvq {name}", weights(codec.network), codec.sample_rate, *functions)


@torch.inference_mode()
def compare(systems: dict[str, System], clips: Sequence[Path]) -> dict[str, tuple[str, str]]:
    """For each system, the share of codes (%) that differ from the plain one, and the SNR (dB)."""
    wave = tiled(clips, systems["plain"].rate, SECONDS)
    codes = systems["plain"].encode(wave)
    sound = systems["plain"].decode(codes)
    expected = np.concatenate(codes.codebooks)
    differences = {}
    for name, system in systems.items():
        changed = 100 * np.mean(np.concatenate(system.encode(wave).codebooks) != expected)
        error = np.mean((system.decode(codes) - sound) ** 2)
        differences[name] = (
            f"{changed:.1f}",
            f"{10 * np.log10(np.mean(sound**2) / error):.1f}" if error else "same",
        )
    return differences


if __name__ == "__main__":
    run(main)
