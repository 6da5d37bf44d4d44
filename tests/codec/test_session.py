"""Sessions that do not know what comes: the same codes and the same sound as all at once."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speechvq.codec.decoding import unpacked
from speechvq.codec.session import DecodingSession, EncodingSession
from tests.audio.test_reading import noise

HOPS = (640, 640, 320, 320)
"""Samples per code of the tiny model's codebooks."""


def joined(parts):
    """The codes (f,) of each codebook, of what a session gave piece by piece for one waveform."""
    rows = zip(*(codes for codes in parts if codes), strict=True)
    return [torch.cat(codes, -1)[0].numpy() for codes in rows]


@settings(max_examples=20, deadline=None)
@given(length=st.integers(1, 20_000), cuts=st.lists(st.integers(0, 20_000), max_size=8))
def test_a_stream_has_the_codes_and_the_embedding_of_the_whole(tiny, length, cuts):
    wave = noise(length)
    session = EncodingSession(tiny.network, 4)
    edges = [0, *sorted(min(cut, length) for cut in cuts), length]
    parts = [session.feed(wave[None, a:b]) for a, b in itertools.pairwise(edges)]
    parts.append(session.finish())
    codes = tiny.encode(wave)
    assert all(map(np.array_equal, joined(parts), codes.codebooks))
    assert session.speaker_embeddings() == [codes.speaker_embedding]
    assert session.finish() == []


def test_codes_come_as_soon_as_their_look_ahead_is_heard(tiny):
    network, session, frames = tiny.network, EncodingSession(tiny.network, 4), 0
    wave = noise(16_000)
    for end in range(100, 16_001, 100):
        codes = session.feed(wave[None, end - 100 : end])
        frames += codes[0].shape[-1]
        assert frames == max(0, (end - network.encoder_lookahead) // network.hop)


def test_the_last_chunk_may_be_announced(tiny):
    wave = noise(9_000)
    session = EncodingSession(tiny.network, 2)
    parts = [session.feed(wave[None, :5000]), session.feed(wave[None, 5000:], last=True)]
    assert all(map(np.array_equal, joined(parts), tiny.encode(wave, codebooks=2).codebooks))
    assert session.finish() == []


def test_a_search_gets_all_features_at_the_end(tiny):
    """And codes of frames after the end are cut off."""
    wave, seen = noise(16_000), []

    def search(network, features, embedding, n_codebooks):
        seen.append((features, embedding))
        return network.topdown.encode(features, n_codebooks)

    session = EncodingSession(tiny.network, 3, search=search)
    assert session.feed(wave[None, :7000]) == []
    codes = joined([session.feed(wave[None, 7000:]), session.finish()])
    (features, embedding), expected = seen[0], tiny.encode(wave, codebooks=3)
    assert len(seen) == 1
    assert len(features) == 2
    assert torch.equal(embedding, unpacked(tiny.network, expected.speaker_embedding))
    assert all(map(np.array_equal, codes, expected.codebooks))


def test_the_embedding_is_known_on_the_way(tiny, speech):
    session = EncodingSession(tiny.network, 1)
    session.feed(speech[None, :16_000])
    (early,) = session.speaker_embeddings()
    session.feed(speech[None, 16_000:])
    session.finish()
    (late,) = session.speaker_embeddings()
    assert len(early) == len(late) == 16
    assert late == tiny.encode(speech).speaker_embedding


@settings(max_examples=15, deadline=None)
@given(cuts=st.lists(st.integers(0, 30), max_size=6), announced=st.booleans())
def test_decoding_in_parts_of_any_size_is_decoding_at_once(tiny, cuts, announced):
    codes = tiny.encode(noise(30 * 640))
    session = DecodingSession(tiny.network, unpacked(tiny.network, codes.speaker_embedding))
    edges = [0, *sorted(cuts), 30]
    parts = []
    for first, end in itertools.pairwise(edges):
        rows = [
            row[first * 640 // hop : end * 640 // hop]
            for row, hop in zip(codes.codebooks, HOPS, strict=True)
        ]
        parts.append(session.feed(rows, last=announced and end == edges[-1] and first < end))
    parts.append(session.finish())
    wave = np.concatenate(parts)
    assert len(wave) >= 30 * 640
    assert np.abs(wave[: 30 * 640] - tiny.decode(codes)).max() < 1e-5
    assert len(session.finish()) == 0


def test_the_voice_may_change_between_chunks(tiny):
    codes = tiny.encode(noise(20 * 640))
    session = DecodingSession(tiny.network, unpacked(tiny.network, codes.speaker_embedding))
    session.feed([row[: 10 * 640 // hop] for row, hop in zip(codes.codebooks, HOPS, strict=True)])
    session.embedding = unpacked(tiny.network, tiny.voice("slt").embedding)
    rest = [row[10 * 640 // hop :] for row, hop in zip(codes.codebooks, HOPS, strict=True)]
    changed = session.feed(rest, last=True)
    assert np.abs(changed - tiny.decode(codes)[-len(changed) :]).max() > 1e-4


@pytest.mark.parametrize("name", ["codec", "tiny"])
def test_a_batch_session_is_one_session_each(request, name):
    codec = request.getfixturevalue(name)
    waves = [noise(12_000), noise(7_000)]
    batch = np.zeros((2, 12_000), np.float32)
    for row, wave in zip(batch, waves, strict=True):
        row[: len(wave)] = wave
    session = EncodingSession(codec.network, 2, lengths=[12_000, 7_000])
    parts = [session.feed(batch[:, :3000]), session.feed(batch[:, 3000:]), session.finish()]
    rows = [torch.cat(codes, -1).numpy() for codes in zip(*filter(None, parts), strict=True)]
    for index, wave in enumerate(waves):
        codes = codec.encode(wave, codebooks=2)
        for row, expected in zip(rows, codes.codebooks, strict=True):
            assert np.array_equal(row[index, : len(expected)], expected)
        assert session.speaker_embeddings()[index] == codes.speaker_embedding
