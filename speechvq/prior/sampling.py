"""Drawing codes from the prior, from nothing or from the codes of a beginning."""

from collections.abc import Sequence

import torch
from torch import Tensor

from speechvq.errors import ConfigError
from speechvq.prior.network import Prior, Stream


@torch.no_grad()
def sample(
    prior: Prior,
    frames: Sequence[int],
    *,
    generator: torch.Generator,
    speaker: Tensor | None = None,
    temperature: float = 1.0,
    top_p: float = 1.0,
    prompt: Sequence[Tensor] = (),
) -> list[Tensor]:
    """Codes (b, n) of as many codebooks as `frames` has numbers of codes, all coarser codebooks first.

    speaker: vectors (b, s); b recordings are drawn side by side, one where there is neither speaker
      nor prompt
    temperature: logits are divided by it; 0 takes the most probable code
    top_p: draws are from the fewest codes that together have this probability (Holtzman et al.
      2020)
    prompt: codes (b, m) each codebook begins with, kept as they are
    Raises ConfigError for numbers that make no sense.
    """
    if not temperature >= 0:
        raise ConfigError(f"the temperature must not be negative, not {temperature}")
    if not 0 < top_p <= 1:
        raise ConfigError(f"top-p must be above 0 and at most 1, not {top_p}")
    if not 0 < len(frames) <= len(prior.streams) or len(prompt) > len(frames):
        raise ConfigError(
            f"this prior has {len(prior.streams)} codebooks, not {len(frames)} or {len(prompt)}"
        )
    batch = {len(one) for one in (*prompt, *([] if speaker is None else [speaker]))} or {1}
    if len(batch) > 1:
        raise ConfigError(
            f"speaker vectors and prompts are of {' and '.join(map(str, sorted(batch)))} recordings"
        )
    empty = torch.zeros(max(batch), 0, dtype=torch.long, device=next(prior.parameters()).device)
    found: list[Tensor] = []
    given = [*prompt, *[empty] * (len(frames) - len(prompt))]
    for stream, count, beginning in zip(prior.streams, frames, given, strict=False):
        condition = stream.condition(found, count, speaker)
        drawn = (generator, temperature, top_p)
        found.append(
            _continued(
                stream, condition.expand(len(beginning), -1, -1), beginning[:, :count], drawn
            )
        )
    return found


def _continued(
    stream: Stream, condition: Tensor, codes: Tensor, drawn: tuple[torch.Generator, float, float]
) -> Tensor:
    """Codes (b, m) and those that follow, up to the condition's length."""
    batch, count = len(codes), codes.shape[1]
    out = codes.new_empty(batch, condition.shape[-1])
    out[:, :count] = codes
    state = stream.wavenet.initial_state(batch)
    before = codes.new_full((batch, 1), stream.size)
    if count:  # the prompt in one pass; its last code is the first step's input
        seen = torch.cat([before, codes[:, :-1]], 1)
        _, state = stream.wavenet.step(
            stream.before(seen).transpose(1, 2), condition[..., :count], state
        )
    last = codes[:, -1] if count else None
    for place in range(count, condition.shape[-1]):
        logits, state = stream.step(last, condition[..., place : place + 1], state)
        last = choose(logits, *drawn)
        out[:, place] = last
    return out


def choose(logits: Tensor, generator: torch.Generator, temperature: float, top_p: float) -> Tensor:
    """One code (b,) of logits (b, k)."""
    if not temperature:
        return logits.argmax(1)
    above = logits.double() - logits.double().amax(
        1, keepdim=True
    )  # so that no temperature is too low
    probabilities = torch.softmax(above / temperature, 1)
    if top_p < 1:
        ordered, order = probabilities.sort(1, descending=True)
        beyond = ordered.cumsum(1) - ordered >= top_p
        probabilities = torch.zeros_like(ordered).scatter(1, order, ordered.masked_fill(beyond, 0))
    return torch.multinomial(probabilities, 1, generator=generator)[:, 0]
