"""The size of the chunks changes nothing, and files and arrays give the same."""

import itertools

import numpy as np
import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speechvq.audio import reading as audio
from speechvq.audio.reading import inspect
from speechvq.codec import sources
from speechvq.codec.session import encoded
from speechvq.codec.sources import Sources
from speechvq.codes.file import dump, overhead
from speechvq.codes.header import header_of
from speechvq.errors import AudioError
from speechvq.nn.speaker import unpack_embeddings
from tests.audio.test_reading import noise


@pytest.fixture(scope="module")
def long(speech):
    """13 seconds of speech."""
    return np.tile(speech, 4)[: 13 * 16000 + 123]


@pytest.mark.parametrize("rate", [16_000, 22_050])
@pytest.mark.parametrize("name", ["codec", "tiny"])
def test_a_batch_changes_nothing(request, long, name, rate):
    """Neither other waveforms, nor the padding of shorter ones, nor their order."""
    codec = request.getfixturevalue(name)
    waves = [long[:n] for n in (5 * 16_000, 1, 700, 161_000, 163_840, len(long))]
    alone = [codec.encode(wave, rate) for wave in waves]
    assert codec.encode_batch(waves, rate) == alone
    assert codec.encode_batch(waves[2:4], rate, codebooks=2) == [
        codec.encode(wave, rate, codebooks=2) for wave in waves[2:4]
    ]
    assert codec.encode_batch([]) == []


def test_what_is_wrong_in_a_batch_is_named(tiny):
    with pytest.raises(AudioError, match=r"waveform 1: .*not finite"):
        tiny.encode_batch([noise(100), np.full(100, np.nan, np.float32)])


@pytest.mark.parametrize("seconds", [1, 3, 100])
@pytest.mark.parametrize("name", ["codec", "tiny"])
def test_the_size_of_the_chunks_changes_nothing(request, monkeypatch, long, name, seconds):
    codec = request.getfixturevalue(name)
    codes = codec.encode(long)
    wave = codec.decode(codes)
    monkeypatch.setattr(sources, "CHUNK_SECONDS", seconds)
    assert codec.encode(long) == codes
    assert np.abs(codec.decode(codes) - wave).max() < 1e-4


@pytest.mark.parametrize("name", ["codec", "tiny"])
def test_chunks_give_what_the_network_makes_of_all_at_once(request, monkeypatch, long, name):
    codec = request.getfixturevalue(name)
    monkeypatch.setattr(sources, "CHUNK_SECONDS", 1)
    codes = codec.encode(long)
    with torch.inference_mode():
        rows = codec.network.encode(torch.tensor(long)[None, None])
        embedding = unpack_embeddings(np.frombuffer(codes.speaker_embedding, np.uint8)[None])
        wave = codec.network.decode(rows, embedding)[0, 0, : len(long)].numpy()
    for row, expected in zip(codes.codebooks, rows, strict=True):
        assert np.array_equal(row, expected[0])
    assert np.abs(codec.decode(codes) - wave).max() < 1e-4


@settings(max_examples=20, deadline=None)
@given(cuts=st.lists(st.integers(0, 20_000), max_size=12))
def test_chunks_of_any_size_change_nothing(tiny, cuts):
    wave = noise(20_000)
    edges = [0, *sorted(cuts), len(wave)]
    blocks = (wave[None, first:last] for first, last in itertools.pairwise(edges))
    recordings = Sources(blocks, 16000, [len(wave)], 16000)
    assert encoded(tiny.network, tiny.model, 4, recordings) == [tiny.encode(wave)]


@pytest.mark.parametrize("seconds", [1, 3, 100])
def test_a_file_gives_the_same_codes_as_its_samples(tiny, monkeypatch, tmp_path, long, seconds):
    soundfile.write(tmp_path / "a.wav", long, 16000, "FLOAT")
    monkeypatch.setattr(audio, "CHUNK_SECONDS", seconds)
    assert tiny.encode_file(inspect(tmp_path / "a.wav")) == tiny.encode(long)


@pytest.mark.parametrize("rate", [8000, 44100])
def test_a_file_of_another_rate_gives_nearly_the_same_codes(
    tiny, monkeypatch, tmp_path, long, rate
):
    soundfile.write(tmp_path / "a.wav", long, rate, "FLOAT")
    monkeypatch.setattr(audio, "CHUNK_SECONDS", 1)
    codes, expected = tiny.encode_file(inspect(tmp_path / "a.wav")), tiny.encode(long, rate)
    assert codes.frames == expected.frames
    for row, other in zip(codes.codebooks, expected.codebooks, strict=True):
        assert (
            np.mean(row == other) > 0.99
        )  # two ways of resampling differ by 1e-5, which may change a code


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_a_decoded_file_holds_the_decoded_samples(tiny, monkeypatch, tmp_path, long, rate):
    codes = tiny.encode(long, rate)
    wave = tiny.decode(codes)
    monkeypatch.setattr(sources, "CHUNK_SECONDS", 1)
    tiny.decode_file(codes, tmp_path / "a.wav")
    samples, file_rate = soundfile.read(tmp_path / "a.wav", dtype="float32")
    assert file_rate == rate
    assert samples.shape == wave.shape
    assert np.abs(samples - wave.clip(-1, 1)).max() < 2e-4


def test_progress_adds_up_to_the_length(tiny, monkeypatch, tmp_path, long):
    monkeypatch.setattr(audio, "CHUNK_SECONDS", 3)
    monkeypatch.setattr(sources, "CHUNK_SECONDS", 3)
    soundfile.write(tmp_path / "a.wav", long, 16000)
    encoding, decoding = [], []
    codes = tiny.encode_file(inspect(tmp_path / "a.wav"), progress=encoding.append)
    tiny.decode_file(codes, tmp_path / "b.wav", progress=decoding.append)
    assert len(encoding) == len(decoding) == 5
    assert sum(encoding) == pytest.approx(codes.seconds)
    assert sum(decoding) == pytest.approx(codes.seconds, abs=0.04)


def test_ten_seconds_of_speech_at_the_lowest_rate(codec, speech):
    codes = codec.encode(np.tile(speech, 3)[:160_000], codebooks=1)
    assert overhead(header_of(codes)) < 64
    assert len(dump(codes)) < 64 + codes.bits_per_second * 10 / 8
