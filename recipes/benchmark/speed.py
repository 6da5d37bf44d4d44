"""How fast the codec is beside EnCodec and Mimi, on this machine.

    python recipes/benchmark/speed.py [AUDIO ...] [--rounds 9] [--threads 1 --threads 2] > speed.md

Data: 10 s of speech, the clips of the tests over and over, or your files. Every system gets it at its own sample rate (ours 16
kHz, the others 24 kHz), resampled beforehand. EnCodec and Mimi are built from their default configurations with random weights,
which need the same arithmetic as trained ones. Ours is timed through `codec.encode` and `codec.decode`, all layers, the speaker
vector included.

Everything runs in one process: first a warm-up, then rounds in which each system encodes and decodes once, in an order that
turns from round to round, so a machine that slows down slows all alike. Times are medians over rounds; "x EnCodec" is the
median of the ratios within rounds, against EnCodec at 1.5 kbit/s, the faster of the two.
Parameters do not count codebooks.
"""

import gc
import os
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated

import torch
import typer
from peers import System, peers, weights
from speech import clips_or, tiled

import speechvq
from speechvq.errors import SpeechVQError

SECONDS = 10

Times = dict[str, list[tuple[float, float]]]
"""(encode, decode) in seconds of every round, by system."""


def main(
    files: Annotated[list[Path] | None, typer.Argument(metavar="[AUDIO ...]", help="Speech; default: tests/clips.")] = None,
    rounds: Annotated[int, typer.Option(help="How often each system is timed.", min=1)] = 9,
    threads: Annotated[list[int] | None, typer.Option(help="Torch threads, once or more; default: 1 and 2.", min=1)] = None,
    model: Annotated[Path | None, typer.Option(help="A model file instead of the default one.")] = None,
) -> None:
    """Time encoding and decoding beside EnCodec and Mimi, as a markdown table."""
    codec = speechvq.load(model)
    clips = clips_or(files or [])
    at_24_khz = torch.from_numpy(tiled(clips, 24_000, SECONDS))[None, None]
    wave = tiled(clips, codec.sample_rate, SECONDS)
    ours = System(f"speechvq {codec.model.name}", weights(codec.network), wave, codec.encode, codec.decode)
    reference, *others = peers(at_24_khz)
    systems = [ours, reference, *others]
    print(f"torch {torch.__version__}, {os.cpu_count()} CPUs, {rounds} rounds of {SECONDS} s", file=sys.stderr)
    print("| system | parameters (M) | threads | encode s/s | decode s/s | encode x EnCodec | decode x EnCodec |")
    print("|---|---|---|---|---|---|---|")
    for count in threads or [1, 2]:
        times = timed(systems, rounds, count)
        for system in systems:
            cells = [f"{median(column) / SECONDS:.4f}" for column in zip(*times[system.name], strict=True)]
            cells += [f"{ratio:.2f}" for ratio in ratios(times, reference.name, system.name)]
            print(f"| {system.name} | {system.parameters / 1e6:.1f} | {count} | {' | '.join(cells)} |", flush=True)


@torch.inference_mode()
def timed(systems: list[System], rounds: int, threads: int) -> Times:
    """Times of every system with so many torch threads, after one round of warm-up."""
    torch.set_num_threads(threads)
    times: Times = {system.name: [] for system in systems}
    for number in range(-1, rounds):
        turn = max(number, 0) % len(systems)
        for system in systems[turn:] + systems[:turn]:
            gc.collect()
            start = perf_counter()
            codes = system.encode(system.wave)
            middle = perf_counter()
            system.decode(codes)
            end = perf_counter()
            if number >= 0:
                times[system.name].append((middle - start, end - middle))
    return times


def ratios(times: Times, reference: str, name: str) -> list[float]:
    """How many times faster than the reference a system encodes and decodes: medians of the ratios within each round."""
    rounds = zip(times[reference], times[name], strict=True)
    pairs = [(theirs[0] / ours[0], theirs[1] / ours[1]) for theirs, ours in rounds]
    return [median(column) for column in zip(*pairs, strict=True)]


if __name__ == "__main__":
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"speed: {error}")
