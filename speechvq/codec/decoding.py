"""Before codes are decoded: whether they fit the model, and the speaker embedding to use."""

import math

import numpy as np
from torch import Tensor

from speechvq.codec.network import Network
from speechvq.codec.voices import Voice, checked_voices
from speechvq.codes import CodebookShape, Codes, ModelId
from speechvq.errors import CodesError, ConfigError, WrongModel
from speechvq.nn.speaker import beyond, unpack_embeddings

STRENGTH = 0.5
"""The default strength of a conversion; it outweighs what codes hold of the source's voice."""


def check(codes: Codes, model: ModelId, network: Network) -> None:
    """Raises WrongModel for codes of another model, and CodesError for codes that do not fit it."""
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


def unpacked(network: Network, packed: bytes) -> Tensor:
    """A packed speaker embedding as the decoder takes it, (1, n)."""
    rows = np.frombuffer(packed, np.uint8)[None]
    return unpack_embeddings(rows, network.config.speaker.size).to(network.device)


def embedding_for(network: Network, codes: Codes, voice: Voice | None, strength: float) -> Tensor:
    """The speaker embedding (1, n) for codes, converted to a voice if there is one.

    strength: 0 takes the embedding of the voice as it is, 0.5 goes half as far again beyond it,
      seen from that of the source
    Raises ConfigError for a strength that is not a finite number, and SpeakerError for a voice that
    does not fit.
    """
    if not math.isfinite(strength):
        raise ConfigError(f"the strength of a conversion must be a finite number, not {strength}")
    source = unpacked(network, codes.speaker_embedding)
    if voice is None:
        return source
    checked_voices([voice], network.config.speaker.size)
    return beyond(source, unpacked(network, voice.embedding), strength)
