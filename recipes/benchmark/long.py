"""Long files: seconds of computation per minute of audio, and peak memory.

    python -m recipes.benchmark.long [AUDIO ...] [--minutes 1 --minutes 10] > long.md

The clips of the tests, or your files, are repeated in a temporary 16 kHz WAV of each length. Each
WAV goes through `speechvq encode` and `speechvq decode`, each a process of its own, so the times
include starting Python and loading the model. Peak memory is the maximum resident set size that
the system reports for that process. OMP_NUM_THREADS sets the number of threads.
"""

import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Annotated

import typer

from recipes.benchmark.speech import clips_or, repeated
from recipes.script import ModelFile, print_header, print_row, run
from speechvq.audio.writing import write_mono

RATE = 16_000

Clips = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[AUDIO ...]", help="Speech; default: tests/clips."),
]


def main(
    files: Clips = None,
    minutes: Annotated[
        list[float] | None, typer.Option(help="Once or more; default: 1, 10, 60.", min=0.01)
    ] = None,
    model: ModelFile = None,
) -> None:
    """Time `speechvq encode` and `decode` on long files; print a Markdown table."""
    clips = clips_or(files or [])
    options = ["--quiet", *(["--model", str(model)] if model else [])]
    print_header(
        "minutes", "encode s/min", "encode peak MB", "decode s/min", "decode peak MB", "file kB"
    )
    for length in minutes or [1, 10, 60]:
        with TemporaryDirectory() as folder:
            wav, codes, back = (Path(folder) / name for name in ("in.wav", "codes.svq", "out.wav"))
            samples = round(length * 60 * RATE)
            write_mono(wav, repeated(clips, RATE, samples), RATE, rate=RATE, samples=samples)
            encoding, encoding_peak = measure("encode", str(wav), str(codes), *options)
            decoding, decoding_peak = measure("decode", str(codes), str(back), *options)
            size = codes.stat().st_size / 1000
        print_row(
            f"{length:g}",
            f"{encoding / length:.2f}",
            f"{encoding_peak:.0f}",
            f"{decoding / length:.2f}",
            f"{decoding_peak:.0f}",
            f"{size:.1f}",
        )


def measure(*arguments: str) -> tuple[float, float]:
    """Wall-clock seconds and peak memory in MB of one `speechvq` command.

    wait4 gives the usage of this one child. It starts as a copy of this process, whose size is
    therefore a lower bound of what is reported: nothing large is imported or kept here.
    """
    start = perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "speechvq", *arguments])  # noqa: S603 - our own program
    _, status, usage = os.wait4(process.pid, 0)
    seconds = perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"long: speechvq {arguments[0]} failed with exit code {process.returncode}")
    unit = 1 if sys.platform == "darwin" else 1024  # ru_maxrss is in bytes there, in KiB elsewhere
    return seconds, usage.ru_maxrss * unit / 1e6


if __name__ == "__main__":
    run(main)
