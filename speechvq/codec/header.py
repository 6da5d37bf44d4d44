"""What a model file says of its model, read without torch and without unpacking a weight.

A model file is a safetensors file: weights in half precision, no code. Its metadata entry
`speechvq` holds JSON:

    {"format": 1, "name": ..., "codec": {the configuration}, "voices": [{"name": ..., "embedding":
    hex, "metadata": {...}}, ...]}

Its identity is the SHA-256 of the whole file, so codes name exactly the weights that made them.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speechvq import shipped
from speechvq.codec.former import current_config, current_voice
from speechvq.codec.voices import Voice, checked_voices
from speechvq.codes import CodebookShape, ModelId
from speechvq.codes.record import bitrates
from speechvq.errors import ModelError, SpeechVQError, shown
from speechvq.input import checked_path
from speechvq.limits import (
    CODEBOOKS,
    DIGEST_BYTES,
    EMBEDDING_BYTES,
    KERNELS,
    RATES,
    STAGES,
    WINDOWS,
    whole_number,
)
from speechvq.weights import WeightsFile, read_weights

ENTRY, FORMAT = "speechvq", 1


@dataclass(frozen=True)
class ModelHeader:
    """A model as its file describes it.

    config: the configuration of the network, as a dict
    parameters: numbers in its weights
    """

    model: ModelId
    config: dict[str, Any]
    voices: tuple[Voice, ...]
    parameters: int

    @property
    def sample_rate(self) -> int:
        """Rate in Hz at which the network works."""
        return self.config["sample_rate"]

    @property
    def content_codebooks(self) -> int:
        """The number of codebooks that a conversion keeps."""
        return self.config["content_codebooks"]

    @property
    def shapes(self) -> tuple[CodebookShape, ...]:
        """All codebooks, coarse first."""
        hops = self._encoder_hops()
        return tuple(
            CodebookShape(hops[level["stage"]], level["quantizer"]["codebook_size"])
            for level in self.config["levels"]
            for _ in range(level["codebooks"])
        )

    @property
    def bitrates(self) -> tuple[float, ...]:
        """Nominal bits per second of every prefix, from one codebook to all."""
        return bitrates(self.shapes, self.sample_rate)

    @property
    def latency(self) -> int:
        """Samples from a sound going in to the same sound coming out, when both run live.

        A frame of the coarsest level, and what the encoder and the decoder look ahead: half a
        window at either end, and every block its frames.
        """
        window, hop = self.config["window"], self.config["hop"]
        hops, coarsest = self._encoder_hops(), self.config["levels"][0]["stage"]
        encoder = list(zip(self.config["encoder"], hops, strict=True))[: coarsest + 1]
        strides = [stage["stride"] for stage in reversed(self.config["decoder"])]
        rising = itertools.accumulate(
            [hop, *strides[:-1]], lambda samples, stride: samples * stride
        )
        decoder = zip(reversed(self.config["decoder"]), rising, strict=True)
        ahead = sum(sum(stage["lookahead"]) * samples for stage, samples in (*encoder, *decoder))
        return hops[coarsest] + window - window // 2 - hop + ahead + hop * -(-(window // 2) // hop)

    def _encoder_hops(self) -> list[int]:
        """Samples per frame of each stage of the encoder."""
        strides = (stage["stride"] for stage in self.config["encoder"])
        return list(
            itertools.accumulate(
                strides, lambda samples, stride: samples * stride, initial=self.config["hop"]
            )
        )[1:]


def read_model(path: str | Path | None = None) -> tuple[ModelHeader, WeightsFile]:
    """The header of a model file, or of the default model, and the file with its weights packed.

    Raises ModelError.
    """
    path = shipped.MODEL if path is None else checked_path(path, ModelError, "model file")
    file = read_weights(path, ENTRY, "model", FORMAT)
    return model_header(file), file


def model_header(file: WeightsFile) -> ModelHeader:
    """What a file says of its model. Raises ModelError."""
    try:
        config = current_config(file.header["codec"])
        _check_numbers(config)
        voices = checked_voices(_voices(file.header["voices"]), config["speaker"]["size"])
        model = ModelId(file.header["name"], file.digest[:DIGEST_BYTES])
        header = ModelHeader(model, config, voices, file.parameters)
        _check(header, len(file.shapes))
    except KeyError as error:
        raise _damaged(file, f"it lacks {shown(error.args[0])}") from error
    except (IndexError, TypeError, ValueError, AttributeError, SpeechVQError) as error:
        raise _damaged(file, error) from error
    return header


def _damaged(file: WeightsFile, reason: object) -> ModelError:
    return ModelError(f"{file.path} is damaged or made by another speechvq: {reason}")


def _check_numbers(config: dict[str, Any]) -> None:
    """Raises an error of any kind where the numbers that are used here are not what they must be.

    `CodecConfig` checks all others when the network is built.
    """
    stages = [*config["encoder"], *config["decoder"]]
    whole_number(len(stages), range(2, 2 * STAGES + 1), ModelError, "the number of its stages")
    numbers = [
        *((config, key, range(1, WINDOWS.stop)) for key in ("window", "hop")),
        *((stage, "stride", KERNELS) for stage in stages),
        *((level, "stage", range(STAGES)) for level in config["levels"]),
        *((level, "codebooks", range(1, CODEBOOKS + 1)) for level in config["levels"]),
        (config, "sample_rate", RATES),
        (config, "content_codebooks", range(1, CODEBOOKS + 1)),
        (config["speaker"], "size", range(1, 2 * EMBEDDING_BYTES + 1)),
    ]
    for table, key, within in numbers:
        whole_number(table[key], within, ModelError, f"its {key}")
    for stage in stages:
        for ahead in stage["lookahead"]:
            whole_number(ahead, range(KERNELS.stop), ModelError, "its lookahead")


def _check(header: ModelHeader, tensors: int) -> None:
    """Raises an error of any kind for a configuration from which no shapes or no latency follow.

    It is also compared with the number of tensors, so that a small file cannot ask for much.
    """
    if not header.shapes or header.latency <= 0:
        raise ValueError("its network has no codebooks")
    if len(header.shapes) > CODEBOOKS:
        raise ValueError(f"its network has {len(header.shapes)} codebooks, more than {CODEBOOKS}")
    stages = [*header.config["encoder"], *header.config["decoder"]]
    if sum(len(stage["lookahead"]) for stage in stages) > tensors:
        raise ValueError("its network has more blocks than its file has weights")


def _voices(rows: list[dict[str, Any]]) -> Iterator[Voice]:
    """Raises an error of any kind."""
    for current in map(current_voice, rows):
        yield Voice(current["name"], bytes.fromhex(current["embedding"]), current["metadata"])
