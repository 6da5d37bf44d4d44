"""Speech that nobody said, drawn from the prior, and how surprising speech is to it."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from speechvq.codec.codec import Codec
from speechvq.codec.voices import find
from speechvq.codes import Codes
from speechvq.errors import ConfigError, WrongModel
from speechvq.prior.batches import vectors
from speechvq.prior.file import NamedPrior
from speechvq.prior.sampling import sample

LONGEST = 3600.0
"""Seconds that are drawn at most: a request for more is a slip of the finger."""


def generate(
    codec: Codec,
    named: NamedPrior,
    *,
    seconds: float,
    seed: int = 0,
    speaker: str | None = None,
    temperature: float = 1.0,
    top_p: float = 1.0,
    prompt: Codes | None = None,
) -> Codes:
    """Codes of `seconds` of new speech, after those of the prompt if there is one; to be decoded by the same codec.

    speaker: a voice of the model; without one the prompt's own, or one that the seed chooses
    prompt: codes of all codebooks of this model
    Raises WrongModel for a prior of other codes, SpeakerError, and ConfigError for numbers that
    make no sense.
    """
    check(named, codec, len(codec.shapes))
    if not 0 <= seed < 1 << 63:
        raise ConfigError(f"a seed is a whole number of 0 to 2^63 - 1, not {seed}")
    if not 0 < seconds <= LONGEST:
        raise ConfigError(
            f"give a number of seconds above 0 and at most {LONGEST:g}, not {seconds:g}"
        )
    if prompt is not None and (
        prompt.model != codec.model or len(prompt.shapes) != len(codec.shapes)
    ):
        raise ConfigError(
            f"the prompt must have all {len(codec.shapes)} codebooks of {codec.model}: encode it anew"
        )
    generator = torch.Generator().manual_seed(seed)
    voice = _voice(codec, speaker, prompt, generator)
    begun = prompt.frames[0] if prompt is not None else 0
    coarse = begun + math.ceil(seconds * codec.sample_rate / codec.shapes[0].hop)
    codebooks = sample(
        named.prior,
        [coarse * codec.shapes[0].hop // codebook.hop for codebook in codec.shapes],
        generator=generator,
        speaker=_vector(named, voice),
        temperature=temperature,
        top_p=top_p,
        prompt=[torch.from_numpy(codebook.astype(np.int64))[None] for codebook in prompt.codebooks]
        if prompt is not None
        else (),
    )
    samples = coarse * codec.shapes[0].hop
    found = tuple(codebook[0].numpy().astype(np.uint16) for codebook in codebooks)
    return Codes(
        codec.model, codec.sample_rate, codec.sample_rate, samples, codec.shapes, found, voice
    )


@dataclass(frozen=True)
class Score:
    """How many bits codes take under a prior.

    nominal: bits a second at fixed width
    mean: bits a second under the prior, over all
    bits: the same of each second (seconds,); the last one may be shorter, and is counted as if it
      went on
    codebooks: bits a code, of each codebook
    """

    nominal: float
    mean: float
    bits: NDArray[np.float64]
    codebooks: NDArray[np.float64]


@torch.no_grad()
def score(codec: Codec, named: NamedPrior, codes: Codes) -> Score:
    """What a recording's codes cost under the prior. Raises WrongModel."""
    if codes.model != codec.model:
        raise WrongModel(
            f"the codes were made by model {codes.model}, this is {codec.model}; give the right "
            "one with --model"
        )
    check(named, codec, len(codes.shapes))
    tensors = [torch.from_numpy(codebook.astype(np.int64))[None] for codebook in codes.codebooks]
    bits = [
        codebook[0].double().numpy() / math.log(2)
        for codebook in named.prior.nats(tensors, _vector(named, codes.speaker))
    ]
    seconds = codes.frames[0] * codes.shapes[0].hop / codes.sample_rate
    whole, total = math.ceil(seconds), sum(found.sum() for found in bits)
    sums, shares = np.zeros(whole), np.zeros(whole)
    for codebook, found in zip(codes.shapes, bits, strict=True):
        second = (np.arange(len(found)) * codebook.hop // codes.sample_rate).astype(np.int64)
        sums += np.bincount(second, found, whole)
        shares += np.bincount(
            second, np.full(len(found), codebook.hop / codes.sample_rate), whole
        ) / len(codes.shapes)
    return Score(
        codes.bits_per_second,
        float(total / seconds),
        sums / shares,
        np.array([found.mean() for found in bits]),
    )


def check(named: NamedPrior, codec: Codec, depth: int) -> None:
    """Raises WrongModel when a prior knows the codes of another model, or fewer than the first `depth` codebooks."""
    if named.model != codec.model:
        raise WrongModel(
            f"the prior {named.name} knows the codes of {named.model}, this is {codec.model}; "
            "give one for it with --prior"
        )
    if len(named.prior.shapes) < depth:
        raise WrongModel(
            f"the prior {named.name} knows {len(named.prior.shapes)} codebooks, the codes have "
            f"{depth}; give another one"
        )


def _voice(
    codec: Codec, speaker: str | None, prompt: Codes | None, generator: torch.Generator
) -> bytes:
    """The packed vector of the voice that speaks."""
    if speaker is not None:
        return find(codec.voices, speaker).vector
    if prompt is not None:
        return prompt.speaker
    if not codec.voices:
        raise ConfigError(f"{codec.model} knows no voices: give a prompt")
    return codec.voices[int(torch.randint(len(codec.voices), (1,), generator=generator))].vector


def _vector(named: NamedPrior, packed: bytes) -> torch.Tensor | None:
    return vectors(np.frombuffer(packed, np.uint8)[None]) if named.prior.speaker else None
