"""What `Codec` promises for waveforms."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import speechvq
from speechvq.codec.session import decoded
from speechvq.errors import AudioError, CodesError, ConfigError, SpeakerError, WrongModel
from speechvq.nn.speaker import beyond, from_steps, to_steps
from tests.audio.test_reading import RATES, noise


def test_codes_say_what_was_encoded(tiny):
    codes = tiny.encode(noise(30000), 44100)
    assert (codes.model, codes.sample_rate, codes.source_rate, codes.samples) == (
        tiny.model,
        16000,
        44100,
        30000,
    )
    assert codes.shapes == tiny.shapes
    assert [row.shape for row in codes.codebooks] == [
        (18,),
        (18,),
        (36,),
        (36,),
    ]  # 0.68 s at 25 and 50 Hz, whole coarse frames
    assert {row.dtype for row in codes.codebooks} == {np.dtype(np.uint16)}
    assert len(codes.speaker_embedding) == 16


@pytest.mark.parametrize(
    "make",
    [
        torch.from_numpy,
        lambda wave: torch.from_numpy(wave).requires_grad_(),
        lambda wave: torch.from_numpy(wave).double(),
        lambda wave: wave.astype(np.float64),
        lambda wave: np.repeat(wave, 2)[::2],
        lambda wave: wave.tolist(),
        lambda wave: wave[::-1].copy()[::-1],
    ],
    ids=[
        "tensor",
        "tensor with gradient",
        "float64 tensor",
        "float64",
        "every other",
        "list",
        "backwards",
    ],
)
def test_any_kind_of_array(tiny, make):
    wave = noise(5000)
    assert tiny.encode(make(wave)) == tiny.encode(wave)


def test_a_read_only_array_is_neither_warned_of_nor_changed(tiny):
    wave = noise(5000)
    wave.flags.writeable = False
    torch.set_warn_always(True)  # otherwise torch warns once, in whichever test comes first
    try:
        codes = tiny.encode(wave)
    finally:
        torch.set_warn_always(False)
    assert codes == tiny.encode(noise(5000))


@pytest.mark.parametrize(
    "wave",
    [
        noise(8000, 1),
        noise(8000, 2),
        noise(2, 8000),
        noise(0),
        np.float32(0.5),
        torch.zeros(1, 8000),
    ],
)
def test_other_shapes_are_refused(tiny, wave):
    with pytest.raises(AudioError, match=r"a waveform has shape \(samples,\), not"):
        tiny.encode(wave)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused(tiny, value):
    wave = noise(8000)
    wave[4000] = value
    with pytest.raises(AudioError, match="not finite"):
        tiny.encode(wave)


@settings(max_examples=60, deadline=None)
@given(rate=st.sampled_from(RATES) | st.integers(1000, 384_000), samples=st.integers(1, 30_000))
def test_what_comes_back_is_as_long_as_what_went_in(tiny, rate, samples):
    back = tiny.decode(tiny.encode(noise(samples), rate))
    assert back.shape == (samples,)
    assert back.dtype == np.float32
    assert np.isfinite(back).all()


@pytest.mark.parametrize(
    "rate", [0, 1, -16000, 44100.5, float("nan"), float("inf"), 384_001, 10**12, "16000", True]
)
def test_impossible_rates_are_refused(tiny, rate):
    with pytest.raises(AudioError, match="a sample rate in Hz must be"):
        tiny.encode(noise(8000), rate)


def test_the_models_rate_is_the_default(tiny):
    wave = noise(8000)
    assert tiny.encode(wave) == tiny.encode(wave, 16000) == tiny.encode(wave, 16000.0)


@pytest.mark.parametrize("peak", [0, 1e-12, 1.0, 7.9])
def test_silence_and_noise_beyond_full_scale_stay_finite(tiny, peak):
    back = tiny.decode(tiny.encode(noise(8000, peak=peak)))
    assert np.isfinite(back).all()


def test_encoding_and_decoding_are_deterministic_and_leave_no_trace(codec, speech):
    before = torch.get_rng_state()
    codes = codec.encode(speech)
    wave = codec.decode(codes)
    next(decoded(codec.network, codes, codec._embedding(codes, None, 0.0)))
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.is_grad_enabled()
    assert not torch.is_inference_mode_enabled()
    torch.manual_seed(1)
    assert codec.encode(speech) == codes
    assert np.array_equal(codec.decode(codes), wave)


def test_every_prefix_is_what_greedy_encoding_with_fewer_codebooks_gives(tiny, speech):
    codes = tiny.encode(speech)
    waves = []
    for count in range(1, len(tiny.shapes) + 1):
        few = tiny.encode(speech, codebooks=count)
        assert few == codes.prefix(count)
        waves.append(tiny.decode(codes.prefix(count)))
        assert np.array_equal(waves[-1], tiny.decode(few))
    for first, second in pairwise(waves):
        assert not np.array_equal(first, second)


def test_any_prefix_decodes_and_codes_searched_for_fewer_codebooks_say_more(codec, speech):
    """The default model searches a level's codebooks together, for as many as are asked for."""
    codes, topdown = codec.encode(speech), codec.network.topdown
    features = codec.network.features(torch.from_numpy(speech.copy())[None, None])
    z = topdown.levels[0].latent(
        features[0], features[0].new_zeros(1, topdown.state, features[0].shape[-1])
    )

    def left(codes):
        rows = [torch.from_numpy(row.astype(np.int64))[None] for row in codes.codebooks[:4]]
        return (
            (z[..., : rows[0].shape[1]] - topdown.levels[0].quantizer.decode(rows))
            .square()
            .sum()
            .item()
        )

    for count in range(1, len(codec.shapes)):
        assert len(codec.decode(codes.prefix(count))) == len(speech)
        few = codec.encode(speech, codebooks=count)
        assert few.shapes == codes.prefix(count).shapes
        assert left(few) < left(codes.prefix(count)) or count >= 4
    assert codec.encode(speech, codebooks=len(codec.shapes)) == codes


