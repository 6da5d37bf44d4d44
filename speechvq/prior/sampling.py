"""Sampling codes from the prior, from the start or as a continuation of given codes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from speechvq.errors import ConfigError
from speechvq.limits import finite_number
from speechvq.nn.isolation import isolated
from speechvq.prior.network import PriorNetwork, Stream


@dataclass(frozen=True)
class CodeSampler:
    """How one code is drawn from its logits.

    temperature: divides the logits; 0 takes the most probable code
    top_p: draws from the smallest set of codes with this total probability (nucleus sampling,
      Holtzman et al. 2020)
    Raises ConfigError for values out of range.
    """

    generator: torch.Generator
    temperature: float = 1.0
    top_p: float = 1.0

    def __post_init__(self) -> None:
        for name, what in {"temperature": "the temperature", "top_p": "top-p"}.items():
            object.__setattr__(self, name, finite_number(getattr(self, name), ConfigError, what))
        if self.temperature < 0:
            raise ConfigError(f"the temperature must not be negative, not {self.temperature}")
        if not 0 < self.top_p <= 1:
            raise ConfigError(f"top-p must be above 0 and at most 1, not {self.top_p}")

    def __call__(self, logits: Tensor) -> Tensor:
        """One code (b,) for each row of logits (b, k)."""
        if not self.temperature:
            return logits.argmax(1)
        device, logits = logits.device, logits.cpu()  # where the generator is
        # the maximum is subtracted first, so that a low temperature does not overflow
        relative = logits.double() - logits.double().amax(1, keepdim=True)
        probability = torch.softmax(relative / self.temperature, 1)
        if self.top_p < 1:
            ordered, order = probability.sort(1, descending=True)
            outside = ordered.cumsum(1) - ordered >= self.top_p
            nucleus = ordered.masked_fill(outside, 0)
            probability = torch.zeros_like(ordered).scatter(1, order, nucleus)
        return torch.multinomial(probability, 1, generator=self.generator)[:, 0].to(device)


@isolated()
@torch.no_grad()
def sample(
    network: PriorNetwork,
    frames: Sequence[int],
    *,
    generator: torch.Generator,
    speaker_embedding: Tensor | None = None,
    temperature: float = 1.0,
    top_p: float = 1.0,
    prompt: Sequence[Tensor] = (),
) -> list[Tensor]:
    """Codes (b, n_l) of the first codebooks, drawn codebook by codebook, coarse first.

    frames: the number n_l of codes of each codebook
    speaker_embedding: (b, s); b recordings are drawn in parallel, one where there is neither an
      embedding nor a prompt
    temperature, top_p: see `CodeSampler`
    prompt: codes (b, m_l) with which each codebook begins; they are kept
    Raises ConfigError for values out of range and for sizes that do not fit together.
    """
    sampler = CodeSampler(generator, temperature, top_p)
    if not 0 < len(frames) <= len(network.streams) or len(prompt) > len(frames):
        raise ConfigError(
            f"this prior has {len(network.streams)} codebooks, not {len(frames)} or {len(prompt)}"
        )
    embeddings = [] if speaker_embedding is None else [speaker_embedding]
    batches = {len(tensor) for tensor in (*prompt, *embeddings)} or {1}
    if len(batches) > 1:
        raise ConfigError(
            "speaker embeddings and prompts are of "
            f"{' and '.join(map(str, sorted(batches)))} recordings: give one embedding for each"
        )
    device = network.device
    empty = torch.zeros(max(batches), 0, dtype=torch.long, device=device)
    prompts = [*prompt, *[empty] * (len(frames) - len(prompt))]
    codebooks: list[Tensor] = []
    for stream, count, begun in zip(network.streams, frames, prompts, strict=False):
        condition = stream.condition(codebooks, count, speaker_embedding)
        condition = condition.expand(len(begun), -1, -1)
        codebooks.append(_continue(stream, condition, begun[:, :count], sampler))
    return codebooks


def _continue(stream: Stream, condition: Tensor, prompt: Tensor, sampler: CodeSampler) -> Tensor:
    """The codes (b, m) of the prompt and those drawn after them: (b, n), one a frame."""
    batch, begun = prompt.shape
    codes = prompt.new_empty(batch, condition.shape[-1])
    codes[:, :begun] = prompt
    state = stream.wavenet.initial_state(batch)
    if begun:  # all of the prompt in one step; its last code is the input of the first draw
        inputs = stream.inputs(prompt)
        _, state = stream.wavenet.step(inputs, condition[..., :begun], state)
    previous = prompt[:, -1] if begun else None
    for position in range(begun, condition.shape[-1]):
        logits, state = stream.step(previous, condition[..., position : position + 1], state)
        codes[:, position] = previous = sampler(logits)
    return codes
