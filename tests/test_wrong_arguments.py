"""Every public callable, given what it cannot use: one sentence of the error tree, or a result."""

import io
from dataclasses import replace

import numpy as np
import pytest
import torch

import speechvq
from speechvq.codec.session import DecodingSession, EncodingSession
from speechvq.codes import CodebookShape, ModelId
from speechvq.errors import SpeechVQError
from tests.audio.test_reading import noise

NAN, INF = float("nan"), float("inf")
NUMBERS = (
    *(None, "1", b"1", 0, -1, -5, 1.5, NAN, INF, -INF, 1e9, 1e300, 10**400, 2**64, True, 2j),
    *(
        np.int64(-3),
        np.float32(2.5),
        np.float16(NAN),
        np.array([True])[0],
        np.array([1, 2]),
        [],
        {},
    ),
    *(torch.tensor(NAN), torch.tensor([1.0, 2.0]), torch.empty((), device="meta"), object()),
)
"""What may stand where a number should."""


class Escapes:
    """A thing that a terminal must not be shown as it shows itself."""

    def __repr__(self):
        return "\x1b[31m\nred"


THINGS = (
    *(
        None,
        3,
        2.5,
        NAN,
        "x",
        "",
        "a\0b",
        "\ud800",
        "\x1b[31m",
        b"\xff",
        True,
        [],
        {},
        (),
        object(),
        int,
        Escapes(),
    ),
    *([1, "x"], [[1.0], [2.0, 3.0]], {"a": 1}, range(3), iter([]), lambda: None, np.zeros(3)),
    *(np.array(None), torch.zeros(2, 3), torch.zeros(3, device="meta"), ModelId("m", b"12345678")),
)
"""What may stand where anything else should."""

WAVE = noise(2000)
WAVES = {
    "bytes": b"abc",
    "text": "talk.wav",
    "no samples": [],
    "0-d": np.float32(0.5),
    "integers": np.ones(2000, np.int16),
    "list of integers": [0, 1, 0],
    "complex": WAVE.astype(complex),
    "booleans": WAVE > 0,
    "objects": WAVE.astype(object),
    "list of lists": [[0.1, 0.2], [0.3]],
    "three axes": np.zeros((1, 2, 3), np.float32),
    "not finite": np.array([0.1, NAN, INF]),
    "huge": np.array([1e300, 0.1]),
    "large": np.array([3e38, 0.1], np.float32),
    "masked": np.ma.masked_less(WAVE, 0),
    "meta tensor": torch.zeros(2000, device="meta"),
    "sparse tensor": torch.zeros(2000).to_sparse(),
    "integer tensor": torch.ones(2000, dtype=torch.int16),
    "complex tensor": torch.zeros(2000, dtype=torch.complex64),
    "a nested tensor": torch.nested.nested_tensor(
        [torch.zeros(2), torch.zeros(3)], layout=torch.jagged
    ),
    "a stream of bytes": io.BytesIO(b"abc"),  # which has `detach`, as tensors do
    "dates": np.zeros(3, "M8[s]"),
    "fields": np.zeros(3, [("left", "f4")]),
}
ODD_WAVES = {
    "bfloat16": torch.from_numpy(WAVE).bfloat16(),
    "float16": torch.from_numpy(WAVE).half(),
    "NumPy's float16": WAVE.astype(np.float16),
    "longdouble": WAVE.astype(np.longdouble),
    "big-endian": WAVE.astype(">f4"),
    "memoryview": memoryview(WAVE),
    "one sample": WAVE[:1],
    "tiny": np.full(2000, 1e-310),
    "expanded": torch.tensor([0.5]).expand(2000),
    "subclass": torch.nn.Parameter(torch.from_numpy(WAVE)),
    "tuple": tuple(WAVE.tolist()),
}


def refused(use):
    """An error of the tree, in one printable sentence."""
    with pytest.raises(SpeechVQError) as caught:
        use()
    assert str(caught.value).isprintable(), caught.value
    assert len(str(caught.value)) < 500


def refused_or_used(use):
    try:
        use()
    except SpeechVQError as error:
        assert str(error).isprintable(), error  # noqa: PT017 - it may also be a result


@pytest.fixture(scope="module")
def prior(prior_file):
    return speechvq.load_prior(prior_file)


