"""The codec as a differentiable function, for use as a loss or for fine-tuning."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from speechvq.codec.decoding import checked_embedding
from speechvq.codec.network import Network
from speechvq.errors import AudioError, shown
from speechvq.nn.isolation import isolated
from speechvq.nn.precision import check_weights
from speechvq.nn.speaker import rounded


@dataclass(frozen=True)
class Reconstruction:
    """What the codec makes of waveforms, with gradients.

    waves: decoded (b, t), as long as what was encoded
    latents: the decoder's input (b, d, f), as `Codec.latents` gives it for the codes
    codes: of each codebook (b, f), as `Codec.encode` chooses them
    speaker_embedding: (b, n), rounded as in a code file
    """

    waves: Tensor
    latents: Tensor
    codes: tuple[Tensor, ...]
    speaker_embedding: Tensor


@isolated()
def reconstruct(
    network: Network,
    waves: Tensor,
    n_codebooks: int | None = None,
    speaker_embedding: Tensor | None = None,
) -> Reconstruction:
    """Encode and decode waveforms (b, t) at the model's rate, with straight-through gradients.

    The codes are those of inference. Gradients pass each level's quantizers and the rounding of the
    embedding as if these were the identity (Bengio et al. 2013), and reach the codewords that were
    chosen, if these are trained by gradient.
    n_codebooks: how many codebooks to keep, all by default
    speaker_embedding: (b, n) to decode with, in place of that of the waveforms
    Raises AudioError for other waveforms, and SpeakerError for another embedding.
    """
    check_weights(network)
    wave = _checked(waves).to(network.device).unsqueeze(1)
    samples = wave.shape[-1]
    codebooks_left = sum(network.topdown.counts) if n_codebooks is None else n_codebooks
    features = network.features(wave)
    state = features[0].new_zeros(len(wave), network.topdown.state, features[0].shape[-1])
    codes: list[Tensor] = []
    levels = zip(network.topdown.levels, features, network.topdown.counts, strict=True)
    for index, (level, feature, count) in enumerate(levels):
        state = network.topdown.up[index - 1](state) if index else state
        n = min(codebooks_left, count)
        codebooks_left -= n
        if not n:
            state = level.decode([], state)
            continue
        latent = level.latent(feature, state)
        codes += (chosen := level.quantizer.encode(latent.detach(), n))
        hard = level.quantizer.decode(chosen)
        state = state + level.add(hard + (latent - latent.detach()))  # equals `hard`
    if speaker_embedding is None:
        padded = functional.pad(wave, (0, network.config.window))
        ends = torch.full((len(wave),), samples, device=wave.device)
        begin = network.reference.initial_state(len(wave))
        reference = network.reference.step(padded, begin, ends)
        speaker_embedding = rounded(network.reference.finish(reference, ends))
    else:
        speaker_embedding = checked_embedding(network, speaker_embedding, len(wave))
    decoded = network.synthesize(state, speaker_embedding)[:, 0, :samples]
    return Reconstruction(decoded, state, tuple(codes), speaker_embedding)


def _checked(waves: object) -> Tensor:
    """Waveforms (b, t) in float32, with their gradients. Raises AudioError."""
    if (
        not isinstance(waves, Tensor)
        or waves.ndim != 2
        or not waves.numel()
        or not waves.is_floating_point()
        or waves.layout != torch.strided
        or waves.is_nested
        or waves.device.type == "meta"
    ):
        raise AudioError(
            "reconstruct takes a tensor (b, t) of floating-point numbers with b and t at least 1, "
            f"not {shown(waves)}"
        )
    if not waves.isfinite().all():
        raise AudioError("the waveforms hold samples that are not finite numbers")
    return waves.float()
