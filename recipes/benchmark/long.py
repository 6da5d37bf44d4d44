"""Long files: seconds of work for a minute of audio, and whether memory grows with length.

    python -m recipes.benchmark.long [AUDIO ...] [--minutes 1 --minutes 10] > long.md

Data: the clips of the tests, or your files, over and over in a temporary 16 kHz WAV of each length.
Each WAV goes through `speechvq encode` and `speechvq decode`, each a process of its own, so the
times include starting Python and loading the model. Peak memory is the largest resident set that
the system reports for that process. OMP_NUM_THREADS sets the threads, as always.
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
from speechvq.audio.files import write_mono
from speechvq.errors import SpeechVQError

RATE = 16_000


def main(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[AUDIO ...]", help="Speech; default: tests/clips."),
    ] = None,
    minutes: Annotated[
        list[float] | None, typer.Option(help="Lengths, once or more; default: 1, 10, 60.", min=0.1)
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="A model file instead of the default one.")
    ] = None,
) -> None:
    """Time `speechvq encode` and `decode` on long files and watch their memory, as a markdown table."""
    clips = clips_or(files or [])
    options = ["--quiet", *(["--model", str(model)] if model else [])]
    print("| minutes | encode s/min | encode peak MB | decode s/min | decode peak MB | file kB |")
    print("|---|---|---|---|---|---|")
    for length in minutes or [1, 10, 60]:
        with TemporaryDirectory() as folder:
            wav, codes, back = (Path(folder) / name for name in ("in.wav", "codes.svq", "out.wav"))
            samples = round(length * 60 * RATE)
            write_mono(wav, repeated(clips, RATE, samples), RATE, rate=RATE, samples=samples)
            encoding, encoding_peak = measured("encode", str(wav), str(codes), *options)
            decoding, decoding_peak = measured("decode", str(codes), str(back), *options)
            size = codes.stat().st_size / 1000
        cells = [
            f"{encoding / length:.2f}",
            f"{encoding_peak:.0f}",
            f"{decoding / length:.2f}",
            f"{decoding_peak:.0f}",
        ]
        print(f"| {length:g} | {' | '.join(cells)} | {size:.1f} |", flush=True)


def measured(*arguments: str) -> tuple[float, float]:
    """Wall seconds and peak memory in MB of one `speechvq` command.

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
    try:
        typer.run(main)
    except SpeechVQError as error:
        sys.exit(f"long: {error}")