@pytest.fixture(scope="module")
def codes(tiny):
    return tiny.encode(WAVE)


@pytest.mark.parametrize("name", WAVES)
def test_waves_that_cannot_be_encoded(tiny, name):
    wave = WAVES[name]
    refused(lambda: tiny.encode(wave))
    refused(lambda: tiny.convert(wave, "bdl"))
    refused(lambda: tiny.reconstruct(wave))
    refused(lambda: EncodingSession(tiny.network, 1).feed(wave))
    if name not in ("no samples", "list of lists", "a nested tensor"):  # which are batches
        refused(lambda: tiny.encode_batch(wave))
        refused(lambda: tiny.encode_batch([wave]))


@pytest.mark.parametrize("name", ODD_WAVES)
def test_waves_of_odd_types_are_encoded(tiny, name):
    wave = ODD_WAVES[name]
    values = wave.detach().float().numpy() if isinstance(wave, torch.Tensor) else np.asarray(wave)
    assert tiny.encode(wave) == tiny.encode(values.astype(np.float32))


def test_a_batch_may_be_one_array_or_tensor(tiny):
    both = np.stack([WAVE, WAVE / 2])
    expected = tiny.encode_batch([WAVE, WAVE / 2])
    assert tiny.encode_batch(both) == expected
    assert tiny.encode_batch(torch.from_numpy(both)) == expected
    assert tiny.encode_batch(iter(both)) == expected


def numbers(tiny, prior, codes):
    """Callables of one number."""
    generate, sample = speechvq.generate, {"seconds": 0.05}
    return {
        "rate": lambda x: tiny.encode(WAVE, x),
        "codebooks": lambda x: tiny.encode(WAVE, codebooks=x),
        "kbps": lambda x: tiny.n_codebooks(kbps=x),
        "strength": lambda x: tiny.decode(codes, "bdl", strength=x),
        "prefix": codes.prefix,
        "latents": lambda x: tiny.latents(codes, x),
        "reconstruct": lambda x: tiny.reconstruct(torch.zeros(1, 700), n_codebooks=x),
        "seed": lambda x: generate(tiny, prior, **sample, seed=x),
        "temperature": lambda x: generate(tiny, prior, **sample, temperature=x),
        "top-p": lambda x: generate(tiny, prior, **sample, top_p=x),
        "weight": lambda x: speechvq.RateDistortion(prior, x),
        "codebooks of a session": lambda x: EncodingSession(tiny.network, x),
        "length": lambda x: EncodingSession(tiny.network, 1, lengths=[x]),
        "samples": lambda x: codes.with_codebooks(codes.codebooks, samples=x),
        "samples of codes": lambda x: replace(codes, samples=x),
        "source rate": lambda x: replace(codes, source_rate=x),
        "hop": lambda x: CodebookShape(x, 16),
    }


def test_numbers(tiny, prior, codes):
    for use in numbers(tiny, prior, codes).values():
        for value in NUMBERS:
            refused_or_used(lambda use=use, value=value: use(value))
    for seconds in (0, -1, NAN, 1e12, "1", None, True):
        refused(lambda seconds=seconds: speechvq.generate(tiny, prior, seconds=seconds))
    for wrong in ("1", 0, -5, 16000.5, NAN, 1e9, True, [16000]):
        refused(lambda wrong=wrong: tiny.encode(WAVE, wrong))
        refused(lambda wrong=wrong: tiny.encode_batch([WAVE], wrong))
    for wrong in (2.0, True, "2", 0, -1, 65):
        refused(lambda wrong=wrong: tiny.encode(WAVE, codebooks=wrong))
        refused(lambda wrong=wrong: codes.prefix(wrong))
    assert tiny.encode(WAVE, np.int32(16000), codebooks=np.uint8(2)) == tiny.encode(
        WAVE, codebooks=2
    )


