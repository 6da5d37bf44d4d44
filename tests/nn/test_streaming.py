"""Chunked equals whole, for every layer and for the network, over random chunkings."""

import math
import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from speechvq.nn.blocks import Block
from speechvq.nn.conv import Conv, Upsample
from speechvq.nn.encoder import StageConfig
from speechvq.nn.spectral import Analysis, Synthesis
from speechvq.nn.streaming import Chain, Step
from tests.helpers.networks import tiny_network

LAYERS = {
    "conv": lambda: Conv(6, 4, 7, lookahead=2),
    "strided": lambda: Conv(6, 4, 5, stride=3, lookahead=1),
    "block": lambda: Block(6, kernel=5, lookahead=1, expansion=2),
    "upsample": lambda: Upsample(6, 4, 3),
    "synthesis": lambda: Synthesis(32, 8, 6),
    "chain": lambda: Chain(
        [
            Conv(6, 4, 4, stride=2),
            *StageConfig(width=4, lookahead=(1, 2)).blocks(),
            Upsample(4, 3, 2),
        ]
    ),
}


def chunked(layer: Step, x: torch.Tensor, cuts: list[int]) -> torch.Tensor:
    state, outputs = layer.initial_state(len(x)), []
    for first, last in zip([0, *cuts], [*cuts, x.shape[-1]], strict=True):
        y, state = layer.step(x[..., first:last], state)
        outputs.append(y)
    return torch.cat(outputs, -1)


@pytest.mark.parametrize("name", LAYERS)
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_chunks_give_the_outputs_of_one_pass(name, data):
    torch.manual_seed(0)
    layer = LAYERS[name]().eval()
    length = data.draw(st.integers(0, 60))
    cuts = sorted(data.draw(st.lists(st.integers(0, length), max_size=6)))
    x = torch.randn(2, 6, length)
    with torch.inference_mode():
        whole, pieces = layer(x), chunked(layer, x, cuts)
    assert pieces.shape == whole.shape
    torch.testing.assert_close(pieces, whole, rtol=1e-5, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 700), max_size=5), phase=st.booleans())
