"""The range coder: codes come back from bytes of the ideal code length."""

import numpy as np
import pytest
import torch

from speechvq.codes import CodebookShape, Codes, ModelId, dump, parse
from speechvq.errors import CodesError, ModelError
from speechvq.nn.speaker import unpack_embeddings
from speechvq.prior.file import Prior, load_prior, save_prior
from speechvq.prior.integer import coder
from speechvq.prior.integer.network import integer_streams
from speechvq.prior.sampling import sample
from tests.prior.integer.conftest import SHAPES, SPEAKER, codes


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_codes_come_back_any_prefix(network, depth):
    streams, given = integer_streams(network), codes(30, seed=5)[:depth]
    data = coder.encode(streams, given, SPEAKER)
    back = coder.decode(streams, [len(codebook) for codebook in given], data, SPEAKER)
    assert len(back) == depth
    assert all(map(np.array_equal, given, back))


@torch.no_grad()
def test_the_size_is_the_ideal_code_length(network):
    """Codes drawn from the prior take their entropy, to two parts in a thousand and two words."""
    generator = torch.Generator().manual_seed(0)
    drawn = sample(
        network,
        [300, 300, 600],
        generator=generator,
        speaker_embedding=unpack_embeddings(SPEAKER[None]),
    )
    given = [codebook[0].numpy().astype(np.uint16) for codebook in drawn]
    data = coder.encode(integer_streams(network), given, SPEAKER)
    tensors = [torch.from_numpy(codebook.astype(np.int64))[None] for codebook in given]
    bits = sum(
        codebook.sum().item()
        for codebook in network.nats(tensors, unpack_embeddings(SPEAKER[None]))
    ) / np.log(2)
    assert 8 * len(data) == pytest.approx(bits, rel=0.002, abs=48)
    assert bits != pytest.approx(
        sum(
            len(codebook) * np.log2(size) for codebook, (_, size) in zip(given, SHAPES, strict=True)
        ),
        rel=0.01,
    )


def test_the_reference_arithmetic_writes_the_same_bytes(network):
    given = codes(60, seed=3)
    fast, reference = (
        coder.encode(integer_streams(network, dtype), given, SPEAKER)
        for dtype in (np.float64, np.int64)
    )
    assert fast == reference


def test_long_recordings_are_coded_in_chunks(network, monkeypatch):
    given = codes(40, seed=1)
    data = coder.encode(integer_streams(network), given, SPEAKER)
    monkeypatch.setattr(coder, "CHUNK", 7)
    assert coder.encode(integer_streams(network), given, SPEAKER) == data
    back = coder.decode(
        integer_streams(network), [len(codebook) for codebook in given], data, SPEAKER
    )
    assert all(map(np.array_equal, given, back))


def test_what_cannot_have_been_coded_is_refused(network):
    streams = integer_streams(network)
    with pytest.raises(ValueError, match="not a whole number of words"):
        coder.decode(streams, [3], b"12345", SPEAKER)
    with pytest.raises(ValueError, match="damaged or of another prior"):
        coder.decode(streams, [400], b"\xff" * 16, SPEAKER)
    for wrong in (
        lambda: coder.encode(streams, codes() * 2, SPEAKER),
        lambda: coder.decode(streams, [1] * 6, b"", SPEAKER),
    ):
        with pytest.raises(ValueError, match="the prior has 3 codebooks, the codes have 6"):
            wrong()


def test_a_coder_needs_a_prior_with_a_name_and_speaker_vectors_that_fit(network, tmp_path):
    prior = Prior(network, "p", ModelId("m", b"12345678"))
    with pytest.raises(ModelError, match="the prior p was not read from a file"):
        coder.PriorCoder(prior)
    save_prior(tmp_path / "p.safetensors", prior)
    ready, given = coder.PriorCoder(load_prior(tmp_path / "p.safetensors")), codes(9)
    data = ready.encode(given, SPEAKER.tobytes())
    assert all(
        map(
            np.array_equal,
            given,
            ready.decode([len(codebook) for codebook in given], data, SPEAKER.tobytes()),
        )
    )
    with pytest.raises(CodesError, match="a speaker embedding of 1 bytes does not fit the prior"):
        ready.encode(given, b"1")


def test_a_coder_refuses_what_are_no_codes(network, tmp_path):
    save_prior(tmp_path / "p.safetensors", Prior(network, "p", ModelId("m", b"12345678")))
    ready, speaker = coder.PriorCoder(load_prior(tmp_path / "p.safetensors")), SPEAKER.tobytes()
    coarse, middle, fine = codes(9)
    for codebooks in (
        None,
        7,
        "codes",
        coarse,
        [],
        [coarse, middle, fine, fine],
        [None],
        ["codes"],
        [coarse.astype(float)],
        [coarse[None]],
        [coarse, middle[1:]],
        [fine[:0], middle],
        [np.full(9, 17)],
        [np.full(9, -1)],
    ):
        with pytest.raises(CodesError):
            ready.encode(codebooks, speaker)
    data = ready.encode([coarse.tolist(), middle], speaker)
    for counts in (
        None,
        9,
        "9",
        [],
        [9, 8],
        [9, 9, 18, 18],
        [9.0],
        [-1],
        [None],
        [True],
        [1 << 40],
    ):
        with pytest.raises(CodesError):
            ready.decode(counts, data, speaker)
    for wrong in (None, "data", data[1:], np.frombuffer(data, np.uint8)):
        with pytest.raises(CodesError):
            ready.decode([9, 9], wrong, speaker)
    for wrong in (None, 7, "speaker", SPEAKER):
        with pytest.raises(CodesError, match="a packed speaker embedding must be bytes"):
            ready.encode([coarse], wrong)
        with pytest.raises(CodesError, match="a packed speaker embedding must be bytes"):
            ready.decode([9], data, wrong)
    assert np.array_equal(ready.decode([9, 9], data, speaker)[1], middle)


def test_codes_that_a_coder_cannot_code_are_written_in_fixed_width(network, tmp_path):
    prior = Prior(network, "p", ModelId("m", b"12345678"))
    save_prior(tmp_path / "p.safetensors", prior)
    ready = coder.PriorCoder(load_prior(tmp_path / "p.safetensors"))
    shapes = tuple(CodebookShape(hop, size) for hop, size in SHAPES)
    samples, rows = 9 * SHAPES[0][0], tuple(codes(9))
    made = Codes(prior.model, 16_000, 16_000, samples, shapes, rows, b"1")
    assert parse(dump(made, [ready]), coders=[ready]) == made
