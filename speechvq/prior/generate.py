"""Generated speech: codes sampled from the prior, to be decoded by the codec."""

import math

import numpy as np
import torch

from speechvq.codec.codec import Codec
from speechvq.codes import Codes
from speechvq.errors import CodesError, ConfigError
from speechvq.limits import instance, real_number, whole_number
from speechvq.nn.isolation import isolated
from speechvq.prior.file import Prior
from speechvq.prior.sampling import sample
from speechvq.prior.score import check_codec, embedding_of

MAX_SECONDS = 3600.0
"""The longest speech that is generated at once; a request for more is probably a typo."""

SEEDS = range(1 << 63)


@isolated()
def generate(
    codec: Codec,
    prior: Prior,
    *,
    seconds: float,
    seed: int = 0,
    speaker: str | None = None,
    temperature: float = 1.0,
    top_p: float = 1.0,
    prompt: Codes | None = None,
) -> Codes:
    """Codes of `seconds` of generated speech, after those of the prompt if there is one.

        prior = speechvq.load_prior()
        codes = speechvq.generate(codec, prior, seconds=5, speaker="slt", seed=1)
        wave = codec.decode(codes)

    speaker: name of a voice of the model; by default the prompt's speaker, or one drawn by `seed`
    temperature: divides the logits; 0 takes the most probable code at each step
    top_p: draws from the smallest set of codes with this total probability
    prompt: codes of all codebooks, made by the same model
    Raises WrongModel for a prior of another model, SpeakerError for an unknown speaker,
    ConfigError for numbers out of range, and CodesError or ModelError for what is no prompt, no
    codec or no prior.
    """
    check_codec(codec, prior)
    shapes, coarsest = codec.shapes, codec.shapes[0].hop
    prior.check(codec.model, len(shapes))
    seed = whole_number(seed, SEEDS, ConfigError, "the seed")
    seconds = real_number(seconds, ConfigError, "the number of seconds")
    if not 0 < seconds <= MAX_SECONDS:
        raise ConfigError(
            f"the number of seconds must be above 0 and at most {MAX_SECONDS:g}, not {seconds:g}"
        )
    if prompt is not None:
        instance(prompt, Codes, CodesError, "a prompt is Codes, as encode gives them")
    if prompt is not None and (prompt.model != codec.model or len(prompt.shapes) != len(shapes)):
        raise ConfigError(
            f"the prompt must have all {len(shapes)} codebooks of {codec.model}: encode it again"
        )
    generator = torch.Generator().manual_seed(seed)
    packed = _speaker_embedding(codec, speaker, prompt, generator)
    begun, rows = (prompt.frames[0], prompt.codebooks) if prompt is not None else (0, ())
    coarse_frames = begun + math.ceil(seconds * codec.sample_rate / coarsest)
    samples, device = coarse_frames * coarsest, prior.network.device
    codebooks = sample(
        prior.network,
        [samples // shape.hop for shape in shapes],
        generator=generator,
        speaker_embedding=embedding_of(prior, packed),
        temperature=temperature,
        top_p=top_p,
        prompt=[torch.from_numpy(row.astype(np.int64))[None].to(device) for row in rows],
    )
    arrays = tuple(codes[0].cpu().numpy().astype(np.uint16) for codes in codebooks)
    rate = codec.sample_rate
    return Codes(codec.model, rate, rate, samples, shapes, arrays, packed)


def _speaker_embedding(
    codec: Codec, speaker: str | None, prompt: Codes | None, generator: torch.Generator
) -> bytes:
    """The packed embedding of the named speaker, of the prompt's, or of a random voice."""
    if speaker is not None:
        return codec.voice(speaker).embedding
    if prompt is not None:
        return prompt.speaker_embedding
    if not codec.voices:
        raise ConfigError(f"{codec.model} has no voices: give a prompt")
    return codec.voices[int(torch.randint(len(codec.voices), (1,), generator=generator))].embedding
