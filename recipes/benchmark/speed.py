r"""Speed and memory of this codec beside EnCodec, Mimi, SNAC and DAC, on this machine.

    python -m recipes.benchmark.speed [AUDIO ...] [--rounds 9] [--threads 1 --threads 2] \
        [--peer encodec --peer mimi] > speed.md

Data: 10 s of speech, the clips of the tests repeated, or your files. Every system gets it at its
own sample rate, resampled beforehand. The others are built from their default configurations with
random weights, which need the same arithmetic as trained ones. This codec is timed through
`codec.encode` and `codec.decode`, all codebooks, the speaker embedding included.

Times: everything runs in one process: first a warm-up, then rounds in which each system encodes and
decodes once, in an order that rotates from round to round, so that a machine that slows down slows
all alike. Seconds are medians over rounds; "x" columns are medians of the ratios within rounds,
against EnCodec at 1.5 kbit/s, the faster of the two, and against Mimi.

Memory: each system makes one round trip in a process of its own, with one thread; the increase of
the maximum resident set size after loading the model, and that of the process. Parameters do not
include codebooks.
"""

import gc
import os
import resource
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Annotated, Any

import torch
import typer

import speechvq
from recipes.benchmark.peers import PEERS, System, weights
from recipes.benchmark.speech import clips_or, tiled
from recipes.script import ModelFile, print_header, print_row, run
from speechvq.errors import ConfigError

SECONDS = 10
OURS = "speechvq"

Times = dict[str, list[tuple[float, float]]]
"""(encode, decode) in seconds of every round, by system."""


def main(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[AUDIO ...]", help="Speech; default: tests/clips."),
    ] = None,
    rounds: Annotated[int, typer.Option(help="How often each system is timed.", min=1)] = 9,
    threads: Annotated[
        list[int] | None, typer.Option(help="Torch threads, once or more; default: 1 and 2.", min=1)
    ] = None,
    peer: Annotated[
        list[str] | None, typer.Option(help=f"Once or more of {', '.join(PEERS)}; default: all.")
    ] = None,
    model: ModelFile = None,
    memory_of: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Time encoding and decoding beside other codecs; print a Markdown table."""
    if memory_of is not None:
        print(*round_trip(build(memory_of, model), clips_or(files or [])))
        return
    report(clips_or(files or []), rounds, threads or [1, 2], peer or list(PEERS), model)


def build(name: str, model: Path | None = None) -> System:
    """This codec, or another one by its short name. Raises ConfigError."""
    if name == OURS:
        codec = speechvq.load(model)
        return System(
            f"speechvq {codec.model.name}",
            weights(codec.network),
            codec.sample_rate,
            codec.encode,
            codec.decode,
        )
    if name not in PEERS:
        raise ConfigError(
            f"there is no codec {name!r} to compare with; there are {', '.join(PEERS)}"
        )
    return PEERS[name]()


def report(
    clips: Sequence[Path],
    rounds: int,
    threads: Sequence[int],
    names: Sequence[str],
    model: Path | None,
) -> None:
    """Print a Markdown table: a row for each system and number of threads."""
    systems = {name: build(name, model) for name in (OURS, *names)}
    references = [name for name in ("encodec", "mimi") if name in systems]
    print(
        f"torch {torch.__version__}, {os.cpu_count()} CPUs, {rounds} rounds of {SECONDS} s",
        file=sys.stderr,
    )
    columns = ["system", "parameters (M)", "threads", "encode s/s", "decode s/s"]
    columns += [
        f"{what} x {systems[name].name.split()[0].rstrip(',')}"
        for name in references
        for what in ("encode", "decode")
    ]
    print_header(*columns, "round trip adds MB", "process MB")
    memories = {name: memory(name, clips, model) for name in systems}
    for count in threads:
        times = measure_times(systems, clips, rounds, count)
        for name, system in systems.items():
            cells = [f"{median(column) / SECONDS:.4f}" for column in zip(*times[name], strict=True)]
            cells += [f"{x:.2f}" for other in references for x in speedups(times, other, name)]
            cells += [f"{megabytes:.0f}" for megabytes in memories[name]]
            print_row(system.name, f"{system.parameters / 1e6:.1f}", count, *cells)


def waveform(system: System, clips: Sequence[Path]) -> Any:  # noqa: ANN401 - what its encode takes
    """Ten seconds at the system's rate."""
    wave = tiled(clips, system.rate, SECONDS)
    return wave if system.name.startswith(OURS) else torch.from_numpy(wave)[None, None]


@torch.inference_mode()
def measure_times(
    systems: dict[str, System], clips: Sequence[Path], rounds: int, threads: int
) -> Times:
    """Times of every system with a number of torch threads, after one round of warm-up."""
    torch.set_num_threads(threads)
    waves = {name: waveform(system, clips) for name, system in systems.items()}
    times: Times = {name: [] for name in systems}
    order = list(systems)
    for number in range(-1, rounds):
        turn = max(number, 0) % len(order)
        for name in order[turn:] + order[:turn]:
            gc.collect()
            start = perf_counter()
            codes = systems[name].encode(waves[name])
            middle = perf_counter()
            systems[name].decode(codes)
            end = perf_counter()
            if number >= 0:
                times[name].append((middle - start, end - middle))
    return times


def speedups(times: Times, reference: str, name: str) -> list[float]:
    """How many times faster than the reference a system encodes and decodes.

    Medians of the ratios within each round.
    """
    rounds = zip(times[reference], times[name], strict=True)
    pairs = [(other[0] / own[0], other[1] / own[1]) for other, own in rounds]
    return [median(column) for column in zip(*pairs, strict=True)]


@torch.inference_mode()
def round_trip(system: System, clips: Sequence[Path]) -> tuple[float, float]:
    """Encode and decode once in this process: growth of its peak memory, and the peak, in MB."""
    torch.set_num_threads(1)
    wave = waveform(system, clips)
    before = peak()
    system.decode(system.encode(wave))
    return peak() - before, peak()


def memory(name: str, clips: Sequence[Path], model: Path | None) -> tuple[float, float]:
    """`round_trip` in a process of its own."""
    options = ["--model", str(model)] if model else []
    command = [
        sys.executable,
        "-m",
        "recipes.benchmark.speed",
        *map(str, clips),
        "--memory-of",
        name,
        *options,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - this program
    if done.returncode:
        sys.exit(f"speed: measuring the memory of {name} failed: {done.stderr.strip()}")
    added, total = map(float, done.stdout.split()[-2:])
    return added, total


def peak() -> float:
    """The maximum resident set size of this process so far, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # Linux, where ru_maxrss begins with the parent's size at the start
        kilobytes = next(
            line.split()[1] for line in status.read_text().splitlines() if line.startswith("VmHWM:")
        )
        return int(kilobytes) * 1024 / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6  # in bytes on macOS


if __name__ == "__main__":
    run(main)
