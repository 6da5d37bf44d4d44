"""Which speaker embedding codes are decoded with: their own, or beyond it that of another voice."""

import numpy as np
from torch import Tensor

from speechvq.codec.network import Network
from speechvq.codec.voices import Voice
from speechvq.codes import Codes
from speechvq.nn.speaker import beyond, unpack_embeddings

STRENGTH = 0.5
"""The default strength of a conversion: codes hold some of the source's voice, which it outweighs."""


def unpacked(network: Network, packed: bytes) -> Tensor:
    """A packed speaker embedding as the decoder takes it, (1, n)."""
    rows = np.frombuffer(packed, np.uint8)[None]
    return unpack_embeddings(rows, network.config.speaker.size).to(network.device)


def embedding_for(network: Network, codes: Codes, voice: Voice | None, strength: float) -> Tensor:
    """The speaker embedding (1, n) for codes, converted to a voice if there is one.

    strength: 0 takes the embedding of the voice as it is, 0.5 goes half as far again beyond it,
      seen from that of the source
    """
    source = unpacked(network, codes.speaker_embedding)
    if voice is None:
        return source
    return beyond(source, unpacked(network, voice.embedding), strength)
