"""Rate-distortion optimized encoding: cheaper codes that are nearly as good."""

import itertools

import numpy as np
import pytest
import soundfile
import torch

import speechvq
from speechvq.audio import reading as audio
from speechvq.codec.decoding import unpacked
from speechvq.codes import read_codes, read_header
from speechvq.codes.header import PRIOR
from speechvq.config import kinds
from speechvq.errors import ConfigError, WrongModel
from speechvq.prior.file import Prior, load_prior
from speechvq.prior.integer.coder import PriorCoder
from speechvq.prior.network import PriorConfig, PriorNetwork
from speechvq.prior.rate_distortion import PASSES, RateDistortion
from speechvq.prior.score import score
from speechvq.quantize.config import AnyQuantizerConfig, LevelConfig


@pytest.fixture(scope="module")
def prior(tiny):
    """A prior of the tiny model that was not trained, but has strong opinions."""
    torch.manual_seed(0)
    shapes = [(codebook.hop, codebook.size) for codebook in tiny.shapes]
    network = PriorNetwork(
        PriorConfig(width=8, skip=8, layers=3, cycle=3), shapes, tiny.network.config.speaker.size
    ).eval()
    with torch.no_grad():
        for value in network.parameters():
            value.mul_(2)
    return Prior(network, "p", tiny.model)


def latents(codec, wave):
    """What the first level quantizes, (1, d, f)."""
    level = codec.network.topdown.levels[0]
    features = codec.network.features(torch.from_numpy(wave)[None, None])[0]
    return level.latent(
        features, features.new_zeros(1, codec.network.topdown.state, features.shape[-1])
    )


def error_of(codec, wave, codes):
    """Squared error of the first level: its latents less those that the codes stand for."""
    rows = [torch.from_numpy(row.astype(np.int64))[None] for row in codes.codebooks[:2]]
    return (
        (latents(codec, wave) - codec.network.topdown.levels[0].quantizer.decode(rows))
        .square()
        .sum()
        .item()
    )


def test_more_weight_takes_fewer_bits_and_leaves_more(tiny, prior, speech):
    wave = speech[:32_000].copy()
    bits, errors = [], []
    for weight in (0, 1, 4, 100):
        codes = tiny.encode(wave, search=RateDistortion(prior, weight))
        assert codes.shapes == tiny.shapes
        assert len(tiny.decode(codes)) == len(wave)
        bits.append(score(tiny, prior, codes).mean)
        errors.append(error_of(tiny, wave, codes))
    assert bits == sorted(bits, reverse=True)
    assert errors == sorted(errors)
    assert bits[-1] < 0.9 * bits[0]
    # all options are searched to the end: no worse than the greedy search
    assert errors[0] <= error_of(tiny, wave, tiny.encode(wave)) + 1e-6


def test_every_code_makes_error_and_price_least(tiny, prior, speech):
    """Against the definition, slowly: every codeword of one codebook is tried in every position."""
    wave, weight = speech[:16_000].copy(), 2.0
    optimized = tiny.encode(wave, codebooks=1, search=RateDistortion(prior, weight))
    stream, book = (
        prior.network.streams[0],
        tiny.network.topdown.levels[0].quantizer.codebooks[0].codewords,
    )
    errors = torch.stack([(book - row).square().sum(1) for row in latents(tiny, wave)[0].T])
    price = weight * 2 * errors.amin(1).mean() / 4
    condition = stream.condition(
        [], len(errors), unpacked(tiny.network, optimized.speaker_embedding)
    )
    codes = errors.argmin(1)
    for _ in range(PASSES):
        state, rows = stream.wavenet.initial_state(1), []
        for position in range(len(codes)):
            previous = codes[position - 1 : position] if position else None
            logits, state = stream.step(previous, condition[..., position : position + 1], state)
            rows.append(-torch.log_softmax(logits[0], 0))
        codes = (errors + price * torch.stack(rows)).argmin(1)
    assert np.array_equal(optimized.codebooks[0], codes.numpy())
    assert not np.array_equal(optimized.codebooks[0], tiny.encode(wave, codebooks=1).codebooks[0])


@pytest.mark.parametrize("kind", ["vq", "sq"])
def test_options_are_the_nearest_entries_and_what_is_left_in_the_end(kind):
    torch.manual_seed(0)
    quantizer = (
        LevelConfig(0, 3, kinds(AnyQuantizerConfig)[kind](codebook_size=5, dim=3, beam=5))
        .build()
        .double()
        .eval()
    )
    z = torch.randn(40, 3, dtype=torch.float64)
    codes, errors = quantizer.options(z, 1, 3, 4)
    books = [codebook.codewords for codebook in quantizer.codebooks]
    for row, options, costs in zip(z, codes, errors, strict=True):
        order = (books[1] - row).square().sum(1).argsort()
        assert sorted(options.tolist()) == sorted(order[:4].tolist())
        for code, cost in zip(options, costs, strict=True):
            best = min(
                (row - books[1][code] - codeword).square().sum().item() for codeword in books[2]
            )
            assert cost.item() == pytest.approx(best)
    assert quantizer.options(z, 0, 1, 99)[0].shape == (40, 5)
    pairs = itertools.product(range(5), repeat=2)
    best = min((z[0] - books[0][i] - books[1][j]).square().sum().item() for i, j in pairs)
    assert quantizer.options(z, 0, 2, 5)[1][0].min().item() == pytest.approx(best)


def test_files_and_waveforms_give_the_same_codes(tiny, prior, speech, tmp_path):
    long = np.tile(speech, 6)[: 16_000 * 21]
    soundfile.write(tmp_path / "long.wav", long, 16_000, subtype="FLOAT")
    search = RateDistortion(prior, 1.0)
    assert tiny.encode_file(audio.inspect(tmp_path / "long.wav"), search=search) == tiny.encode(
        long, search=search
    )


def test_what_does_not_fit_is_refused(prior, speech, other_model):
    for weight in (-1.0, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match="the weight of the rate must be a"):
            RateDistortion(prior, weight)
    with pytest.raises(WrongModel, match="the prior p describes the codes of"):
        speechvq.load(other_model).encode(speech, search=RateDistortion(prior))


def test_as_a_command(run, clip, tmp_path):
    sizes = {}
    for weight in (None, 0.5, 2):
        path, more = tmp_path / f"{weight}.codes", () if weight is None else ("--rdo", weight)
        done = run("encode", clip, path, "--entropy", "wavenet", "--codebooks", 4, *more)
        assert done.code == 0, done.err
        sizes[weight] = path.stat().st_size
    assert sizes[2] < 0.97 * sizes[0.5] < 0.97 * sizes[None]
    assert read_header(tmp_path / "2.codes").coding == PRIOR
    assert len(read_codes(tmp_path / "2.codes", [PriorCoder(load_prior())]).codebooks) == 4
    wavenet = ("--entropy", "wavenet")
    for more, code, says in (
        (("--rdo", 1), 2, "--rdo is for --entropy wavenet"),
        ((*wavenet, "--rdo", -1), 2, "'--rdo'"),
    ):
        done = run("encode", clip, tmp_path / "no.codes", *more)
        assert done.code == code
        assert says in done.err
        assert not (tmp_path / "no.codes").exists()