def test_chunks_give_the_spectra_of_one_pass(cuts, phase):
    torch.manual_seed(0)
    layer = Analysis(64, 16, 6, phase=phase).eval()
    x = torch.randn(1, 1, 700)
    with torch.inference_mode():
        torch.testing.assert_close(chunked(layer, x, sorted(cuts)), layer(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", LAYERS)
def test_the_number_of_outputs_follows_from_stride_and_lookahead(name):
    """The first m outputs need exactly m * stride + lookahead inputs."""
    layer = LAYERS[name]().eval()
    whole = dict.fromkeys(LAYERS, 1) | {"strided": 3, "chain": 2}  # inputs that go through together
    for length in range(1, 50):
        count = layer(torch.randn(1, 6, length)).shape[-1]
        assert count == max(
            0, int((length - layer.lookahead) // whole[name] * whole[name] / layer.stride)
        )


def test_a_conv_is_the_textbook_convolution():
    layer = Conv(3, 2, 5, lookahead=1).eval()
    x = torch.randn(1, 3, 20)
    padded = torch.nn.functional.pad(x, (3, 1))
    expected = torch.stack(
        [
            (padded[0, None, :, j : j + 5] * layer.conv.weight).sum((1, 2)) + layer.conv.bias
            for j in range(20)
        ],
        -1,
    )
    torch.testing.assert_close(layer(functional.pad(x, (0, 1)))[0], expected, rtol=1e-5, atol=1e-6)


def test_analysis_then_ideal_synthesis_returns_the_wave():
    """With the true spectrum for the predicted one, overlap-add inverts the analysis."""
    synthesis = Synthesis(64, 16, 4)
    window = torch.hann_window(64)
    x = torch.randn(1, 800)
    frames = functional.pad(x, (32, 0)).unfold(-1, 64, 16)
    synthesis.frames = lambda *_: (
        torch.fft.irfft(torch.fft.rfft(frames * window), 64) * synthesis.window
    )
    y = synthesis(torch.zeros(1, 4, frames.shape[1]))[0, 0]
    torch.testing.assert_close(y[32:], x[0, 32 : len(y)], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("bin_", [3, 10])
def test_a_sine_in_the_middle_of_a_bin_has_the_same_features_in_every_frame(bin_):
    """Low frequencies are emphasised, and the power is 0.3."""
    layer = Analysis(256, 64, 6, phase=True).eval()
    wave = (
        0.5
        * torch.cos(
            2 * torch.pi * bin_ / 256 * torch.arange(2560, dtype=torch.float64) + 0.7
        ).float()
    )
    frames = functional.pad(wave[None], (128, 0)).unfold(-1, 256, 64)
    log, real, imag = layer.features(frames, 0)[0, 4:, bin_::129].T
    gain = 20.0 if bin_ == 3 else 2.0
    gain *= (-1) ** bin_  # phases are those at the beginning of the window, not in its middle
    assert log.tolist() == pytest.approx([math.log(0.25) / 4 + 2] * len(log), abs=1e-3)
    assert real.tolist() == pytest.approx([gain * 0.25**0.3 * math.cos(0.7)] * len(log), rel=1e-2)
    assert imag.tolist() == pytest.approx([gain * 0.25**0.3 * math.sin(0.7)] * len(log), rel=1e-2)
    same = layer.features(frames[:, 5:], 5)[0]
    torch.testing.assert_close(same, layer.features(frames, 0)[0, 5:], rtol=1e-5, atol=1e-5)


def test_a_steady_hidden_state_synthesizes_steady_sines():
    """The same spectrum in every frame: every frequency goes on without a jump."""
    torch.manual_seed(0)
    layer = Synthesis(256, 64, 4).eval()
    layer.linear.weight.data.zero_()
    layer.linear.bias.data[:129] = -5.0
    layer.linear.bias.data[10] = 1.0
    layer.linear.bias.data[129:258] = 0.3  # cosine of the phase, before it is normalised
    layer.linear.bias.data[258:] = 0.4
    with torch.inference_mode():
        wave = layer(torch.randn(1, 4, 40))[0, 0, 256:-256].double()
    time = torch.arange(256, 256 + len(wave), dtype=torch.float64)
    sine = torch.cos(
        2 * torch.pi * 10 / 256 * time + torch.atan2(torch.tensor(0.4), torch.tensor(0.3))
    )
    assert (wave @ sine) / (wave.norm() * sine.norm()) > 0.999


def test_network_codes_do_not_depend_on_chunks():
    network = tiny_network()
    x = 0.1 * torch.randn(1, 1, 30 * network.hop)
    padded = functional.pad(x, (0, network.encoder_lookahead))
    for seed in range(5):
        chooser, position, state, result = random.Random(seed), 0, network.initial_encoder(1), []
        while position < padded.shape[-1]:
            size = chooser.choice([1, 7, network.hop, 5 * network.hop + 3])
            codes, state = network.encode_step(padded[..., position : position + size], state)
            position += size
            result.append(codes)
        pieces = [torch.cat(parts, -1) for parts in zip(*result, strict=True)]
        for part, whole in zip(pieces, network.encode(x), strict=True):
            assert torch.equal(part, whole)


@pytest.mark.parametrize("late", [False, True], ids=["with the last codes", "after them"])
def test_network_wave_does_not_depend_on_chunks(late):
    network = tiny_network()
    codes = network.encode(0.1 * torch.randn(1, 1, 20 * network.hop))
    vector = torch.zeros(1, network.config.speaker.size)
    whole = network.decode(codes, vector)
    assert whole.shape == (1, 1, 20 * network.hop)
    state, result = network.initial_decoder(1), []
    for first in range(0, 20, 3):
        ratio = [len(row[0]) // 20 for row in codes]
        part = [row[:, first * r : (first + 3) * r] for row, r in zip(codes, ratio, strict=True)]
        wave, state = network.decode_step(part, vector, state, last=first >= 18 and not late)
        result.append(wave)
    if late:
        result.append(
            network.decode_step([row[:, :0] for row in codes], vector, state, last=True)[0]
        )
    torch.testing.assert_close(
        torch.cat(result, -1)[..., : whole.shape[-1]], whole, rtol=1e-4, atol=1e-6
    )


def test_latency_is_what_the_network_says():
    """No sound reaches back further than the latency, and some all but two hops of it."""
    network = tiny_network().double()
    hop, length = network.hop, 40 * network.hop
    x = 0.1 * torch.randn(1, 1, length, dtype=torch.float64)
    vector = torch.zeros(1, network.config.speaker.size, dtype=torch.float64)
    skip = torch.tensor([True])  # unquantized, so that the slightest change is heard
    quiet, _ = network(x, vector, torch.tensor([1]), bypass=skip)
    earliest = 0
    for place in range(20 * hop, 22 * hop, 3):
        changed = x.clone()
        changed[..., place:] += 0.5
        loud, _ = network(changed, vector, torch.tensor([1]), bypass=skip)
        first = int((loud - quiet).abs()[0, 0].gt(1e-12).nonzero()[0])
        assert place - first < network.latency
        earliest = max(earliest, place - first)
    assert earliest > network.latency - 2 * network.config.hop  # windows are zero at their ends


def test_a_kernel_shorter_than_its_stride_and_lookahead_is_refused():
    with pytest.raises(ValueError, match="kernel 2 is shorter than stride 2 plus look-ahead 1"):
        Conv(1, 1, 2, stride=2, lookahead=1)
