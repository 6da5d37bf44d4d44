"""The differentiable path and the latents: the values of encode and decode, with gradients."""

import itertools

import numpy as np
import pytest
import torch

import speechvq
from speechvq.errors import CodesError, ConfigError, WrongModel
from tests.audio.test_reading import noise


@pytest.mark.parametrize("length", [1, 700, 8000, 8033])
@pytest.mark.parametrize("n_codebooks", [None, 1, 2, 3])
def test_it_is_what_encode_and_decode_give(tiny, length, n_codebooks):
    wave = noise(length)
    codes = tiny.encode(wave, codebooks=n_codebooks)
    result = tiny.reconstruct(torch.from_numpy(wave)[None], n_codebooks=n_codebooks)
    assert all(
        np.array_equal(row[0], expected)
        for row, expected in zip(result.codes, codes.codebooks, strict=True)
    )
    assert result.waves.shape == (1, length)
    assert np.abs(result.waves[0].numpy() - tiny.decode(codes)).max() < 1e-5
    assert torch.equal(result.latents, tiny.latents(codes))


def test_the_default_model_and_a_batch(codec, speech):
    waves = torch.from_numpy(np.stack([speech[:16_000], speech[16_000:32_000]]))
    result = codec.reconstruct(waves)
    for index, wave in enumerate(waves.numpy()):
        codes = codec.encode(wave)
        same = [
            np.mean(row[index].numpy() == expected)
            for row, expected in zip(result.codes, codes.codebooks, strict=True)
        ]
        assert min(same) > 0.98  # of a batch: a code may sit on the border
        assert np.abs(result.waves[index].numpy() - codec.decode(codes)).mean() < 0.01


def test_gradients_reach_the_waveform_and_not_the_frozen_weights(tiny):
    wave = torch.from_numpy(noise(8000))[None].requires_grad_()
    for loss in (
        lambda result: result.waves.square().mean(),
        lambda result: result.latents.square().mean(),
        lambda result: result.speaker_embedding.square().mean(),
    ):
        wave.grad = None
        loss(tiny.reconstruct(wave)).backward()
        assert wave.grad.isfinite().all()
        assert wave.grad.abs().max() > 0
    assert all(parameter.grad is None for parameter in tiny.network.parameters())


def test_gradients_reach_the_weights_when_asked(model):
    codec = speechvq.load(model)
    codec.network.requires_grad_()
    codec.reconstruct(torch.from_numpy(noise(8000))[None]).waves.square().mean().backward()
    reached = {
        name.split(".")[0]
        for name, parameter in codec.network.named_parameters()
        if parameter.grad is not None and parameter.grad.abs().max() > 0
    }
    assert reached == {"encoder", "topdown", "decoder", "reference"}


def test_the_gradient_passes_the_quantizer_as_if_it_were_the_identity(tiny):
    """With one level of one codebook, d latents / d z is the map after the quantizer."""
    wave = torch.from_numpy(noise(640))[None].requires_grad_()
    level = tiny.network.topdown.levels[0]
    seen = []
    handle = level.inject.register_forward_hook(lambda *call: seen.append(call[2]))
    try:
        latents = tiny.reconstruct(wave, n_codebooks=1).latents
    finally:
        handle.remove()
    (gradient,) = torch.autograd.grad(latents.sum(), seen[0])
    z = seen[0].detach().requires_grad_()
    u = level.add(z.transpose(1, 2))
    up = tiny.network.topdown.up[0](u)
    (expected,) = torch.autograd.grad(tiny.network.topdown.levels[1].decode([], up).sum(), z)
    assert torch.allclose(gradient, expected, atol=1e-6)


def test_another_embedding_decodes_in_another_voice(tiny):
    wave = torch.from_numpy(noise(8000))[None]
    own = tiny.reconstruct(wave)
    other = tiny.reconstruct(wave, speaker_embedding=-own.speaker_embedding)
    assert torch.equal(own.latents, other.latents)
    assert (own.waves - other.waves).abs().max() > 1e-4


def test_latents_of_any_number_of_codebooks(tiny):
    codes = tiny.encode(noise(8000))
    assert tiny.latent_rate == 50
    seen = []
    for n in range(1, 5):
        latents = tiny.latents(codes, n)
        assert latents.shape == (1, 8, codes.frames[-1])
        assert torch.equal(latents, tiny.latents(codes.prefix(n)))
        assert not latents.requires_grad
        seen.append(latents)
    assert torch.equal(seen[-1], tiny.latents(codes))
    assert all(not torch.equal(a, b) for a, b in itertools.pairwise(seen))
    probe = torch.nn.Linear(8, 2)  # latents are ordinary tensors, which a probe can learn from
    probe(seen[0].transpose(1, 2)).sum().backward()
    assert probe.weight.grad is not None


def test_what_does_not_fit_is_refused(tiny, codec):
    codes = tiny.encode(noise(8000))
    with pytest.raises(WrongModel):
        codec.latents(codes)
    with pytest.raises(CodesError, match="the number of codebooks to keep"):
        tiny.latents(codes, 5)
    with pytest.raises(ConfigError, match="codebooks must be from 1 to 4, not 0"):
        tiny.reconstruct(torch.zeros(1, 8000), n_codebooks=0)