def test_the_number_of_codebooks_follows_from_itself_or_a_bit_rate(tiny):
    assert tiny.bitrates == (100, 200, 350, 500)
    assert [tiny.n_codebooks(codebooks=count) for count in (1, 4)] == [1, 4]
    assert tiny.n_codebooks() == 4
    for kbps, codebooks in {0.1: 1, 0.1999: 1, 0.34: 2, 0.35: 3, 1e9: 4, float("inf"): 4}.items():
        assert tiny.n_codebooks(kbps=kbps) == codebooks
        assert tiny.encode(noise(8000), kbps=kbps) == tiny.encode(noise(8000), codebooks=codebooks)
    for wrong in (
        {"codebooks": 0},
        {"codebooks": 5},
        {"codebooks": -1},
        {"kbps": 0.0999},
        {"kbps": float("nan")},
        {"codebooks": 1, "kbps": 1},
    ):
        with pytest.raises(ConfigError):
            tiny.n_codebooks(**wrong)


def test_files_carry_all_that_decoding_needs(tiny, tmp_path):
    codes = tiny.encode(noise(20000), 22050)
    speechvq.write_codes(tmp_path / "a.codes", codes)
    read = speechvq.read_codes(tmp_path / "a.codes")
    assert read == codes
    assert np.array_equal(tiny.decode(read), tiny.decode(codes))


def test_named_voices(tiny):
    wave = noise(8000)
    codes = tiny.encode(wave)
    own, bdl, slt = tiny.decode(codes), tiny.decode(codes, "bdl"), tiny.decode(codes, speaker="slt")
    for first, second in ((own, bdl), (own, slt), (bdl, slt)):
        assert np.abs(first - second).max() > 1e-4
    assert np.array_equal(
        tiny.convert(wave, "slt"), tiny.decode(codes.prefix(tiny.content_codebooks), "slt")
    )
    assert tiny.convert(wave, "slt", 44100).shape == wave.shape
    for use in (lambda: tiny.decode(codes, "nobody"), lambda: tiny.convert(wave, "nobody")):
        with pytest.raises(SpeakerError, match="no voice 'nobody'"):
            use()


def test_voices_are_records(tiny):
    codes = tiny.encode(noise(8000))
    bdl, slt = tiny.voices
    assert (bdl.name, bdl.embedding, bdl.metadata["sex"]) == ("bdl", bytes(range(16)), "m")
    assert tiny.voice("slt") == slt
    assert np.array_equal(tiny.decode(codes, slt), tiny.decode(codes, "slt"))
    own = speechvq.Voice("own", codes.speaker_embedding)
    assert np.array_equal(tiny.decode(codes, own), tiny.decode(codes))
    assert np.array_equal(tiny.convert(noise(8000), slt), tiny.convert(noise(8000), "slt"))


def test_strength_is_how_far_a_conversion_goes(tiny, tmp_path):
    codes = tiny.encode(noise(8000))
    as_it_is = tiny.decode(replace(codes, speaker_embedding=tiny.voice("slt").embedding))
    assert np.array_equal(tiny.decode(codes, "slt", strength=0), as_it_is)
    assert np.array_equal(tiny.decode(codes, "slt", strength=-1), tiny.decode(codes))
    assert np.array_equal(tiny.decode(codes, "slt", strength=0.5), tiny.decode(codes, "slt"))
    assert np.abs(tiny.decode(codes, "slt") - as_it_is).max() > 1e-4
    few = codes.prefix(tiny.content_codebooks)
    converted = tiny.convert(noise(8000), "slt", strength=0.2)
    assert np.array_equal(converted, tiny.decode(few, "slt", strength=0.2))
    tiny.decode_file(few, tmp_path / "a.wav", speaker="slt", strength=0.2)
    assert np.abs(soundfile.read(tmp_path / "a.wav")[0] - converted.clip(-1, 1)).max() < 1e-4


@pytest.mark.parametrize("strength", [float("nan"), float("inf")])
def test_a_strength_that_is_no_number_is_refused(tiny, strength):
    with pytest.raises(ConfigError, match="must be a finite number"):
        tiny.convert(noise(8000), "slt", strength=strength)


def test_a_conversion_goes_beyond_the_named_voice():
    """Half as far again from the source's embedding, rounded; to the source's own voice nowhere."""
    steps = torch.tensor([[0, 5, 8, 15, 9]]), torch.tensor([[4, 5, 10, 15, 0]])
    own, other = map(from_steps, steps)
    assert to_steps(beyond(own, other, 0.5)).tolist() == [[6, 5, 11, 15, 0]]
    assert torch.equal(beyond(own, own, 0.5), own)


def test_codes_that_do_not_fit_the_model(tiny, codec):
    codes = tiny.encode(noise(8000))
    with pytest.raises(WrongModel, match="made by model tiny@"):
        codec.decode(codes)
    for wrong in (
        replace(codes, speaker_embedding=b""),
        replace(codes, sample_rate=8000, source_rate=8000, samples=8000),
    ):
        with pytest.raises(CodesError, match="do not fit the model"):
            tiny.decode(wrong)


def test_integer_waves_are_refused_not_taken_for_very_loud_ones(codec):
    with pytest.raises(AudioError, match="int16"):
        codec.encode(np.ones(8000, np.int16))