def things(tiny, prior, codes, folder):
    """Callables of one thing that is no number."""
    network = tiny.network
    return {
        "load": lambda x: speechvq.load(x) if x is not None else None,
        "device": lambda x: speechvq.load(device=x) if x is not None else None,
        "load_prior": lambda x: speechvq.load_prior(x) if x is not None else None,
        "read_codes": speechvq.read_codes,
        "write_codes": lambda x: speechvq.write_codes(folder / "x.codes", x),
        "encode_file": tiny.encode_file,
        "encode_batch": tiny.encode_batch,
        "decode": tiny.decode,
        "decode_file": lambda x: tiny.decode_file(codes, x),
        "codes of decode_file": lambda x: tiny.decode_file(x, folder / "x.wav"),
        "speaker": lambda x: tiny.decode(codes, x),
        "voice": tiny.voice,
        "convert": lambda x: tiny.convert(WAVE, x),
        "latents": tiny.latents,
        "search": lambda x: tiny.encode(WAVE, search=x),
        "embedding": lambda x: tiny.reconstruct(torch.zeros(1, 700), speaker_embedding=x),
        "with_codebooks": codes.with_codebooks,
        "score": lambda x: speechvq.score(tiny, prior, x),
        "score's codec": lambda x: speechvq.score(x, prior, codes),
        "score's prior": lambda x: speechvq.score(tiny, x, codes),
        "prompt": lambda x: speechvq.generate(tiny, prior, seconds=0.05, prompt=x),
        "generate's speaker": lambda x: speechvq.generate(tiny, prior, seconds=0.05, speaker=x),
        "generate's prior": lambda x: speechvq.generate(tiny, x, seconds=0.05),
        "generate's codec": lambda x: speechvq.generate(x, prior, seconds=0.05),
        "PriorCoder": speechvq.PriorCoder,
        "RateDistortion": speechvq.RateDistortion,
        "name of a voice": lambda x: speechvq.Voice(x, b"1"),
        "embedding of a voice": lambda x: speechvq.Voice("v", x),
        "voices of a codec": lambda x: speechvq.Codec(network, tiny.model, x),
        "model of a prior": lambda x: prior.check(x, 1),
        "number of a prior": lambda x: prior.check(prior.model, x),
        "network of a search": lambda x: speechvq.RateDistortion(prior).check(prior.model, x, 1),
        "force": lambda x: speechvq.write_codes(folder / "x.codes", codes, force=x),
        "force of decode_file": lambda x: tiny.decode_file(codes, folder / "x.wav", force=x),
        "network of a codec": lambda x: speechvq.Codec(x, tiny.model),
        "network of a session": lambda x: EncodingSession(x, 1),
        "chunk": lambda x: EncodingSession(network, 1).feed(x),
        "embedding of a session": lambda x: DecodingSession(network, x),
        "codes of a session": lambda x: DecodingSession(network, torch.zeros(1, 32)).feed(x),
        "digest": lambda x: ModelId("m", x),
        "embedding of codes": lambda x: replace(codes, speaker_embedding=x),
        "shapes": lambda x: replace(codes, shapes=x),
        "codebooks": lambda x: replace(codes, codebooks=x),
    }


def test_things(tiny, prior, codes, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, use in things(tiny, prior, codes, tmp_path).items():
        for value in THINGS:
            try:
                refused_or_used(lambda use=use, value=value: use(value))
            except Exception as error:
                raise AssertionError(f"{name} of {value!r}: {error!r}") from error


def test_voices_of_other_models(tiny, codec, codes):
    for embedding in (b"", b"1"):
        refused(lambda embedding=embedding: tiny.decode(codes, speechvq.Voice("v", embedding)))
    refused(lambda: codec.decode(codes))


def test_the_order_of_a_sessions_calls(tiny, codes):
    session = EncodingSession(tiny.network, 1)
    session.feed(WAVE[None], last=True)
    refused(lambda: session.feed(WAVE[None]))
    refused(lambda: EncodingSession(tiny.network, 1, lengths=[9]).feed(WAVE[None, :5], last=True))
    refused(lambda: EncodingSession(tiny.network, 1, lengths=[9, 9]).feed(WAVE[None]))
    decoding = DecodingSession(tiny.network, torch.zeros(1, 32))
    decoding.feed(codes.codebooks, last=True)
    refused(lambda: decoding.feed(codes.codebooks))
    assert decoding.finish().size == 0
    for wrong in ([[99]], [[-1]], [[0], [0, 1]], [[0.5]], [], [[0]] * 5):
        refused(lambda wrong=wrong: DecodingSession(tiny.network, torch.zeros(1, 32)).feed(wrong))
