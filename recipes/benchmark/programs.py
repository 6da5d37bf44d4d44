"""Opus, Codec2 and Lyra V2 as functions: a waveform to the decoded one and its bits, at 16 kHz.

Opus and Codec2 are the Debian packages opus-tools and codec2. Lyra V2 runs from its own weights,
the three files `soundstream_encoder.tflite`, `quantizer.tflite` and `lyragan.tflite` in
`lyra/model_coeffs` of github.com/google/lyra (Apache-2.0), through `ai-edge-litert`.
"""

import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile
import soxr

from speechvq.audio.reading import Wave, read_mono
from speechvq.errors import ConfigError

RATE = 16_000
Coder = Callable[[Wave], tuple[Wave, int]]

LYRA_BITS = {3.2: 64, 6.0: 120, 9.2: 184}
"""Bits of a frame of 20 ms, four per codebook."""


def programs(lyra: Path | None) -> tuple[dict[str, Coder], list[str]]:
    """Every codec that is installed, by name, and a sentence for each that is not."""
    coders: dict[str, Coder] = {}
    missing = []
    if shutil.which("opusenc") and shutil.which("opusdec"):
        coders |= {f"Opus {kbps}": partial(opus, kbps=kbps) for kbps in (6, 9, 12)}
    else:
        missing.append("Opus is left out: install opus-tools")
    if shutil.which("c2enc") and shutil.which("c2dec"):
        coders |= {
            f"Codec2 {mode}": partial(codec2, mode=mode)
            for mode in ("700C", "1200", "2400", "3200")
        }
    else:
        missing.append("Codec2 is left out: install codec2")
    if lyra is None:
        missing.append("Lyra V2 is left out: give the folder of its weights with --lyra")
    else:
        codec = Lyra(lyra)
        coders |= {f"Lyra V2 {kbps:g}": partial(codec, kbps=kbps) for kbps in LYRA_BITS}
    return coders, missing


def opus(wave: Wave, *, kbps: float) -> tuple[Wave, int]:
    """Opus in speech mode, frames of 20 ms; all bits of the Ogg file count."""
    with TemporaryDirectory() as folder:
        source, coded, back = (Path(folder) / name for name in ("in.wav", "coded.opus", "back.wav"))
        soundfile.write(source, wave, RATE)
        options = ("--quiet", "--speech", "--bitrate", str(kbps), "--framesize", "20")
        _run("opusenc", *options, str(source), str(coded))
        _run("opusdec", "--quiet", "--rate", str(RATE), str(coded), str(back))
        return _fitted(read_mono(back, RATE), len(wave)), 8 * coded.stat().st_size


def codec2(wave: Wave, *, mode: str) -> tuple[Wave, int]:
    """Codec2, a vocoder at 8 kHz."""
    with TemporaryDirectory() as folder:
        source, coded, back = (Path(folder) / name for name in ("in.raw", "coded", "back.raw"))
        narrow = soxr.resample(wave, RATE, 8000)
        (narrow.clip(-1, 1) * 32767).astype("<i2").tofile(source)
        _run("c2enc", mode, str(source), str(coded))
        _run("c2dec", mode, str(coded), str(back))
        decoded = soxr.resample(np.fromfile(back, "<i2").astype(np.float32) / 32768, 8000, RATE)
        return _fitted(decoded, len(wave)), 8 * coded.stat().st_size


class Lyra:
    """Lyra V2 (SoundStream with its own decoder), frames of 20 ms; the bits of its packets count.

    Raises ConfigError.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from ai_edge_litert.interpreter import (  # pyright: ignore[reportMissingImports]
                Interpreter,
            )
        except ModuleNotFoundError as error:
            raise ConfigError("Lyra V2 needs ai-edge-litert: pip install ai-edge-litert") from error
        for name in ("soundstream_encoder", "quantizer", "lyragan"):
            if not (folder / f"{name}.tflite").is_file():
                raise ConfigError(
                    f"{folder} has no {name}.tflite; take it from lyra/model_coeffs of "
                    "github.com/google/lyra"
                )
        self._load = lambda name: Interpreter(model_path=str(folder / f"{name}.tflite"))

    def __call__(self, wave: Wave, *, kbps: float) -> tuple[Wave, int]:
        # new interpreters: they hold the state of the last recording
        encoder, decoder = (
            self._load("soundstream_encoder"),
            self._load("lyragan"),
        )
        encoder.allocate_tensors()
        decoder.allocate_tensors()
        quantizer = self._load("quantizer")
        encode, decode = (
            quantizer.get_signature_runner("encode"),
            quantizer.get_signature_runner("decode"),
        )
        codebooks = np.array(LYRA_BITS[kbps] // 4, np.int32)
        frames = []
        for frame in np.pad(wave, (0, -len(wave) % 320)).astype(np.float32).reshape(-1, 1, 320):
            encoder.set_tensor(encoder.get_input_details()[0]["index"], frame)
            encoder.invoke()
            features = encoder.get_tensor(encoder.get_output_details()[0]["index"])
            outputs = encode(input_frames=features, num_quantizers=codebooks)
            codes = next(value for value in outputs.values() if value.dtype == np.int32)
            decoder.set_tensor(
                decoder.get_input_details()[0]["index"], decode(encoding_indices=codes)["output_0"]
            )
            decoder.invoke()
            frames.append(decoder.get_tensor(decoder.get_output_details()[0]["index"])[0].copy())
        return np.concatenate(frames)[: len(wave)], LYRA_BITS[kbps] * len(frames)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - a program found on the path


def _fitted(wave: Wave, length: int) -> Wave:
    return np.pad(wave, (0, max(0, length - len(wave))))[:length]
