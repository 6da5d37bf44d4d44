"""Before codes are decoded: whether they fit the model, and the speaker embedding to use."""

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from speechvq.codec.network import Network
from speechvq.codec.voices import Voice, checked_voices
from speechvq.codes import CodebookShape, Codes, ModelId
from speechvq.codes.record import as_array, checked_codes
from speechvq.errors import CodesError, ConfigError, SpeakerError, WrongModel, shown
from speechvq.limits import COMMON_RATE, MEMORY_SAMPLES, finite_number
from speechvq.nn.isolation import isolated
from speechvq.nn.speaker import beyond, unpack_embeddings

STRENGTH = 0.5
"""The default strength of a conversion; it outweighs what codes hold of the source's voice."""


def check(codes: Codes, model: ModelId, network: Network) -> None:
    """Raises WrongModel for codes of another model, and CodesError for codes that do not fit it."""
    if not isinstance(codes, Codes):
        raise CodesError(f"codes are Codes, as encode and read_codes give them, not {shown(codes)}")
    if codes.model != model:
        raise WrongModel(
            f"the codes were made by model {codes.model}, this is {model}; give the right one with "
            "--model"
        )
    config = network.config
    shapes = tuple(CodebookShape(*pair) for pair in config.codebooks[: len(codes.shapes)])
    fits = codes.sample_rate == config.sample_rate and codes.shapes == shapes
    if not fits or len(codes.speaker_embedding) * 2 < config.speaker.size:
        raise CodesError(
            "the rate, codebooks or speaker embedding of the codes do not fit the model that they "
            "name"
        )


def check_memory(codes: Codes, sample_rate: int) -> None:
    """Raises CodesError for codes whose sound is out of proportion to them, before any work.

    A few hundred bytes of codes can name a high rate, and the sound would take gigabytes.
    sample_rate: of the model
    """
    highest_rate = max(COMMON_RATE, sample_rate)
    if codes.source_rate > highest_rate and codes.samples > MEMORY_SAMPLES:
        raise CodesError(
            f"{codes.samples} samples at {codes.source_rate} Hz are too many to decode in memory: "
            f"above {highest_rate} Hz at most {MEMORY_SAMPLES} are; decode them into a file with "
            "`decode_file`, or in parts"
        )


def unpacked(network: Network, packed: bytes) -> Tensor:
    """A packed speaker embedding as the decoder takes it, (1, n)."""
    rows = np.frombuffer(packed, np.uint8)[None]
    return unpack_embeddings(rows, network.config.speaker.size).to(network.device)


def checked_rows(network: Network, codebooks: Iterable[object]) -> list[NDArray[np.integer]]:
    """Codes (f,) of the first few codebooks, coarse first, of whole frames of the coarsest.

    Raises CodesError.
    """
    shapes = [CodebookShape(*pair) for pair in network.config.codebooks]
    try:
        rows = [as_array(index, codes) for index, codes in enumerate(codebooks)]
    except TypeError:
        raise CodesError(f"give a list of codes per codebook, not {shown(codebooks)}") from None
    if not 1 <= len(rows) <= len(shapes):
        raise CodesError(f"give the codes of 1 to {len(shapes)} codebooks, not of {len(rows)}")
    samples = rows[0].size * shapes[0].hop
    return [
        checked_codes(index, samples, row, shape, samples // shape.hop)
        for index, (row, shape) in enumerate(zip(rows, shapes, strict=False))
    ]


def checked_embedding(network: Network, embedding: object, batch: int) -> Tensor:
    """Speaker embeddings (b, n) as the decoder takes them. Raises SpeakerError."""
    size = network.config.speaker.size
    if (
        not isinstance(embedding, Tensor)
        or embedding.is_nested
        or embedding.shape != (batch, size)
        or not embedding.is_floating_point()
        or embedding.device.type == "meta"
        or not embedding.isfinite().all()
    ):
        raise SpeakerError(
            f"a speaker embedding is a tensor of shape ({batch}, {size}) of finite floating-point "
            f"numbers, not {shown(embedding)}"
        )
    return embedding.to(network.device, torch.float32)


@isolated()
def embedding_for(network: Network, codes: Codes, voice: Voice | None, strength: float) -> Tensor:
    """The speaker embedding (1, n) for codes, converted to a voice if there is one.

    strength: 0 takes the embedding of the voice as it is, 0.5 goes half as far again beyond it,
      seen from that of the source
    Raises ConfigError for a strength that is not a finite number, and SpeakerError for a voice that
    does not fit.
    """
    strength = finite_number(strength, ConfigError, "the strength of a conversion")
    source = unpacked(network, codes.speaker_embedding)
    if voice is None:
        return source
    checked_voices([voice], network.config.speaker.size)
    return beyond(source, unpacked(network, voice.embedding), strength)
